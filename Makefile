# External Sync: everything a person or CI runs. Needs only make and Python 3.11 or newer.

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
UV_VERSION := 0.13.9
COMPILE := $(VENV)-lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-strip-extras --custom-compile-command "make lock"
JOBS ?= 2
ARGS ?=
# Vendors' clients for the tests that are pure Python, but published as sources only: built without a compiler.
SOURCES := enum-compat,xero-python

# The environment is as old as the files it was made from: one stamp per content, so that nothing happens twice.
NETSUITE := $(VENV)-netsuite
LOCKED := $(VENV)/locked-$(shell cat requirements-dev.lock requirements-clients.lock | cksum | tr -d ' ')
INSTALLED := $(VENV)/installed-$(shell cksum < pyproject.toml | tr -d ' ')
DLT := $(VENV)-dlt
PULLER := $(DLT)/locked-$(shell cksum < requirements-dlt.lock | tr -d ' ')
WITNESS := $(NETSUITE)/locked-$(shell cksum < requirements-netsuite.lock | tr -d ' ')

# The newest supported interpreter that really runs (a version manager's shim may name one that does not).
FIND_PYTHON = python=; for candidate in $(PYTHON) python3.13 python3.12 python3.11 python3; do \
		if "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then python=$$candidate; break; fi; \
	done; \
	if [ -z "$$python" ]; then echo "External Sync needs Python 3.11 or newer; set PYTHON=/path/to/python3." >&2; exit 1; fi

.DEFAULT_GOAL := help
.PHONY: audit test-chaos test-convergence test-upgrade test-cost test-browser test-crash test-fuzz help install demo up test test-postgres test-model check coverage bench bench-dlt bench-fair bench-latency bench-scale clean lock

help: ## show this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 24

install: $(INSTALLED) $(WITNESS) ## prepare .venv from the pinned, hashed requirements

# A working .venv is brought up to date in place: a service that runs from it keeps running.
$(LOCKED):
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || { \
		$(FIND_PYTHON); \
		echo "Preparing $(VENV) with $$("$$python" --version) ..."; \
		rm -rf $(VENV); \
		"$$python" -m venv $(VENV) || { echo "The venv module is missing; on Debian or Ubuntu: apt install python3-venv" >&2; exit 1; }; \
	}
	@$(PIP) install --require-hashes --only-binary :all: -r requirements-dev.lock
	@$(PIP) install --require-hashes --only-binary :all: --no-binary $(SOURCES) --no-build-isolation \
		-r requirements-clients.lock
	@rm -f $(VENV)/locked-* && touch $@

$(INSTALLED): $(LOCKED)
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@rm -f $(VENV)/installed-* && touch $@

# The client that the NetSuite sandbox is proven with needs older libraries than ours; only tests use it.
$(WITNESS): | $(INSTALLED)
	@rm -rf $(NETSUITE) && $(BIN)/python -m venv $(NETSUITE)
	@$(NETSUITE)/bin/python -m pip --quiet --disable-pip-version-check install --require-hashes --only-binary :all: \
		-r requirements-netsuite.lock
	@touch $@

# What the benchmark compares with needs many libraries of its own.
$(PULLER): | $(INSTALLED)
	@rm -rf $(DLT) && $(BIN)/python -m venv $(DLT)
	@$(DLT)/bin/python -m pip --quiet --disable-pip-version-check install --require-hashes --only-binary :all: \
		-r requirements-dlt.lock
	@touch $@

demo: $(INSTALLED) ## run the guided scenario on local sandboxes, check both sides, and end
	@$(BIN)/external-sync demo $(ARGS)

up: $(INSTALLED) ## start everything on this machine and keep it running (Ctrl-C stops it)
	@$(BIN)/external-sync dev $(ARGS)

test: install ## run the tests (ARGS="tests/core -k merge" runs some, JOBS=1 runs them in one process)
	@$(BIN)/python -m pytest -n $(JOBS) --dist worksteal $(ARGS)

test-postgres: install ## run the tests of store and engine on PostgreSQL (from a wheel; nothing to install)
	@TEST_DATABASE=postgresql $(BIN)/python -m pytest -n $(JOBS) --dist loadfile tests/store tests/engine tests/model $(ARGS)

