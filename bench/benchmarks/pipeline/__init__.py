"""What all services carry together, how soon, and what others make of the same."""
