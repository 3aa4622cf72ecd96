# Everything that a newcomer runs. Only python3 (3.11) and make are asked for.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV_VERSION := 0.13.9
# Modules are compiled at set-up, as pip does: where Python may not write bytecode, each start would take 4 s more.
# Named, because uv would else install into an environment that happens to be active.
INSTALL = $(BIN)/uv pip install --quiet --no-deps --python $(BIN)/python
COMPILE := --override overrides.txt --no-emit-index-url --no-annotate --no-header --python-version 3.11 --universal --quiet

.PHONY: help setup whisper demo run serve lint test docs licences lock
.DEFAULT_GOAL := help

help: ## List the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

setup: $(VENV)/.setup ## Virtual environment with the pinned dependencies

$(VENV)/.setup: requirements.lock pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@$(INSTALL) --compile-bytecode -r requirements.lock
	@$(INSTALL) --no-build-isolation -e .
	@$(BIN)/python -m compileall -q customer_analytics dashboard
	@touch $@

$(VENV)/.setup-dev: $(VENV)/.setup requirements-dev.lock
	@$(INSTALL) --compile-bytecode -r requirements-dev.lock
	@touch $@

whisper: $(VENV)/.setup ## Add OpenAI Whisper for TRANSCRIBER=whisper (several GB: torch)
	@$(INSTALL) -r requirements-whisper.lock

demo: run serve ## Build everything from the sample (or SOURCE_URI), then serve it until Ctrl-C

run: $(VENV)/.setup ## Build what is stale, and print a summary
	@$(BIN)/customer-analytics run

serve: $(VENV)/.setup ## Serve the Dagster UI (3000) and the dashboard (8501) until Ctrl-C
	@$(BIN)/customer-analytics serve

lint: $(VENV)/.setup-dev ## Style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

test: $(VENV)/.setup-dev ## The fast tests
	$(BIN)/pytest -m "not heavy" -n 2 --dist loadfile

docs: $(VENV)/.setup ## Write .env.example and the data dictionary anew from the code
	$(BIN)/python -m customer_analytics.generated_docs

licences: $(VENV)/.setup-dev ## Write docs/licences.md anew from what is installed
	$(BIN)/python -m customer_analytics_tests.licences

lock: $(VENV)/.setup ## Resolve the dependencies anew, into the lock files (they name no index)
	$(BIN)/uv pip compile pyproject.toml $(COMPILE) -o requirements.lock
	$(BIN)/uv pip compile pyproject.toml --extra dev -c requirements.lock $(COMPILE) -o requirements-dev.lock
	$(BIN)/uv pip compile pyproject.toml --extra whisper -c requirements.lock $(COMPILE) -o requirements-whisper.lock
