"""Oracle Net and TTC, message by message: framing, handshake, logon, requests, answers. Knows no session."""