test-model: install ## search 4,000 random histories, 2,000 with Salesforce (MODEL_PROVIDER=xero MODEL_EXAMPLES=50 MODEL_SEED=7)
	@MODEL_EXAMPLES=$${MODEL_EXAMPLES:-2000} MODEL_SEED=$${MODEL_SEED:-$$(date +%s)} \
		$(BIN)/python -m pytest -n $(JOBS) --dist worksteal -v tests/model/test_model.py $(ARGS)

test-convergence: install ## kill workers in random histories of all providers; passes and seconds to agree (CONVERGENCE_HISTORIES=12)
	@$(BIN)/python -m pytest -n $(JOBS) --dist worksteal tests/model/convergence.py tests/crash/money_convergence.py $(ARGS)

test-crash: install ## kill workers, API, Temporal and databases at hundreds of points, and check both systems
	@$(BIN)/python -m pytest -n $(JOBS) --dist worksteal tests/crash/matrix.py tests/crash/money_matrix.py tests/crash/servers.py $(ARGS)

test-chaos: install ## let both sides lie, stall, forget and vanish, and hold every sync to agreement or a typed error
	@$(BIN)/python -m pytest -n $(JOBS) --dist worksteal $(addprefix tests/chaos/,matrix.py amounts.py events.py) $(ARGS)

test-upgrade: install ## rehearse upgrades: a next release that migrates, workers replaced with every provider
	@$(BIN)/python -m pytest -n $(JOBS) --dist worksteal tests/upgrade/rehearsals.py $(ARGS)

test-fuzz: install ## try every call of the API with many odd inputs (EXAMPLES=200)
	@EXTERNAL_SYNC_FUZZ_EXAMPLES=$(or $(EXAMPLES),200) $(BIN)/python -m pytest tests/fuzz $(ARGS)

test-cost: install ## first syncs of 2,000 records of every provider at the vendors' own limits: calls near the floor
	@$(BIN)/python -m pytest -q tests/engine/first_loads.py --durations=20 $(ARGS)

test-browser: install ## try the pages in a real browser (Debian: apt install chromium chromium-driver)
	@$(BIN)/python -m pytest tests/browser $(ARGS)

check: install ## lint, format, types, import rules, compose file, docs
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m pytest -q tests/test_architecture.py tests/test_compose.py tests/test_docs.py

audit: install ## hold the installed packages to the lock and to each other, without a network
	@$(PIP) check
	@$(PIP) install --dry-run --no-index --no-deps --require-hashes --only-binary :all: -r requirements-dev.lock >/dev/null

coverage: install ## run the core's own tests and refuse less than 95 % branch coverage of it
	@$(BIN)/python -m pytest -n $(JOBS) tests/core --cov=core --cov-branch --cov-report=term-missing:skip-covered \
		--cov-fail-under=95 $(ARGS)

bench: install ## measure throughput, API calls, Temporal actions and memory
	@$(BIN)/python -m benchmarks $(ARGS)

bench-scale: install ## measure 1,000, 10,000 and 100,000 records on both databases (ARGS="--sizes 1000 --databases sqlite")
	@$(BIN)/python -m benchmarks.scale $(ARGS)

bench-fair: install ## measure twenty integrations at once, one of them limited and one unauthorised
	@$(BIN)/python -m benchmarks.fair $(ARGS)

bench-dlt: install $(PULLER) ## measure beside dlt, which pulls the same customers one way
	@$(BIN)/python -m benchmarks.against_dlt --python $(DLT)/bin/python $(ARGS)

bench-latency: install ## measure how long an edit takes from one system to the other, by events
	@$(BIN)/python -m benchmarks.latency $(ARGS)

clean: ## remove .venv, build output and tool caches (keeps .external-sync, which holds data and keys)
	rm -rf $(VENV) $(NETSUITE) $(DLT) build dist *.egg-info .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

lock: ## resolve pyproject.toml anew into the lock files (ARGS=--upgrade for newer versions)
	@$(FIND_PYTHON); \
	"$$python" -m venv $(VENV)-lock && $(VENV)-lock/bin/pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@$(COMPILE) --output-file requirements.lock $(ARGS) pyproject.toml
	@$(COMPILE) --output-file requirements-dev.lock --extra dev --constraint requirements.lock $(ARGS) pyproject.toml
	@$(COMPILE) --output-file requirements-clients.lock --constraint requirements-dev.lock $(ARGS) requirements-clients.in
	@$(COMPILE) --output-file requirements-netsuite.lock $(ARGS) requirements-netsuite.in
	@$(COMPILE) --output-file requirements-dlt.lock $(ARGS) requirements-dlt.in
	@rm -rf $(VENV)-lock
