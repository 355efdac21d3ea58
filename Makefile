# One word each; `make help` lists them. Works with GNU Make 3.81 (macOS) and later.
PYTHON ?= python3
PORT ?= 8000
BIN := .venv/bin
# without what makes files of the repository, what is part of another, and what needs other bots beside it
BENCHES := $(filter-out build_% wording plans peers,$(basename $(notdir $(wildcard bench/*.py))))

.PHONY: help install run test check bench lock
.DEFAULT_GOAL := help

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-8s %s\n", $$1, $$2}' Makefile

install: .venv/installed ## .venv with everything that running needs

run: install ## the service with a sample directory, on 127.0.0.1:$(PORT)
	@$(BIN)/gocua serve --demo --host 127.0.0.1 --port $(PORT)

test: .venv/installed-dev .venv/chromium .venv/speech ## everything that `check` does, then all tests
	@$(MAKE) --no-print-directory check
	@$(BIN)/pytest -n 4 --dist loadfile

check: .venv/installed-dev ## style, types, and the content: flows, articles, places
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/gocua check

bench: .venv/installed-dev ## what the figures in README.md come from
	@for one in $(BENCHES); do echo "== python -m bench.$$one"; $(BIN)/python -m bench.$$one || exit 1; done

lock: .venv/installed-dev ## both lock files anew, from pyproject.toml
	@$(BIN)/python -m pip install --quiet uv
	@$(BIN)/uv pip compile --quiet --upgrade --universal --no-emit-index-url --no-header --extra postgres \
		pyproject.toml --output-file requirements.lock
	@$(BIN)/uv pip compile --quiet --upgrade --universal --no-emit-index-url --no-header --extra postgres \
		--group dev --constraint requirements.lock pyproject.toml --output-file requirements-dev.lock

# The files below say that a step was done: while nothing it depends on is newer, it is not done again.

.venv/bin/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or later is needed: make PYTHON=/path/to/python3.11 ..."; exit 1; }
	@$(PYTHON) -m venv .venv

.venv/installed: requirements.lock pyproject.toml | .venv/bin/pip
	@echo "Installing into .venv: once, about half a minute"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

.venv/installed-dev: requirements-dev.lock .venv/installed
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements-dev.lock
	@touch $@

# Tests drive a real Chromium: the system's, else Debian's package, else one that Playwright fetches.
.venv/chromium: .venv/installed-dev
	@if command -v chromium >/dev/null || [ -n "$$GOCUA_CHROMIUM" ]; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends \
			chromium fonts-dejavu-core >/dev/null; \
	else $(BIN)/playwright install chromium; fi
	@touch $@

# One test hears a real engine. Where none can be installed, the engine of the tests' own stands for it alone.
.venv/speech: .venv/installed-dev
	@if command -v espeak-ng >/dev/null || [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then :; \
	else apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends \
		espeak-ng opus-tools >/dev/null; fi
	@touch $@
