"""What every daemon shares: the protocol on a socket, log-in, ordered start and stop, time.

May be imported by everything above `protocol`; it imports only `protocol` and Twisted.
"""
