"""SQL text into small frozen dataclasses (parser/), and these into functions of a row (evaluation/). Knows no table."""
