"""The writer: takes values from the buffer into Oracle; what Oracle does not take goes to CSV files."""
