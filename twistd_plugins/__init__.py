"""What `twistd` can run: for each service its options and how it is put together.

One module per service; `twisted/plugins/daytrade_*.py` names them to Twisted. Only here does
anything import the global reactor.
"""
