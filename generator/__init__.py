"""The workload generator: files read and made, users spread over nodes, replies checked.

Imports `protocol`, `ledger`, `service` and, for the checks after a run, `audit`. To talk to a node
only `protocol` is needed.
"""
