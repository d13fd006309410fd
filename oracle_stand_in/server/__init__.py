"""Listener, sessions and calls, and the control API: the only room with sockets."""
