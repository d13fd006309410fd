"""The database itself, in memory: tables, transactions, statements, dictionary, log on disk. Knows no network."""
