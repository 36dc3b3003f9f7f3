MAKEFLAGS += --no-print-directory
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
TOOLS := .venv/.tools

.DEFAULT_GOAL := help
.PHONY: help demo test check fuzz soak bench bench-peers dev cover asan clean

help:          ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(READY): pyproject.toml setup.py tools/setup-venv $(wildcard _speedups/*.pyx _speedups/*.pxd _speedups/*.h)
	@PYTHON="$(PYTHON)" tools/setup-venv

# Also makes .venv/clients: ccxt and python-binance, which the tests let loose on the simulated venue.
$(TOOLS): $(READY)
	@PYTHON="$(PYTHON)" tools/setup-venv test

dev: $(TOOLS)  ## build everything into .venv, ready to work on

demo: $(READY) ## simulated venue, daemon and a strategy; live view until Ctrl-C
	@$(BIN)/connector demo $(if $(DEMO_SECONDS),--seconds $(DEMO_SECONDS))

test: $(TOOLS) ## the whole test suite, six files at a time: it waits more than it computes
	@$(BIN)/python -m pytest -n 6 --dist loadfile $(PYTEST_ARGS)

check: $(TOOLS) ## format, lint, types and Cython warnings
	@$(BIN)/ruff format --check . && $(BIN)/ruff check . && $(BIN)/mypy

fuzz: $(TOOLS) ## mutate frames for FUZZ_SECONDS (default 60), then as long other examples of the properties
	@FUZZ_SECONDS=$${FUZZ_SECONDS:-60} $(BIN)/python -m pytest tests/fuzz -q --timeout=0
	@FUZZ_SECONDS=$${FUZZ_SECONDS:-60} CONNECTOR_EXAMPLES=$${CONNECTOR_EXAMPLES:-10} \
		$(BIN)/python -m pytest tests/property tests/unit tests/venues -m hypothesis -q --timeout=0

soak: $(TOOLS) ## replay the recordings at 1x through simulator and daemon
	@CONNECTOR_SOAK=1 $(BIN)/python -m pytest tests/e2e -q -k soak --timeout=0

bench: $(TOOLS) ## measure this machine; a table and JSON under bench/results
	@$(BIN)/python -m bench

bench-peers: $(TOOLS) ## the same frames through other connectors (an environment of its own)
	@$(BIN)/python -m bench.peers

cover: $(TOOLS) ## line coverage of Python and Cython (a traced build of its own)
	@tools/traced cover

asan: $(TOOLS) ## the kernel tests under AddressSanitizer and UBSan (a build of its own)
	@tools/traced asan

clean: ## remove everything that was built
	@rm -rf .venv build dist *.egg-info _speedups/*.so _speedups/*.c .mypy_cache .ruff_cache .hypothesis htmlcov .coverage*
