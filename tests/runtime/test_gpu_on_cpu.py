"""The machine that runs CUDA text on the CPU notices what a GPU would get wrong now and then."""

from __future__ import annotations

import os
import subprocess

import pytest

from tests.gpu_on_cpu import compile_kernels, fake_driver, kernel_names, mutants
from tests.runtime.fake_gpu import KERNELS, compile_gpu_host, write_gpu_package

LAUNCH = r"""
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
int main(int argc, char **argv) {
  void *library = dlopen(argv[1], RTLD_NOW);
  if (library == NULL || argc < 5) return puts(dlerror()), 2;
  int (*launch)(void (*)(void **), const unsigned[3], const unsigned[3], void **, unsigned, char *,
                size_t);
  void (*body)(void **);
  *(void **)&launch = dlsym(library, "dpc_shim_launch");
  *(void **)&body = dlsym(library, "dpc_call_kernel");
  const unsigned grid[3] = {3, 1, 1}, block[3] = {(unsigned)atoi(argv[2]), 1, 1};
  int n = atoi(argv[3]);
  int *data = calloc((size_t)n, sizeof *data);
  void *arguments[] = {&data, &n};
  char message[256] = "";
  if (launch(body, grid, block, arguments, (unsigned)atoi(argv[4]), message, sizeof message) != 0)
    return puts(message), 1;
  for (int i = 0; i < n; i++) printf("%d ", data[i]);
  free(data);
  return 0;
}
"""


@pytest.fixture(scope="module")
def launch(tmp_path_factory):
    """`launch(text, threads, numbers, seed)`: code and output of `kernel(int *data, int n)`."""
    folder = tmp_path_factory.mktemp("launch")
    source, program = folder / "launch.c", folder / "launch"
    source.write_text(LAUNCH)
    asan = ["-fsanitize=address,undefined", "-g"]
    subprocess.run(["gcc", *asan, str(source), "-ldl", "-o", str(program)], check=True)
    made = {}

    def call(text, threads=64, numbers=192, seed=1):
        if text not in made:
            made[text] = compile_kernels(text, folder / f"{len(made)}.so", "asan", ["-O0"])
        command = [str(program), str(made[text]), str(threads), str(numbers), str(seed)]
        done = subprocess.run(command, capture_output=True, text=True)
        return done.returncode, done.stdout.strip() or done.stderr

    return call


HEAD = 'extern "C" __global__ void kernel(int *data, int n) { const int k = threadIdx.x; '
REVERSE = "__shared__ int part[64]; part[k] = k; %s data[blockIdx.x * 64 + k] = part[63 - k]; }"


def test_barrier(launch):
    code, output = launch(HEAD + REVERSE % "__syncthreads();")
    assert (code, output.split()) == (0, [str(63 - k % 64) for k in range(192)])


def test_missing_barrier(launch):
    code, output = launch(HEAD + REVERSE % "")
    assert code == 0
    assert output.split() != [str(63 - k % 64) for k in range(192)]


def test_missing_barrier_before_the_next_write(launch):
    turn = "for (int i = 0; i < 2; i++) { part[k] = i; __syncthreads(); sum += part[63 - k]; %s } "
    text = HEAD + "__shared__ int part[64]; int sum = 0; " + turn + "atomicAdd(data, sum); }"
    assert launch(text % "__syncthreads();", numbers=1) == (0, "192")
    assert launch(text % "", numbers=1) != (0, "192")


def test_shared_memory_holds_nothing(launch):
    code, output = launch(HEAD + "__shared__ int part[64]; atomicAdd(data, part[k]); }", numbers=1)
    assert (code, output) == (0, str(-192))


def test_threads_at_different_barriers(launch):
    code, output = launch(HEAD + "\nif (k < 32) __syncthreads();\nelse __syncthreads(); }")
    assert code == 1
    assert "threads wait at different barriers" in output


def test_threads_that_ended(launch):
    code, output = launch(HEAD + "if (k > 40) return; __syncthreads(); data[0] = 1; }")
    assert code == 1
    assert "threads wait at the barrier of line 1, but 23 have ended" in output


def test_memory_out_of_bounds(launch):
    code, output = launch(HEAD + "data[blockIdx.x * 64 + k] = 1; }", numbers=191)
    assert code != 0
    assert "heap-buffer-overflow" in output


