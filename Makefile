# Two commands do all the set-up: `make demo` and `make test`. Everything lands in .venv.
PYTHON ?= python3
DATA ?= ../shared/data
# Files of tests that run at once: half of what they do is to wait, for a browser or for a process that they started.
WORKERS ?= 2
BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest

.PHONY: demo test test-slow trials lint types bench recorded pictures clean

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable .
	touch $@

.venv/tools: .venv/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[test]'
	touch $@

# The page is tried in a real browser: any Chromium there is, else Debian's is installed; where neither can be, it says how.
.venv/browser: .venv/tools
	$(BIN)/python -m tests.browser.chromium
	touch $@

demo: .venv/installed
	$(BIN)/fogwalk demo

test: .venv/browser
	$(PYTEST) -m "not slow" --numprocesses=$(WORKERS) --dist=loadfile --data=$(DATA)

test-slow: .venv/tools
	$(PYTEST) -m slow --data=$(DATA)

trials: .venv/tools
	$(BIN)/python -m tests.trials

lint: .venv/tools
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/tools
	$(BIN)/mypy

bench: .venv/tools
	$(BIN)/python -m benchmarks.budgets $(DATA)
	$(BIN)/python -m benchmarks.starting

# Train the runs that come along with Fogwalk once more; needed where a run's form has changed.
recorded: .venv/tools
	$(BIN)/python -m benchmarks.recorded

# Take the tutorial's pictures of the page anew.
pictures: .venv/browser
	$(BIN)/python -m docs.pictures

clean:
	rm -rf .venv build dist src/*.egg-info
