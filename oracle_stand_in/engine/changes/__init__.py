"""INSERT, UPDATE, DELETE: rows checked and changed, all of a statement's or none, or each with its error in a batch."""
