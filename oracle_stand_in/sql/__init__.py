"""SQL text into small frozen dataclasses, and expressions into functions of a row. Knows no table."""
