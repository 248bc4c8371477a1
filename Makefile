# make lab           open the lessons
# make test          run every test, a process for each core
# make test-quick    those that take least, in a minute and a half: for who changes a line
# make test-oldest   run the widgets' tests on the oldest ipywidgets that is allowed, which Colab has
# make test-matrix   the quick tests with the oldest and newest packages, and each Python that is here: some GB at a time
# make lint          form, common mistakes, misspelt words, types
# make docs          the API reference, to docs/build/index.html; a warning is an error
# make fuzz          odd input to commands and functions, thousands of cases, others each time (some minutes)
#
# All make .venv first where it is missing or pyproject.toml is newer; a second
# call starts at once. PYTHON=python3.12 chooses another interpreter.

PYTHON ?= python3
BIN := .venv/bin
# ipywidgets as pyproject.toml allows it at the least; the rest is .venv's.
OLDEST := .venv/oldest
# Flower and what it pins, which do not fit beside the rest.
FLOWER := .venv/flower
WIDGETS := tests/widgets tests/explorers tests/course/test_prediction.py tests/course/test_quiz.py

# A file's tests stay in one process: they share what they have trained, and a notebook's cells its kernel.
PARALLEL := -n logical --maxprocesses=8 --dist loadfile --no-loadscope-reorder

.PHONY: lab lint docs test test-quick test-oldest test-federated test-matrix fuzz

lab: .venv/installed
	$(BIN)/medtutor lab

# The venv's own programs first: notebooks start `python` by name.
test: .venv/installed
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m pytest $(PARALLEL) --durations=30

test-quick: .venv/installed
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m pytest -q $(PARALLEL) --quick tests

test-oldest: $(OLDEST)/installed
	PYTHONPATH="$(CURDIR)/$(OLDEST)" $(BIN)/python -c 'import ipywidgets; assert ipywidgets.__version__ == "7.7.0", ipywidgets.__version__'
	PATH="$(CURDIR)/$(BIN):$$PATH" PYTHONPATH="$(CURDIR)/$(OLDEST)" $(BIN)/python -m pytest -q --disable-warnings $(PARALLEL) $(WIDGETS)

$(OLDEST)/installed: .venv/installed
	$(BIN)/python -m pip install --quiet --no-deps --upgrade --target $(OLDEST) ipywidgets==7.7.0 'ipython_genutils>=0.2'
	touch $@

# Federated averaging by Flower, each hospital a process.
test-federated: $(FLOWER)/installed
	PATH="$(CURDIR)/$(BIN):$$PATH" PYTHONPATH="$(CURDIR)/$(FLOWER)" FLWR_TELEMETRY_ENABLED=0 $(BIN)/python -m pytest -q --disable-warnings tests/federated

$(FLOWER)/installed: .venv/installed
	$(BIN)/python -m pip install --quiet --upgrade --target $(FLOWER) 'flwr>=1.40'
	touch $@

test-matrix:
	$(PYTHON) tools/matrix.py

lint: .venv/installed
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/codespell
	$(BIN)/mypy

docs: .venv/installed
	$(BIN)/sphinx-build -q -W --keep-going -b html docs docs/build

# The same tests as in `make test`, where they have few cases and always the same.
fuzz: .venv/installed
	$(BIN)/python -m pytest tests/fuzz --hypothesis-profile=fuzz

.venv/installed: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "medtutor needs Python 3.11 or newer; try: make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	@echo "installing PyTorch and JupyterLab into .venv: a few minutes, a few GB"
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@
