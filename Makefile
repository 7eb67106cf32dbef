# `make demo` and `make test` are the whole set-up: each builds .venv first where it is missing or out of date.
PYTHON ?= python3.11
BIN := .venv/bin
STAMP := .venv/.installed
.DEFAULT_GOAL := help
.PHONY: help demo test check lint lock speed eval-diagnosis eval-decisions eval-scaling reports clean

help:
	@echo "make demo            build the sample laboratory and diagnose its failing alloy"
	@echo "make test            the test suite"
	@echo "make check           what continuous integration runs: ruff, mypy, import-linter, then the tests"
	@echo "make eval-diagnosis  confusion matrix over generated laboratories"
	@echo "make eval-decisions  why-answers on documents and histories: recall, silence, against plain search"
	@echo "make eval-scaling    coverage of intervals, breaks found and invented, held-out errors of scaling laws"
	@echo "make reports         the probe against every baseline on real data, as pages and JSON in eval/trust"
	@echo "make speed           ratios against other packages, and growth"
	@echo "make lock            write constraints.txt anew from a clean environment"

$(STAMP): pyproject.toml constraints.txt
	@command -v git >/dev/null || { echo "sonde needs git on the PATH: install git, then run make again."; exit 2; }
	@command -v $(PYTHON) >/dev/null && $(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] < (3, 11))' \
	  || { echo "sonde needs Python 3.11: install it (with venv), or name it: make PYTHON=/path/to/python3.11 …"; exit 2; }
	@$(PYTHON) -c 'import venv, ensurepip' || { echo "This Python lacks venv: install the package python3.11-venv."; exit 2; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[all,dev]'
	$(BIN)/python -m pip check
	@touch $(STAMP)

demo: $(STAMP)
	$(BIN)/sonde demo

# Two files at a time, each with one thread: as many as continuous integration has cores.
test: $(STAMP)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile

lint: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

check: lint
	$(MAKE) --no-print-directory test

eval-diagnosis: $(STAMP)
	$(BIN)/python -m sonde.sample_lab.evaluation

eval-decisions: $(STAMP)
	$(BIN)/python -m eval.decisions.run

eval-scaling: $(STAMP)
	$(BIN)/python eval/scaling_laws.py

reports: $(STAMP)
	$(BIN)/python -m eval.trust.run

speed: $(STAMP)
	$(BIN)/python speed/run.py

lock:
	rm -rf .venv-lock && $(PYTHON) -m venv .venv-lock
	.venv-lock/bin/python -m pip install --quiet torch==2.13.0
	.venv-lock/bin/python -m pip install --quiet -e '.[all,dev]'
	.venv-lock/bin/python -m pip freeze --exclude-editable | sed -E 's/(==[^+ ]+)\+[^ ]*/\1/; s/ @ .*//' > constraints.txt
	rm -rf .venv-lock

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache
