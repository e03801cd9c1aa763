# The workshop: everything a person does to this project, one word each. `make` alone lists the words.
# What is installed goes to .venv, what the demo makes goes to .demo; nothing else of the machine changes
# but by `make system`.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:

# Which Python makes the environment: the first of these that is 3.11 to 3.13. The window's loop (qasync) is not
# ready for a newer one.
PYTHON ?= python3 python3.13 python3.12 python3.11
BIN := .venv/bin
STAMP := .venv/.installed
CATALOGUES := $(patsubst %.po,%.mo,$(wildcard hub/locale/*/LC_MESSAGES/*.po agent/locale/*/LC_MESSAGES/*.po))

# `make agent`: who, and at which hub. Not USER: the shell has one already.
SERVER ?= http://127.0.0.1:8000
NAME ?=

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: demo
demo: setup ## a hub, three traders on paper and one order, start to end, in seconds
	@$(BIN)/python -m tests.demo

.PHONY: test
test: setup system lint ## everything: what is missing is installed, then lint, types, import contracts, tests
	$(BIN)/python -m pytest -n 2 --dist loadgroup -m "not faults" --durations=40

.PHONY: faults
faults: setup system ## the long tables: the stores' bad days with a table of figures, and agents killed at any step
	KILL_RUNS=300 $(BIN)/python -m pytest -n 2 --dist loadgroup --long tests/faults tests

.PHONY: storm
storm: setup system ## hubs, Redis, clocks and computers fail while orders are out: [MINUTES=10] [CLAIMS=strict] [SEED=7]
	@$(BIN)/python -m tests.faults.storm \
	    $(if $(MINUTES),--minutes $(MINUTES)) $(if $(CLAIMS),--claims $(CLAIMS)) $(if $(SEED),--seed $(SEED))

.PHONY: exchange
exchange: setup ## a stand-in for the exchange, to try live orders on with nothing real
	@$(BIN)/python -m tests.exchange

.PHONY: desk
desk: setup ## the trader's window with all that it needs on this computer, an order every 20 s
	@$(BIN)/python -m tests.desk

.PHONY: transcript
transcript: setup ## both READMEs typed from pip install to the last command, on private stores, as on a bare machine
	$(BIN)/python -m tests.readme
	$(BIN)/python -m tests.readme README.zh-CN.md

.PHONY: screenshots
screenshots: setup ## a picture of every window, state, language and theme, in .screenshots (GUIDE=1: those in agent/docs)
	@QT_QPA_PLATFORM=offscreen $(BIN)/python -m tests.screenshots $(if $(GUIDE),--guide,.screenshots)

.PHONY: lint
lint: setup ## style, types and import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

.PHONY: types
types: setup ## types as the newer Pythons see them, which this one cannot run
	$(BIN)/mypy --python-version 3.12
	$(BIN)/mypy --python-version 3.13

.PHONY: format
format: setup ## put the code into the house style
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.PHONY: run
run: setup ## a hub that stays up, on the embedded stores unless HUB_* settings say otherwise
	$(BIN)/hub serve

.PHONY: agent
agent: setup ## a trader's agent on paper, without a window: make agent NAME=alice [SERVER=http://…]
	@if [ -z "$(NAME)" ]; then echo "Who trades? make agent NAME=alice [SERVER=$(SERVER)]" >&2; exit 2; fi
	$(BIN)/agent --headless --server "$(SERVER)" --user "$(NAME)"

.PHONY: setup
setup: $(STAMP) $(CATALOGUES) ## the environment in .venv, with all extras; does nothing when it is up to date

$(STAMP): pyproject.toml requirements.lock
	@for python in $(PYTHON) none; do \
	    if "$$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; then break; fi; \
	done; \
	if [ "$$python" = none ]; then \
	    echo "No Python 3.11, 3.12 or 3.13 was found ($(PYTHON))." >&2; \
	    echo "Install one, or name it: make setup PYTHON=/path/to/python3" >&2; exit 1; \
	fi; \
	if ! "$$python" -c 'import ensurepip, venv' 2>/dev/null; then \
	    echo "This Python cannot make virtual environments: $$(command -v "$$python")" >&2; \
	    echo "On Debian and Ubuntu: sudo apt-get install python3-venv" >&2; exit 1; \
	fi; \
	echo "Installing into .venv with $$("$$python" --version) …"; \
	"$$python" -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

%.mo: %.po $(STAMP)
	@$(BIN)/pybabel --quiet compile --input-file $< --output-file $@

.PHONY: system
system: ## the servers that the tests start: MariaDB and Redis, through apt-get where they are missing
	@.ci/system

.PHONY: lock
lock: ## requirements.lock anew: the newest versions that pyproject.toml allows
	@tool=$$(mktemp -d); trap 'rm -rf "$$tool"' EXIT; \
	$(BIN)/python -m venv "$$tool"; \
	"$$tool/bin/python" -m pip install --quiet --disable-pip-version-check pip-tools; \
	"$$tool/bin/pip-compile" --quiet --upgrade --strip-extras --no-annotate --no-header --no-emit-options \
	    --no-emit-index-url --no-emit-find-links --no-emit-trusted-host \
	    --extra hub --extra agent --extra desk --extra dev --output-file "$$tool/requirements.lock" pyproject.toml; \
	if grep --extended-regexp --invert-match '^[a-z0-9-]+==[0-9][^ ]*( ; .*)?$$' "$$tool/requirements.lock"; then \
	    echo "These lines are not a name and a version; requirements.lock stays as it was." >&2; exit 1; \
	fi; \
	cp "$$tool/requirements.lock" requirements.lock; wc --lines requirements.lock

.PHONY: bench
bench: setup ## fan-out beside its peers, on pinned cores: results, chart, hub/docs/performance.md (QUICK=1: two minutes)
	@$(BIN)/python -m tests.bench $(if $(QUICK),--quick)
	@$(BIN)/python -m tests.bench.submission $(if $(QUICK),--orders 200 --rounds 1)

.PHONY: clean
clean: ## remove what make made: the environment, the demo, caches, compiled catalogues
	rm -rf .venv .demo .desk .screenshots build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	rm -f $(CATALOGUES)
	find protocol hub agent sql tests -name __pycache__ -prune -exec rm -rf {} +
