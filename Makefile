# Two commands matter: `make serve` and `make test`. They need Python 3.11 or newer and make, nothing else.
#   make serve ARGS='--port 8080'

# Settings of the shell's own Python must not leak into ours.
unexport PYTHONPATH PYTHONHOME VIRTUAL_ENV
export PIP_DISABLE_PIP_VERSION_CHECK := 1

VENV := .venv
ifeq ($(OS),Windows_NT)
PYTHON ?= python
BIN := $(VENV)/Scripts
else
PYTHON ?= python3 python3.11 python3.12 python3.13 python3.14
BIN := $(VENV)/bin
endif
PY := $(BIN)/python

.DEFAULT_GOAL := help
.PHONY: help serve test check bench clean

help: ## what can be done
	@echo "make serve   set up .venv and start the bridge (ARGS='--port 8080' passes flags on)"
	@echo "make test    every test suite, as CI runs it (SUITES='lint python' runs some)"
	@echo "make check   lint and types only"
	@echo "make bench   the measurements in tests/bench"
	@echo "make clean   remove what was built, .venv too"

serve: $(VENV)/.ready
	@exec $(PY) -m bridge serve $(ARGS)

test: $(VENV)/.ready-dev
	@exec $(PY) tests/suites.py $(SUITES)

check: $(VENV)/.ready-dev
	@exec $(PY) tests/suites.py lint types

bench: $(VENV)/.ready-dev
	@exec $(PY) -m tests.bench $(ARGS)

# The stamps are newer than what they were made from, so a second `make serve` starts at once.
$(VENV)/.ready: pyproject.toml constraints.txt | $(PY)
	@echo "Installing Sketchbridge into $(VENV) ..."
	@$(PY) -m pip install --constraint constraints.txt --editable '.[torch,video]'
	@touch $@

$(VENV)/.ready-dev: pyproject.toml constraints.txt | $(PY)
	@echo "Installing Sketchbridge and what its tests need into $(VENV) ..."
	@$(PY) -m pip install --constraint constraints.txt --editable '.[torch,video,webrtc,dev]'
	@touch $@ $(VENV)/.ready

$(PY):
	@for python in $(PYTHON); do \
		if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then found=$$python; break; fi; \
	done; \
	test -n "$$found" || { echo "Sketchbridge needs Python 3.11 or newer. If you have one: make serve PYTHON=/path/to/python"; exit 1; }; \
	echo "Making $(VENV) with $$found ..."; \
	$$found -m venv $(VENV) || { rm -rf $(VENV); \
		echo "$$found can't make a virtual environment; on Debian and Ubuntu: apt install python3-venv"; exit 1; }

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache tests/browser/node_modules tests/node/node_modules tests/java/build
	find bridge clients models tests -name __pycache__ -type d -prune -exec rm -rf {} +
