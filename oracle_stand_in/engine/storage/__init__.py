"""What is stored: tables and their rows, who sees which of them, and the log on disk. Knows no expression's value."""
