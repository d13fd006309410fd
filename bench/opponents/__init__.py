"""What tagpipe is measured against: designs that people write first, written as well as their design allows."""
