"""SQL text into a syntax tree; what is not understood is refused, never guessed."""
