# Every command a developer needs. `make demo` and `make test` set everything up themselves.
SHELL := /bin/sh
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
PYTEST_ARGS ?=
REQUIRE ?=
PY := .venv/bin/python
# An environment made elsewhere cannot be moved here: the stamp carries the folder it was made in.
HERE := $(shell pwd | cksum | cut -d' ' -f1)
READY := .venv/ready-$(HERE)
LOCK := $(PY) -m uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header

.PHONY: help setup demo test check fmt bench lock clean

help: ## List the commands
	@awk -F':.*## ' '/^[a-z]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' Makefile

setup: $(READY) ## Create .venv with everything locked (does nothing when up to date)
	@:

$(READY): requirements-dev.lock pyproject.toml
	@sh .ci/setup "$(PYTHON)"
	@touch $@

demo: setup ## Run the whole flow here on the embedded parts, with a dashboard, until Ctrl-C
	@.venv/bin/tidegauge demo || [ $$? -eq 130 ]

test: setup ## Run every test; skips are printed with their reasons
	@sh .ci/chromium
	@$(PY) -m pytest -rs $(if $(REQUIRE),--require=$(REQUIRE)) $(PYTEST_ARGS)

check: setup ## Lint, formatting, types and the direction of imports
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy
	@.venv/bin/lint-imports

fmt: setup ## Format and mend what the linter can mend
	@.venv/bin/ruff format .
	@.venv/bin/ruff check --fix .

bench: setup ## Run every benchmark
	@for file in benchmarks/[a-z]*.py; do echo "== $$file"; $(PY) "$$file" || exit 1; done

lock: setup ## Resolve the dependencies anew into both lock files
	@$(LOCK) --upgrade --extra embedded --group dev pyproject.toml -o requirements-dev.lock
	@$(LOCK) --constraint requirements-dev.lock pyproject.toml -o requirements.lock

clean: ## Remove the environment, caches and the data of embedded runs
	@rm -rf .venv .tidegauge .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
