"""CSV files that other programs wrote: in whatever encoding, with whatever separators and times.

Promises that a file is read as it was meant, or refused with what a person must say of it; nothing silently wrong.
Must not know: what the columns are for. Who reads says which columns make a header.
"""