def test_shared_memory_out_of_bounds(launch):
    code, output = launch(HEAD + "__shared__ int part[63]; part[k] = 1; data[0] = part[0]; }")
    assert code != 0
    assert "out of bounds" in output


def test_warps_exchange_values(launch):
    text = HEAD + (
        "int sum = k; for (int o = 16; o > 0; o /= 2) sum += __shfl_xor_sync(0xffffffff, sum, o); "
        "data[blockIdx.x * 64 + k] = sum + __shfl_down_sync(0xffffffff, k, 1); }"
    )
    code, output = launch(text)
    expected = [
        496 + 1024 * (k % 64 // 32) + min(k % 64 + 1, 31 + 32 * (k % 64 // 32)) for k in range(192)
    ]
    assert (code, output.split()) == (0, [str(x) for x in expected])


def test_lanes_that_do_not_come(launch):
    code, output = launch(HEAD + "if (k != 3) __shfl_sync(0xffffffff, k, 0); data[0] = 1; }")
    assert code == 1
    assert "lanes of a warp wait" in output


def test_order_depends_on_the_seed(launch):
    text = HEAD + "data[0] = k + 64 * blockIdx.x; }"
    assert len({launch(text, numbers=1, seed=seed) for seed in range(4)}) > 1


def test_kernels_are_found():
    names = ["measure", "energies", "forces", "convert", "total"]
    assert kernel_names(KERNELS.read_text()) == names


def test_mutants():
    text = """\
  if (i >= n) return;
  if (k < m && i < n) x = a < b ? a : b;
  y[k] = k < OUTER
             ? w[k] : 0;
  __syncthreads(); /* here */
  BARRIER();
  for (int i = 0; i < n; i++) u = i < R(0.0) ? 1 : f(2);
  /* if (i < n) */
"""
    found = {what.split(" of ")[0]: changed for what, changed in mutants(text)}
    assert list(found) == [
        "line 1: i >= n",
        "line 2: k < m",
        "line 2: i < n",
        "line 2: a < b",
        "line 3: k < OUTER",
        "line 5: __syncthreads();",
        "line 6: BARRIER();",
    ]
    assert found["line 1: i >= n"].splitlines()[0] == "  if ( 0 ) return;"
    assert found["line 2: i < n"].splitlines()[1] == "  if (k < m && 1 ) x = a < b ? a : b;"
    assert found["line 5: __syncthreads();"].splitlines()[4] == "  ; /* here */"


def test_every_mutant_of_the_kernels_is_noticed(programs, tmp_path):
    """Without any one barrier or bounds check: other numbers, or a report."""
    host = compile_gpu_host(tmp_path / "host.so", "cuda")
    package = write_gpu_package(tmp_path / "fake.dpc", host, "cuda")
    drivers = fake_driver(tmp_path, "cuda", "asan")
    system = tmp_path / "system"
    atoms = "".join(
        f"{k % 2} {k % 3 * 2.1 + 0.1 * k} {k // 3 % 3 * 2.2} {k // 9 * 1.9 + 0.03 * k}\n"
        for k in range(17)
    )
    system.write_text("17 6.5 0 0 0 7 0 0 0 8\n" + atoms)
    program = programs("asan").path("run_file")

    def run(text):
        kernels = compile_kernels(text, tmp_path / "kernels.so", "asan", ["-O0"])
        environment = {
            **os.environ,
            "LD_LIBRARY_PATH": str(drivers),
            "FAKE_GPU_KERNELS": str(kernels),
            "ASAN_OPTIONS": "detect_leaks=0",
        }
        command = [str(program), str(package), str(system)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        return done.returncode, done.stdout

    text = KERNELS.read_text()
    good = run(text)
    assert good[0] == 0
    assert run(text) == good
    # a block is a centre there, and all of them are in the chunk; and the last of these is no
    # check of a bound, but of a type that this system has not
    needless = ("BLOCK < count", "type[j] >= 0")
    survivors = [
        what
        for what, changed in mutants(text)
        if not any(word in what.split(" of ")[0] for word in needless) and run(changed) == good
    ]
    assert survivors == []
