"""What a test switches on (state), and the client that does so (control). Knows nothing else of the stand-in."""
