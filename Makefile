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

# One file a process, one thread each: many tests start programs of their own, which would fight for the cores. The
# window's tests come after, by themselves, for they share one display.
test: setup
ifdef TESTS
	tools/with_display.sh $(PYTHON_IN_VENV) -m pytest $(TESTS)
else
	@failed=0; \
	OMP_NUM_THREADS=1 $(PYTHON_IN_VENV) -m pytest -n auto --dist loadfile --ignore tests/qt || failed=1; \
	tools/with_display.sh $(PYTHON_IN_VENV) -m pytest tests/qt || failed=1; \
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
