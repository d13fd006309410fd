"""HANDSHAKE: requests to poll, through Redis (`requests`) and in the poller that has the group (`serving`).

Promises that a request is carried out once or not at all, and that what is no request costs no other anything.
Must not know: what is read, or where it goes.
"""
