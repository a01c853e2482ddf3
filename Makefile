# What can be done here: `make help`.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CORES ?= all
SNAKEMAKE := $(BIN)/snakemake --cores $(CORES)
DEMO := --configfile config/demo/config.yaml

.PHONY: help setup run test check conformance conformance-full modes faults faults-full slurm-setup slurm-test bench bench-scale accuracy clean
.DEFAULT_GOAL := help

help: ## Say what each target does
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1|\2/p' $(MAKEFILE_LIST) | column -t -s '|'

setup: $(VENV)/complete ## Install onramp and the versions in requirements.lock into .venv

$(VENV)/complete: requirements.lock requirements-wfss.lock pyproject.toml
	@case "$(CURDIR)" in *[[:space:]]*) echo "make: $(CURDIR): Snakemake cannot run jobs from a" \
		"folder with a space in its path; clone into another" >&2; exit 2;; esac
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements.lock \
		--requirement requirements-wfss.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	$(BIN)/python -m compileall -q scripts
	@touch $@

run: setup ## Simulate four exposures, process them, and compare with the truth
	$(SNAKEMAKE) simulate $(DEMO)
	@$(SNAKEMAKE) --no-hooks $(DEMO); status=$$?; \
	$(BIN)/python -m onramp.summary demo/results && \
	$(BIN)/python scripts/score.py demo/results demo/truth && exit $$status

test: setup ## Run the tests
	$(BIN)/python -m pytest

check: setup ## Look for faults of style, in the workflow, and in generated files
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/snakemake --lint
	$(BIN)/python -m onramp.configuration_files --check
	$(BIN)/python -m onramp.provenance_record --check
	$(BIN)/python tests/conformance/modes_page.py --check

conformance: setup ## Compare with the official pipeline (installed beside, in .venv-jwst)
	$(BIN)/python -m pytest tests/conformance

conformance-full: setup ## The same for each subarray with each readout: half an hour or more
	CONFORMANCE=full $(BIN)/python -m pytest tests/conformance

modes: setup ## Write docs/modes.md from what conformance has compared
	$(BIN)/python tests/conformance/modes_page.py --write

faults: setup ## Kill runs, fill disks, damage files: some of what faults-full does, in minutes
	$(BIN)/python -m pytest tests/faults

faults-full: setup ## 200 kills and 29,000 damaged files: about an hour
	FAULTS=full $(BIN)/python -m pytest tests/faults -s

slurm-setup: setup ## Install Snakemake's plugin for Slurm as well
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --requirement requirements-slurm.lock

slurm-test: slurm-setup ## Run the workflow on a Slurm of two virtual nodes, started for that (root, Debian)
	$(BIN)/python -m pytest tests/slurm

bench: setup ## Time and memory beside the official pipeline's
	$(BIN)/python benchmarks/bench.py

bench-scale: setup ## Time and memory of Snakemake itself for many exposures
	$(BIN)/python benchmarks/scale.py --bare

accuracy: setup ## Measure noise, bias and jumps by simulation, and write docs/accuracy.md
	$(BIN)/python benchmarks/accuracy.py

clean: ## Remove what was made here, but for the environments
	rm -rf demo results build .snakemake .pytest_cache .ruff_cache .hypothesis
	find scripts tests benchmarks -name __pycache__ -prune -exec rm -rf {} +
