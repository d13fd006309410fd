"""What it takes: processor time and memory, by value, by partition, by function, by what is switched on."""
