"""What one service does by itself, beside a bare loop that does no more than it must."""
