# make demo   a search on problems made on the spot, with and without the reward model
# make test   linters, types, layers, then the tests
# Each makes its own virtual environment first. Change where and with what:
#   make test VENV=/tmp/env PYTHON=/usr/bin/python3.12 EXTRAS=dev,train,transformers

VENV ?= .venv
PYTHON ?=
EXTRAS ?= dev
BIN := $(VENV)/bin
RUN := PYTHONPATH= $(BIN)/python -m

comma := ,
DEV_STAMP := $(VENV)/.installed-$(subst $(comma),-,$(EXTRAS))

.PHONY: demo test lint check wheel clean

demo: $(VENV)/.installed
	$(BIN)/specreward demo

test: lint
	$(RUN) pytest -q -n 2 --dist loadfile

lint: $(DEV_STAMP)
	$(RUN) ruff check .
	$(RUN) mypy
	PYTHONPATH= $(BIN)/lint-imports

check: test

wheel: $(DEV_STAMP)
	$(RUN) pip wheel --quiet --no-deps --wheel-dir dist .

clean:
	rm -rf build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache

$(VENV)/.installed: pyproject.toml | $(VENV)/.made
	$(RUN) pip install --quiet --disable-pip-version-check -e .
	@touch $@

$(DEV_STAMP): pyproject.toml | $(VENV)/.made
	$(RUN) pip install --quiet --disable-pip-version-check -e ".[$(EXTRAS)]"
	@touch $@ $(VENV)/.installed

# The first interpreter that runs and is new enough; a name that is on the path but does not run
# (a version manager's placeholder) is passed over.
$(VENV)/.made:
	@new='import sys; sys.exit(sys.version_info < (3, 11))'; \
	for python in $(if $(PYTHON),"$(PYTHON)",python3.11 python3.12 python3.13 python3); do \
	  if "$$python" -c "$$new" >/dev/null 2>&1; then found="$$python"; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
	  echo "specreward needs Python 3.11 or newer; tried: $(or $(PYTHON),python3.11 python3.12 python3.13 python3)." >&2; \
	  echo "Name one: make PYTHON=/path/to/python3.11" >&2; exit 1; \
	fi; \
	"$$found" -m venv "$(VENV)" || { \
	  echo "$$found cannot make a virtual environment in $(VENV); on Debian or Ubuntu: apt-get install python3-venv" >&2; \
	  exit 1; }
	@touch $@
