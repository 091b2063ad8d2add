"""The operators' console: verbs over all daemons, on a terminal, over telnet, or for a script.

May be imported by `twistd_plugins` and `daytrade`; imports only `protocol` and `service`. It holds
nothing itself: whatever it shows it asks the daemons for.
"""
