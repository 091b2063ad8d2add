"""The web client: pages and a JSON API over the binary protocol.

It speaks to the nodes like any client and keeps nothing but users and sessions, in Postgres, so
that several of them can run side by side. May import everything below it; used by
`twistd_plugins.trade_web` and `daytrade`.
"""
