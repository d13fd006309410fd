"""Oracle's data as raw bytes: primitives, types, conversions, rows. Knows no SQL, no message and no session."""
