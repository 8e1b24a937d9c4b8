# One way to run everything. `make help` lists it.
PYTHON ?= python3
BIN := .venv/bin
PACKAGES := trueup receiver jobs reconciler
# More than two cores, since tests of whole systems wait as much as they work. Override with WORKERS=n.
WORKERS ?= 3
# Each starts a control plane of its own.
PLANES ?= 2

# What was compiled is kept, whatever the machine says: tests start hundreds of processes, and rewrite their assertions otherwise.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo run test test-cluster chaos lint format types imports bench docs clean lock

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: .venv/ready ## a push goes live on a sandbox cluster; EXIT=1 ends it, KUBECONFIG=... uses that cluster
	@helm=$$($(BIN)/python tests/tools/build.py helm) || true; \
	    PATH="$${helm:+$${helm%/*}:}$$PATH" $(BIN)/trueup demo $(if $(EXIT),--exit)

run: .venv/ready ## Trueup with the settings of the environment, everything in one process
	@$(BIN)/trueup up

test: .venv/ready ## all tests that need no real control plane; builds helm and sops the first time, where Go is there
	@$(BIN)/python tests/tools/build.py >/dev/null || true
	@$(BIN)/python -m tests.missing
	@$(BIN)/pytest -n $(WORKERS) -m "not cluster and not long and not chaos" $(ARGS)

test-cluster: .venv/ready ## the tests that need a real control plane, and long ones; builds it the first time (Go, ten minutes)
	@$(BIN)/python tests/envtest/build.py
	@$(BIN)/pytest -n $(PLANES) -m "cluster or long" --timeout 180 $(ARGS)

chaos: .venv/ready ## kill -9 of the worker, the receiver and Valkey, and FLUSHALL, 20 times each; ROUNDS=n
	@$(BIN)/pytest -m chaos --timeout 1800 $(ARGS)

lint: .venv/ready types imports ## style, types, import contracts, dependencies
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/deptry .

format: .venv/ready ## put the code into shape
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

types: .venv/ready ## mypy --strict
	@$(BIN)/mypy

imports: .venv/ready ## the import contracts
	@$(BIN)/lint-imports

bench: .venv/ready ## figures beside a raw floor; ONLY="push drift" for some, CLUSTER=sandbox, SIZE=n, MINUTES=n
	@$(BIN)/python -m benchmarks $(ONLY)

docs: .venv/ready ## generated pages: configuration, cli, tables of others, definitions
	@$(BIN)/python -m docs.generate

lock: .venv/ready ## renew requirements.lock
	@$(BIN)/pip install -q uv
	@$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	    --upgrade --group dev pyproject.toml -o requirements.lock

clean: ## everything that was made
	@rm -rf .venv .trueup .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	@find . -name __pycache__ -prune -exec rm -rf {} +

.venv/ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "Trueup needs Python 3.11 or newer; say which with: make PYTHON=python3.12 ..."; exit 1; }
	@command -v git >/dev/null || { echo "Trueup needs git on PATH"; exit 1; }
	@echo "Making .venv (once; about a minute) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv || \
	    { echo "python -m venv failed; on Debian: apt-get install python3-venv"; exit 1; }
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@
