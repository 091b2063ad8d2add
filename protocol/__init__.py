"""The wire of DayTrade, without any I/O: bytes in, messages out, and back.

Everyone may import this package; it imports nothing of the project. It knows no socket, no clock,
no randomness and no Twisted, so that a node, a client, the audit daemon and a test speak through
the same code. The layout is told in docs/protocol.md.
"""
