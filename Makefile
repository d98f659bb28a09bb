# Two commands: `make demo` and `make test`. Each sets up everything it needs in .venv, with locked versions:
# with uv when it is there, with pip otherwise.
#   make demo ARGS="--headless --json"     make test ARGS="tests/core -x"

PYTHON ?= python3
VENV := .venv
REMIT := $(VENV)/bin/remit
ARGS ?=
# One more than there are processors: many tests wait for processes of their own.
WORKERS ?= $(shell echo $$(( $$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1) + 1 )))

# Compiled once, not at every start.
export UV_COMPILE_BYTECODE := 1
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo test lint types check lock clean

help: ## show this
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 20

demo: $(VENV)/.run ## the whole product on this machine: no account, no key
	@$(REMIT) demo $(ARGS)

test: $(VENV)/.dev ## the tests
	@$(VENV)/bin/python -m pytest -n $(WORKERS) --dist worksteal $(ARGS)

lint: $(VENV)/.dev ## formatting and lint
	@$(VENV)/bin/ruff format --check . && $(VENV)/bin/ruff check .

types: $(VENV)/.dev ## static types
	@$(VENV)/bin/ty check github_app

check: lint types test ## lint, types and tests

lock: ## resolve again and write uv.lock and both requirements files (needs uv)
	uv lock --upgrade
	uv export -q --frozen --no-emit-project --no-default-groups --extra postgres -o requirements.txt
	uv export -q --frozen --no-emit-project --all-groups --extra postgres -o requirements-dev.txt

clean: ## remove what the targets above made
	rm -rf $(VENV) data/demo .ruff_cache

# python3, new enough and able to make a virtual environment, or one line that says what is missing.
define require
	@command -v git >/dev/null || { echo "remit needs git 2.38 or newer, and there is none; install git" >&2; exit 3; }
	@command -v $(PYTHON) >/dev/null || { echo "remit needs Python 3.11 or newer, and there is no $(PYTHON)" >&2; exit 3; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "remit needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V 2>&1 | head -n 1); try make PYTHON=python3.12" >&2; exit 3; }
endef

$(VENV)/.run: uv.lock requirements.txt pyproject.toml
	$(require)
	@if command -v uv >/dev/null; then \
		uv sync -q --frozen --no-default-groups --extra postgres --python $(PYTHON); \
	else \
		$(VENV)/bin/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV) || { echo "python3 cannot make a virtual environment; install its venv package" >&2; exit 3; }; \
		$(VENV)/bin/python -m pip install -q --disable-pip-version-check --no-deps --require-hashes -r requirements.txt && \
		$(VENV)/bin/python -m pip install -q --disable-pip-version-check --no-deps -e .; \
	fi
	@touch $@

$(VENV)/.dev: uv.lock requirements-dev.txt pyproject.toml
	$(require)
	@if command -v uv >/dev/null; then \
		uv sync -q --frozen --extra postgres --python $(PYTHON); \
	else \
		$(VENV)/bin/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV) || { echo "python3 cannot make a virtual environment; install its venv package" >&2; exit 3; }; \
		$(VENV)/bin/python -m pip install -q --disable-pip-version-check --no-deps --require-hashes -r requirements-dev.txt && \
		$(VENV)/bin/python -m pip install -q --disable-pip-version-check --no-deps -e .; \
	fi
	@touch $@ $(VENV)/.run
