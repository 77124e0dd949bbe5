# The short names. `make demo` and `make test` do all set-up themselves, in .venv.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.ready
export OMP_NUM_THREADS ?= 1

C_FILES = $(shell git ls-files '*.c' '*.h' '*.hpp' '*.cpp')

.PHONY: setup demo demo-train test test-all lint format clean gpu-tools pynq

setup: $(STAMP)

# one pip call: its progress bars show; the wheels are about 700 MB, most of it torch
$(STAMP): pyproject.toml setup.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "dpc needs Python 3.11 or newer; this is $$($(PYTHON) --version). Set PYTHON=…"; exit 1; }
	@command -v gcc >/dev/null && command -v g++ >/dev/null || \
	  { echo "installing gcc and g++ (they compile the packages)"; apt-get update -qq && apt-get install -y gcc g++; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || \
	  { echo "installing python3-venv"; apt-get update -qq && apt-get install -y python3-venv; }
	@test -x $(BIN)/python || { echo "making $(VENV)"; $(PYTHON) -m venv $(VENV); }
	@echo "installing what dpc needs into $(VENV) (about a minute, 700 MB)"
	@$(BIN)/python -m pip install --disable-pip-version-check -e '.[all,dev]'
	@touch $(STAMP)

demo: setup
	@$(BIN)/python examples/water/demo.py

demo-train: setup
	@$(BIN)/python examples/train/demo.py

# what runs and compiles the kernels for GPUs on this machine; without it those tests are left out
GPU_TOOLS = pocl-opencl-icd ocl-icd-libopencl1 clang-19 lld-19 rocm-device-libs
gpu-tools:
	@missing=$$(for p in $(GPU_TOOLS); do dpkg -s $$p >/dev/null 2>&1 || echo $$p; done); \
	  test -z "$$missing" || { echo "installing" $$missing; \
	  apt-get update -qq && apt-get install -y --no-install-recommends $$missing || \
	  echo "not installed: tests of kernels for GPUs are left out"; }

# boards from Python: pynq wants older numpy and protobuf, so it has an environment of its own
pynq: .bench/pynq/.ready
.bench/pynq/.ready: pyproject.toml
	@test -x .bench/pynq/bin/python || { mkdir -p .bench; $(PYTHON) -m venv .bench/pynq; }
	@echo "installing pynq into .bench/pynq (about half a minute)"
	@.bench/pynq/bin/python -m pip install --disable-pip-version-check -q -e '.[pynq]'
	@touch $@

test: lint gpu-tools
	@$(BIN)/python -m pytest -m 'not slow'

test-all: lint gpu-tools
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
