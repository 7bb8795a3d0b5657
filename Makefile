# Every command of the project. Each target sets up what it needs; a second run of `make setup` does nothing.
# `make` alone prints the list below, made from the `##` comments.

SHELL := bash
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
DEMO ?= demo
RUN ?= runs/tiny

.DEFAULT_GOAL := help
.PHONY: help setup system demo serve test lint format types train bench eval clean

help: ## print this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: system $(INSTALLED) ## virtual environment in .venv, pinned packages, Debian packages

system:
	@PYTHON=$(PYTHON) scripts/system-packages

# `system` comes first (it may install python3-venv) but its being phony must not make this rule run again.
$(INSTALLED): pyproject.toml constraints.txt | system
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "microturn needs Python 3.11 or newer; this is " + sys.version)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt hatchling editables
	$(BIN)/python -m pip install --quiet --constraint constraints.txt docopt  # Pipecat's; it has no wheel
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --no-build-isolation --editable '.[dev,serve,agent,clients,eval]'
	@touch $@

demo: setup ## a live conversation on the fast clock; the page is demo/index.html
	$(BIN)/microturn demo --out $(DEMO)

serve: setup ## the model on the wire, for GPT-Live clients, on this machine only
	$(BIN)/microturn serve

# On every core, but no more than four at a time: many of them keep time with the clock.
test: setup ## all tests
	$(BIN)/python -m pytest --numprocesses logical --maxprocesses 4 --dist worksteal

lint: setup ## ruff: rules and format
	$(BIN)/ruff check
	$(BIN)/ruff format --check

format: setup ## let ruff rewrite the files
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

types: setup ## pyright
	$(BIN)/pyright

train: setup ## train the recipes of the shipped model from nothing, voice, eye and all, into runs/tiny
	$(BIN)/microturn train --stage vocoder --out $(RUN)/vocoder
	$(BIN)/microturn train --stage voice --out $(RUN)/voice
	$(BIN)/microturn train --out $(RUN) --voice $(RUN)/voice/voice.safetensors --vocoder $(RUN)/vocoder/vocoder.safetensors
	$(BIN)/microturn train --stage eye --out $(RUN)/eye
	$(BIN)/microturn train --recipe seeing --from $(RUN)/model.safetensors --eye $(RUN)/eye/eye.safetensors --out $(RUN)/seeing

bench: setup ## every benchmark, as JSON, here and in runs/bench
	@mkdir -p runs/bench
	@set -eu -o pipefail; for file in $$(grep -l -e "--json" benchmarks/*.py); do \
	    echo "== $$file"; $(BIN)/python $$file --json | tee runs/bench/$$(basename $$file .py).json; \
	done

eval: setup ## event F1 of the shipped model on the world's test split, into runs/eval.json
	@mkdir -p runs
	$(BIN)/microturn eval world --out runs/eval.json

clean: ## remove .venv and what the commands made
	rm -rf $(VENV) $(DEMO) build dist .pytest_cache .ruff_cache .hypothesis
	@echo "kept: runs/ (training runs and figures)"
