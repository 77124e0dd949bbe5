# The short names. `make demo` and `make test` do all set-up themselves, in .venv.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.ready
export OMP_NUM_THREADS ?= 1

C_FILES = $(shell git ls-files '*.c' '*.h' '*.hpp' '*.cpp')

.PHONY: setup demo demo-train test test-all lint format clean opencl

setup: $(STAMP)

# one pip call: its progress bars show; the wheels are about 400 MB, most of it torch
$(STAMP): pyproject.toml setup.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "dpc needs Python 3.11 or newer; this is $$($(PYTHON) --version). Set PYTHON=…"; exit 1; }
	@command -v gcc >/dev/null && command -v g++ >/dev/null || \
	  { echo "installing gcc and g++ (they compile the packages)"; apt-get update -qq && apt-get install -y gcc g++; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || \
	  { echo "installing python3-venv"; apt-get update -qq && apt-get install -y python3-venv; }
	@test -x $(BIN)/python || { echo "making $(VENV)"; $(PYTHON) -m venv $(VENV); }
	@echo "installing what dpc needs into $(VENV) (about a minute, 400 MB)"
	@$(BIN)/python -m pip install --disable-pip-version-check -e '.[all,dev]'
	@touch $(STAMP)

demo: setup
	@$(BIN)/python examples/water/demo.py

demo-train: setup
	@$(BIN)/python examples/train/demo.py

# runs the kernels for GPUs on this processor; without it those tests are left out
opencl:
	@ls /etc/OpenCL/vendors/*.icd >/dev/null 2>&1 || { \
	  echo "installing PoCL (OpenCL on processors)"; \
	  apt-get update -qq && apt-get install -y pocl-opencl-icd ocl-icd-libopencl1 || \
	  echo "no PoCL: tests of OpenCL packages are left out"; }

test: lint opencl
	@$(BIN)/python -m pytest -m 'not slow'

test-all: lint opencl
	@$(BIN)/python -m pytest

lint: setup
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/clang-format --dry-run --Werror $(C_FILES)
	@$(BIN)/python -m dpc.backends.fpga.lint

format: setup
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix . && $(BIN)/clang-format -i $(C_FILES)

clean:
	rm -rf $(VENV) .bench build demo-output demo-train-output .pytest_cache .mypy_cache .ruff_cache
