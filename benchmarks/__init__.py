"""Speed, as ratios to PostgreSQL's own benchmark on the same server in the same run.

Stands above everything else; only the `daytrade` command imports this. No test asserts a time.
"""
