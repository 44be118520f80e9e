# Das Tern Sync: every command of the project. `make help` lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PORT   ?= 8080
# Two workers pay from two cores on; `make test JOBS=0` runs everything in one process.
JOBS   ?= 2
# Extra words for pytest: make test PYTEST_ARGS="-k stories"
PYTEST_ARGS ?=

export PIP_DISABLE_PIP_VERSION_CHECK := 1

RUN_READY  := $(VENV)/.ready-to-run
TEST_READY := $(VENV)/.ready-to-test
# Quiet: pip's warnings about the machine's own package sources are not ours. Not compiled: Python does it at first use.
PIP        := $(BIN)/python -m pip install -qq --no-input --no-compile

.PHONY: help run demo test lint bench soak docs lock clean servers

help: ## This list
	@awk -F':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(RUN_READY) ## Install, migrate, seed the demo cast, serve on http://localhost:8080 (PORT=…)
	@DASTERN_PORT=$(PORT) exec $(BIN)/dastern run

demo: $(RUN_READY) ## The story of an offline phone, told in the terminal with real processes
	@exec $(BIN)/dastern demo

test: $(TEST_READY) servers lint ## Everything that must hold: lint, then all tests on SQLite and a real PostgreSQL
	@$(BIN)/python -m tests.servers.postgres $(BIN)/python -m pytest -n $(JOBS) --dist worksteal $(PYTEST_ARGS)

lint: $(TEST_READY) ## ruff, mypy, import contracts, and hadolint where it exists (Linux on x86-64)
	@failed=0; \
	 $(BIN)/ruff check --quiet --output-format concise . || failed=1; \
	 $(BIN)/mypy || failed=1; \
	 $(BIN)/lint-imports --no-logo || failed=1; \
	 if [ -x $(BIN)/hadolint ]; then $(BIN)/hadolint Dockerfile || failed=1; fi; \
	 exit $$failed

bench: $(TEST_READY) servers ## Figures: pushes per second against a bare statement, statement counts, latencies
	@$(BIN)/python -m tests.servers.postgres $(BIN)/python -m tests.bench

soak: $(TEST_READY) servers ## The long version of the worlds: many seeds, many crashes
	@$(BIN)/python -m tests.servers.postgres env DASTERN_SOAK=1 $(BIN)/python -m pytest -n $(JOBS) --dist worksteal $(PYTEST_ARGS)

docs: $(RUN_READY) ## Write docs/SCHEDULES.md anew: every kind of dosing plan, its sentences and its doses
	@$(BIN)/python -m scheduling.gallery > docs/.schedules.md
	@mv docs/.schedules.md docs/SCHEDULES.md

servers: ## Install the real servers that the tests start themselves (PostgreSQL, Redis)
	@tools/install-test-servers.sh

lock: $(TEST_READY) ## Resolve the three lock files anew from setup.cfg
	@PATH="$(CURDIR)/$(BIN):$$PATH" tools/lock.sh

clean: ## Remove the virtual environment, build products and caches; never ./var, which holds data
	rm -rf $(VENV) build dist ./*.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamp is older than a lock file exactly when that lock changed after the last installation.
$(RUN_READY): requirements.lock requirements-build.lock setup.cfg pyproject.toml
	@tools/make-venv.sh $(PYTHON) $(VENV)
	@echo "Installing the locked dependencies …"
	@$(PIP) --require-hashes -r requirements.lock -r requirements-build.lock
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

$(TEST_READY): $(RUN_READY) requirements-test.lock
	@echo "Installing the locked test tools …"
	@$(PIP) --require-hashes -r requirements-test.lock
	@touch $@
