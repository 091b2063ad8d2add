# Every target works from a fresh clone: the private environment is made on the way.
# A distribution builds its Python for speed, and pyenv does not unless told to: a node takes a fifth
# more time under it. So the system's own is used where it is new enough.
PYTHON ?= $(shell /usr/bin/python3 -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 11))' \
    2> /dev/null && echo /usr/bin/python3 || echo python3)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
SEED ?= 1
FAULTS ?= 200

.PHONY: web-bench demo test chaos planted-bugs contention lint bench bench-long quotes-policy tamper up clean floods

demo: $(READY)
	$(BIN)/daytrade demo

test: $(READY)
	$(BIN)/python -m pytest

chaos: $(READY)
	$(BIN)/daytrade chaos --seed $(SEED) --faults $(FAULTS)

# Each of a dozen bugs, planted in a copy of the source, must make the short chaos run fail.
planted-bugs: $(READY)
	$(BIN)/python -m tests.planted.trial

# Two hundred clients at one account.
contention: $(READY)
	$(BIN)/daytrade contention

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(READY)
	$(BIN)/daytrade bench

# Rounds long enough for checkpoints and vacuum: about half an hour.
bench-long: $(READY)
	$(BIN)/daytrade bench --rounds 1 --seconds 300 --pgbench-seconds 60 --no-verify

.PHONY: bench-file growth gc-pauses

# The whole 100-user size through the workload generator: about a minute.
bench-file: $(READY)
	$(BIN)/python -m benchmarks.whole_file

# A command's cost as users, stocks, holdings, triggers and the journal grow: a quarter of an hour.
growth: $(READY)
	$(BIN)/python -m benchmarks.growth --svg growth.svg

gc-pauses: $(READY)
	$(BIN)/python -m benchmarks.gc_pauses

# A thousand edits of the log and of the ledger, each to be found and named.
tamper: $(READY)
	TAMPER_EDITS=1000 $(BIN)/python -m pytest tests/daytrade/test_tampering.py

# Five restores to a command in the middle of a batch.
.PHONY: restores
restores: $(READY)
	RESTORES=5 $(BIN)/python -m pytest tests/e2e/test_restore.py

up: $(READY)
	$(BIN)/daytrade up

# What HTTP costs beside the binary protocol.
web-bench: $(READY)
	$(BIN)/python -m benchmarks.web

quotes-policy: $(READY)
	$(BIN)/python -m benchmarks.quotes_policy

# What bad clients cost good ones; against a stack of `make up`, whose data directory is DATA.
floods: $(READY)
	$(BIN)/python -m benchmarks.floods --port 12100 --password-file $(DATA)/secrets/administrator.json

.PHONY: quote-waits quote-faults quote-kills

# Five minutes of trade: how often a price is not at hand, and what that costs.
quote-waits: $(READY)
	$(BIN)/python -m benchmarks.quote_waits

# Each fault of the quote server for a minute: about a quarter of an hour.
quote-faults: $(READY)
	$(BIN)/python -m benchmarks.quote_faults

quote-kills: $(READY)
	$(BIN)/python -m benchmarks.quote_kills --seed $(SEED)

clean:
	rm -rf $(VENV) build *.egg-info

$(READY): setup.cfg pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test,lint]'
	touch $@
