# Every command a developer needs. `make demo` and `make test` set everything up themselves.
SHELL := /bin/sh
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
# Bytecode is written even where the environment says not to: hundreds of processes start from it.
unexport PYTHONDONTWRITEBYTECODE

PYTHON ?= python3
PYTEST_ARGS ?=
REQUIRE ?=
# Most long tests wait for processes, so two run at once; a file's tests stay together.
SPREAD ?= --numprocesses=2 --dist=loadfile --no-loadscope-reorder
NODES ?= 1
PY := .venv/bin/python
# An environment made elsewhere cannot be moved here: the stamp carries the folder it was made in.
HERE := $(shell pwd | cksum | cut -d' ' -f1)
READY := .venv/ready-$(HERE)
LOCK := $(PY) -m uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header

KAFKA = streams.embedded.apache_kafka

.PHONY: help setup demo kafka kafka-stop test drill drill-short desk-drill check fmt bench lock clean

help: ## List the commands
	@awk -F':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' Makefile

setup: $(READY) ## Create .venv with everything locked (does nothing when up to date)
	@:

$(READY): requirements-dev.lock pyproject.toml
	@sh .ci/setup "$(PYTHON)"
	@touch $@

demo: setup ## Run the whole flow here on the embedded parts, with a dashboard, until Ctrl-C
	@.venv/bin/tidegauge demo || [ $$? -eq 130 ]

kafka: setup ## Start a real Apache Kafka on this machine (NODES=3 for three nodes); it stays
	@$(PY) -m $(KAFKA) start --nodes $(NODES)

kafka-stop: ## Stop it; its data stays
	@$(if $(wildcard $(PY)),$(PY),$(PYTHON)) -m $(KAFKA) stop

test: setup ## Run every test; skips are printed with their reasons
	@sh .ci/chromium
	@sh .ci/java
	@sh .ci/postgres
	@$(PY) -m pytest -rs $(SPREAD) $(if $(REQUIRE),--require=$(REQUIRE)) $(PYTEST_ARGS)

drill-short: setup ## Break everything once on a real Kafka, in less than five minutes; the last line counts
	@$(PY) -m tests.drills

drill: setup ## The same for long: 20,000 samples and more, on one broker and on three
	@$(PY) -m tests.drills --long

desk-drill: setup ## Fifty reviewers, five thousand items, and the desk killed meanwhile; on SQLite and PostgreSQL
	@sh .ci/postgres
	@sh .ci/java
	@$(PY) -m tests.drills.desk

check: setup ## Lint, formatting, types and the direction of imports
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy
	@.venv/bin/lint-imports

fmt: setup ## Format and mend what the linter can mend
	@.venv/bin/ruff format .
	@.venv/bin/ruff check --fix .

bench: setup ## Run every benchmark
	@for file in $$(grep -l __main__ benchmarks/*.py); do \
		echo "== $$file"; $(PY) -m benchmarks.$$(basename $$file .py) || exit 1; done

lock: setup ## Resolve the dependencies anew into both lock files
	@$(LOCK) --upgrade --extra embedded --extra postgres --group dev pyproject.toml -o requirements-dev.lock
	@$(LOCK) --constraint requirements-dev.lock pyproject.toml -o requirements.lock

clean: ## Remove the environment, caches and the data of embedded runs
	@[ ! -e .tidegauge/kafka/cluster.json ] || $(MAKE) kafka-stop
	@rm -rf .venv .tidegauge .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
