# Everything runs in .venv, which is (re)made only when pyproject.toml or constraints.txt changes.
# pip's own variables (PIP_INDEX_URL, PIP_EXTRA_INDEX_URL, PIP_FIND_LINKS, ...) work as usual.
PYTHON ?= python3
PYTEST_ARGS ?= -n 2 --dist worksteal
VENV := .venv
BIN := $(VENV)/bin
KEY := $(shell cat pyproject.toml constraints.txt | cksum | cut -d' ' -f1)
FOR_DEMO := $(VENV)/.installed-simulate-$(KEY)
FOR_DEVELOPERS := $(VENV)/.installed-dev-$(KEY)
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input --constraint constraints.txt
# Compiles efields/native where its sources have changed; where that takes a compiler that is not there, pip brings one.
KERNELS := $(BIN)/python -m efields.native --if-stale >/dev/null \
  || { echo "Installing again, which brings a compiler where it can" && $(PIP) --no-deps --editable .; }
# The viewer's page in the same way (3: no Node); where it cannot be built, one line says why and all else goes on.
PAGE := $(BIN)/python viewer/build.py --if-stale >/dev/null || { test $$? -ne 3 \
  || { echo "Installing again, which brings Node where it can" && $(PIP) --no-deps --editable . \
  && $(BIN)/python viewer/build.py --if-stale >/dev/null; }; true; }

CPP := $(wildcard efields/native/*.h efields/native/src/*.h efields/native/src/*.cpp tests/native/*.cpp)

.PHONY: demo test check format bench clean
.DEFAULT_GOAL := demo

demo: $(FOR_DEMO)
	@$(KERNELS)
	@$(PAGE)
	@$(BIN)/efields demo

test: $(FOR_DEVELOPERS)
	@$(KERNELS)
	@$(PAGE)
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -rs $(PYTEST_ARGS)

check: $(FOR_DEVELOPERS)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/pyright --pythonpath $(BIN)/python
	@$(BIN)/clang-format --dry-run -Werror $(CPP)
	@$(BIN)/python viewer/build.py --check

format: $(FOR_DEVELOPERS)
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .
	@$(BIN)/clang-format -i $(CPP)

bench: $(FOR_DEMO)
	@$(KERNELS)
	@$(BIN)/efields bench

clean:
	@rm -rf $(VENV) dist build .pytest_cache .ruff_cache .hypothesis *.egg-info efields/native/_kernels.* \
	  efields/_viewer viewer/node_modules
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null \
	  || { echo "efields needs Python 3.10 or newer: make PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null \
	  || { echo "Python's venv is not installed: sudo apt-get install python3-venv"; exit 1; }
	@$(PYTHON) -m venv $(VENV)

$(FOR_DEMO): | $(BIN)/python
	@test -e $(FOR_DEVELOPERS) || { echo "Installing into $(VENV) (a few minutes the first time)" \
	  && $(PIP) --editable ".[simulate]"; }
	@touch $@

$(FOR_DEVELOPERS): | $(BIN)/python
	@echo "Installing into $(VENV) (a few minutes the first time)"
	@$(PIP) --editable ".[simulate,dev]"
	@touch $@
