# make setup | demo | test | lint | format | wheel | clean
# PYTHON=...  the interpreter .venv is made from      PIP_ARGS=...  more options for pip
# TESTS=...   what `make test` runs (default: everything)
SHELL := /bin/bash
PYTHON_IN_VENV := .venv/bin/python
export PYTHON PIP_ARGS

.PHONY: setup demo test lint format wheel clean

setup:
	@tools/setup.sh

# With a display: the studio on the demo, optimising live. Without: the same window on a virtual display,
# which leaves screenshots and a table of metrics in build/demo/ and closes itself.
demo: setup
	@if [ -n "$$DISPLAY$$WAYLAND_DISPLAY" ] || [ "$$(uname)" != Linux ]; then \
	    $(PYTHON_IN_VENV) -m neuface_studio --demo --run; \
	else \
	    mkdir -p build/demo && \
	    tools/with_display.sh $(PYTHON_IN_VENV) -m neuface_studio --demo --auto --iterations 200 --out build/demo && \
	    echo "No display here: screenshots and the table of metrics are in build/demo/" && ls build/demo; \
	fi

# A process for each core, one thread each, whole files at a time, those with slow tests first. The window's tests come
# after: side by side where Xvfb gives each process a display of its own, else one by one on the display that is there.
SIDE_BY_SIDE := --dist loadfile --no-loadscope-reorder
WINDOWS_SIDE_BY_SIDE := $(if $(shell command -v Xvfb),-n auto --maxprocesses 4 $(SIDE_BY_SIDE))

test: setup
ifdef TESTS
	tools/with_display.sh $(PYTHON_IN_VENV) -m pytest $(TESTS)
else
	@failed=0; \
	export OMP_NUM_THREADS=1; \
	$(PYTHON_IN_VENV) -m pytest -n auto $(SIDE_BY_SIDE) --ignore tests/qt || failed=1; \
	tools/with_display.sh $(PYTHON_IN_VENV) -m pytest $(WINDOWS_SIDE_BY_SIDE) tests/qt || failed=1; \
	exit $$failed
endif

lint: setup
	$(PYTHON_IN_VENV) -m ruff check .
	$(PYTHON_IN_VENV) -m ruff format --check .
	$(PYTHON_IN_VENV) -m mypy
	.venv/bin/lint-imports

format: setup
	$(PYTHON_IN_VENV) -m ruff check --fix .
	$(PYTHON_IN_VENV) -m ruff format .

wheel: setup
	$(PYTHON_IN_VENV) -m build --wheel

clean:
	rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
