"""The writer: from the buffer into Oracle, else into CSV files; rooms: deliver, oracle, backup, recover, check."""
