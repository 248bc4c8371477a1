# make lab    open the lessons
# make test   run every test
#
# Both make .venv first where it is missing or pyproject.toml is newer; a second
# call starts at once. PYTHON=python3.12 chooses another interpreter.

PYTHON ?= python3
BIN := .venv/bin

.PHONY: lab test

lab: .venv/installed
	$(BIN)/medtutor lab

# The venv's own programs first: notebooks start `python` by name.
test: .venv/installed
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m pytest

.venv/installed: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "medtutor needs Python 3.11 or newer; try: make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	@echo "installing PyTorch and JupyterLab into .venv: a few minutes, a few GB"
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@
