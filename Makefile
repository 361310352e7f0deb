# What one types here; `make` alone explains.  Everything goes into .venv/ and .demo/, nothing elsewhere.

PYTHON ?= python3
JOBS ?= auto
BIN := .venv/bin
STAMP := .venv/.deployer-dev
FAST := tests/core tests/settings tests/test_architecture.py tests/test_docs.py tests/cli/test_values.py tests/cli/test_reference.py
MAKEFLAGS += --no-print-directory

# A machine where this is set compiles every module of `deploy` in each of some thousand commands: half of their time.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help setup demo demo-stop test test-fast lint format bench bench-fleet clean

help: ## say what there is
	@echo "deployer: strict build, release and run deployments.  Say one of:"
	@sed -n 's/^\([a-z-]*\):[^#]*## /\1|/p' $(MAKEFILE_LIST) | while IFS='|' read -r name text; do printf '  make %-11s %s\n' "$$name" "$$text"; done
	@echo "It needs git and Python 3.11 or newer; Node.js only for the tests of Node apps."
	@echo "As root on Debian with mmdebstrap and systemd-container, make test boots real hosts too: see CONTRIBUTING.md."

setup: $(STAMP) ## make .venv with deployer and what its tests need (once)

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "$(PYTHON) is too old or missing: Python 3.11 or newer, or make PYTHON=python3.12" >&2; exit 1; }
	@test -x $(BIN)/python || { echo "making .venv ..."; $(PYTHON) -m venv .venv || uv venv --quiet --seed --clear .venv; } || \
	  { rm -rf .venv; echo "no virtual environment can be made (Debian: apt install python3-venv)" >&2; exit 1; }
	@echo "installing deployer and its tools into .venv ..."
	@if $(BIN)/python -m pip --version >/dev/null 2>&1; \
	  then $(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'; \
	  else uv=$$(command -v uv || echo $(BIN)/uv); "$$uv" pip install --quiet --python $(BIN)/python --editable '.[dev]'; fi
	@touch $@

demo: $(STAMP) ## build, release, run, change, break and roll back a real app here
	@$(BIN)/python examples/demo.py

demo-stop: $(STAMP) ## stop the demo's app; its files stay
	@$(BIN)/python examples/demo.py stop

test: $(STAMP) ## every test that this machine can run; says at the end what it could not; ALL=1: none may be skipped
	@$(if $(ALL),DEPLOYER_TEST_ALL=1 )$(BIN)/python -m pytest -n $(JOBS) --dist worksteal -o faulthandler_timeout=600

test-fast: $(STAMP) ## the rules alone: no app is built or run
	@$(BIN)/python -m pytest -n $(JOBS) -q -m "not slow and not registry" $(FAST)

lint: $(STAMP) ## ruff (rules and format) and mypy, both strict
	@$(BIN)/ruff check --quiet && $(BIN)/ruff format --quiet --check && $(BIN)/mypy

format: $(STAMP) ## let ruff mend what it can
	@$(BIN)/ruff check --quiet --fix; $(BIN)/ruff format --quiet

bench: $(STAMP) ## measure; docs/performance.md has the figures
	@$(BIN)/python -m benchmarks

bench-fleet: $(STAMP) ## measure beside Capistrano on real hosts, as root: 25 minutes; ARGS="--hosts 1,5" for less
	@$(BIN)/python -m benchmarks.fleet $(ARGS)

clean: ## remove all that these commands made, the demo too
	@if test -d .demo -a -x $(BIN)/python; then $(BIN)/python examples/demo.py clean; fi
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis dist deployer.egg-info
	@find deployer tests examples -name __pycache__ -type d -prune -exec rm -rf {} +
