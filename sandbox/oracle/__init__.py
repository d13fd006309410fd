"""The Oracle stand-in: a test double that the unmodified python-oracledb Thin driver connects to.

It speaks as much Oracle Net and TTC, and knows as much SQL, as this pipeline, its tests and its demo need.
A statement outside that subset gets ORA-00900 or its like, never a silent success. See docs/oracle-stand-in.md.

    wire, packets            bytes: primitives and framing
    handshake, auth          from CONNECT to a logged-on session
    execute, piggyback       requests, parsed;   answers: replies, built
    values, datetimes, convert, column_types     Oracle's data types as raw bytes
    lexer, syntax, parser…   SQL text -> small frozen dataclasses
    table, catalog, transactions, engine …       the database itself, in memory
    faults, control, control_server              what a test switches on, and how
    session, server, process, __main__           connections, listener, subprocess, command line
"""
