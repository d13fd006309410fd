"""The Oracle stand-in: a test double that the unmodified python-oracledb Thin driver connects to.

It speaks as much Oracle Net and TTC, and knows as much SQL, as such pipelines, their tests and their demos need. A
statement outside that subset gets ORA-00900 or its like, never a silent success. README.md says what it answers.

    process, __main__    as a subprocess of a test; the command line
    server/              listener, sessions, calls, control API
    faults/              what a test switches on, and how
    engine/              the database itself, in memory
    protocol/            messages, parsed and built
    sql/                 statements and expressions
    data/                types, values and rows as raw bytes
    errors, flavour      Oracle's errors and their texts; which Oracle it behaves like
"""
