"""Packages for GPUs on drivers that run on the CPU: PoCL, and fake ones for CUDA and HIP."""

from __future__ import annotations

import ctypes
import ctypes.util
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from dpc import native
from tests.gpu_on_cpu import compile_kernels, fake_driver, has_opencl
from tests.runtime.fake_gpu import KERNELS, compile_gpu_host, write_gpu_package
from tests.runtime.fake_package import write_package

DRIVERS = ["opencl", "cuda", "hip"]
MOSTLY_HIP_SLOW = ["opencl", "cuda", pytest.param("hip", marks=pytest.mark.slow)]
"""Where HIP takes the same way as CUDA, and differs in the names of functions only."""
SUPPRESS = Path(__file__).parent / "pocl.supp"


@dataclass(frozen=True)
class Machine:
    """A driver, a package for it, and the environment in which programs find both."""

    driver: str
    package: Path
    environment: dict[str, str]
    log: Path

    def logged(self) -> dict[str, int]:
        """What the fake driver counted in the last program."""
        return {
            line.rsplit(" ", 1)[0]: int(line.rsplit(" ", 1)[1])
            for line in self.log.read_text().splitlines()
        }


@pytest.fixture(scope="session")
def fakes(tmp_path_factory):
    """The kernels and the fake drivers, for the address sanitizer."""
    folder = tmp_path_factory.mktemp("fakes")
    kernels = compile_kernels(KERNELS.read_text(), folder / "kernels.so", "asan")
    folders = {"opencl": folder}
    for driver in ("cuda", "hip"):
        (folder / driver).mkdir()
        folders[driver] = fake_driver(folder / driver, driver, "asan")
    return kernels, folders


@pytest.fixture
def machine(fakes, tmp_path):
    """`machine("cuda")`: a Machine; other words are switches of the host, or of the model."""

    def get(driver, switches=None, **model):
        if driver == "opencl" and not has_opencl():
            pytest.skip("no OpenCL platform: apt install pocl-opencl-icd ocl-icd-libopencl1")
        kernels, folders = fakes
        host = compile_gpu_host(tmp_path / f"{driver}.so", driver, **(switches or {}))
        package = write_gpu_package(tmp_path / driver / "fake.dpc", host, driver, **model)
        environment = {
            "LD_LIBRARY_PATH": str(folders[driver]),
            "FAKE_GPU_KERNELS": str(kernels),
            "FAKE_GPU_LOG": str(tmp_path / "log"),
            "POCL_CACHE_DIR": str(folders["opencl"] / "pocl"),
            "LSAN_OPTIONS": f"suppressions={SUPPRESS}:print_suppressions=0",
        }
        return Machine(driver, package, environment, tmp_path / "log")

    return get


@pytest.fixture
def run(programs):
    """`run(machine, "open", …)`: the output of a C test, without a leak of host memory."""

    def call(machine, name, *arguments, timeout=120, **environment):
        path = programs("asan").path(name)
        done = subprocess.run(
            [str(path), *map(str, arguments)],
            env={**os.environ, **machine.environment, **environment},
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        assert done.returncode == 0, f"{name} ended with {done.returncode}\n{done.stderr[-3000:]}"
        return done.stdout

    return call


@pytest.fixture
def cpu_package(hosts, tmp_path):
    """The same potential for the CPU."""
    return write_package(tmp_path / "cpu.dpc", hosts("asan"))


@pytest.mark.parametrize(
    ("driver", "parameters"),
    [
        ("opencl", 0),
        ("opencl", 1),
        ("cuda", 1),
        pytest.param("hip", 0, marks=pytest.mark.slow),
    ],
)
def test_evaluate(machine, run, driver, parameters):
    gpu = machine(driver, fparam=parameters, aparam=parameters)
    run(gpu, "test_evaluate", gpu.package)


@pytest.mark.parametrize("switches", [{}, {"one_type": "1"}, {"most_centers": "7"}])
@pytest.mark.parametrize("driver", MOSTLY_HIP_SLOW)
def test_same_as_on_the_cpu(machine, run, cpu_package, driver, switches):
    gpu = machine(driver, switches)
    run(gpu, "test_device", gpu.package, cpu_package)
    if driver != "opencl":
        assert gpu.logged()["left"] == 0
        launched = "cuGraphLaunch" if driver == "cuda" else "hipGraphLaunch"
        assert gpu.logged()[launched] > 3


@pytest.mark.parametrize("driver", DRIVERS)
def test_arrays_on_the_device(machine, run, cpu_package, driver):
    """A caller that keeps its atoms there, in a stream and with a list of its own."""
    gpu = machine(driver)
    run(gpu, "test_foreign", driver, gpu.package, cpu_package)
    if driver != "opencl":
        assert gpu.logged()["left"] == 0


def test_libdpc_needs_no_driver():
    """One library for machines with and without GPUs: it links with nothing but libc."""
    output = subprocess.run(["ldd", native.libdpc()], capture_output=True, text=True).stdout
    names = {line.split()[0].rsplit("/")[-1] for line in output.splitlines()}
    assert names <= {
        "linux-vdso.so.1",
        "libc.so.6",
        "libm.so.6",
        "libdl.so.2",
        "libpthread.so.0",
        "ld-linux-x86-64.so.2",
        "ld-linux-aarch64.so.1",
    }


@pytest.mark.parametrize("driver", MOSTLY_HIP_SLOW)
def test_a_small_device_takes_chunks(machine, run, cpu_package, driver):
    """With little memory the centres are cut, and the results do not change."""
    gpu = machine(driver, {"row_bytes": "2000"})
    if driver == "opencl":  # the limit is the caller's
        run(gpu, "test_device", gpu.package, cpu_package, 2_000_000)
        return
    run(gpu, "test_device", gpu.package, cpu_package)
    launches = "cuLaunchKernel" if driver == "cuda" else "hipModuleLaunchKernel"
    whole, most = gpu.logged()[launches], gpu.logged()["most"]
    for arguments, environment in (((most // 2,), {}), ((), {"FAKE_GPU_MEMORY": str(most // 2)})):
        run(gpu, "test_device", gpu.package, cpu_package, *arguments, **environment)
        assert gpu.logged()[launches] > whole
        assert gpu.logged()["most"] <= most // 2
        assert gpu.logged()["left"] == 0


OUT_OF_MEMORY = {
    "tensors": r"4 fake.dpc: its nets and tables do not reach the device \(at \d+ bytes\): CUDA "
    r"device 0 \(Fake CUDA 0\): the allocation of \d+ bytes failed: out of memory",
    "session": r"4 CUDA device 0 \(Fake CUDA 0\): the allocation of \d+ bytes failed: out of "
    r"memory",
    "system": r"4 not enough memory on Fake CUDA 0: the [\w ]+ of 2 atoms take \d+ bytes, \d+ are "
    r"left \(CUDA device 0 \(Fake CUDA 0\): the allocation of \d+ bytes failed: out of memory",
    "chunks": r"4 not enough memory on Fake CUDA 0: after positions, lists and forces of 2 atoms "
    r"\d+ of its \d+ bytes are left, but one atom at a time takes \d+. Use fewer atoms per rank",
}


def test_out_of_memory_names_atoms_and_bytes(machine, run):
    """A device that has less and less: what does not fit is named, whatever it is."""
    gpu = machine("cuda")
    seen = set()
    for memory in range(20, 1200, 20):
        output = run(gpu, "open", gpu.package, FAKE_GPU_MEMORY=str(memory))
        kinds = [kind for kind, words in OUT_OF_MEMORY.items() if re.match(words, output)]
        assert output.startswith("0 ") or len(kinds) == 1, output
        seen.update(kinds)
        assert gpu.logged()["left"] == 0
    assert seen == set(OUT_OF_MEMORY)
    assert output.startswith("0 ")


def functions(machine, run):
    """The driver's functions that a run calls, and how often."""
    run(machine, "test_retry", machine.package)
    return {
        name: count
        for name, count in machine.logged().items()
        if re.match("cu[A-Z]|hip[A-Z]", name)
    }


@pytest.mark.parametrize("driver", ["cuda", "hip"])
def test_every_failure_is_told_and_survived(machine, run, driver):
    """Each call of the driver fails once: out of memory where it allocates, else a failure."""
    gpu = machine(driver)
    energy = run(gpu, "test_retry", gpu.package)
    for name, count in functions(gpu, run).items():
        if re.search("Free|Destroy|Release|Unload", name):
            continue
        allocates = name in ("cuMemAlloc_v2", "hipMalloc")
        for k in range(1, count + 1) if allocates or count < 4 else (1, count // 2, count):
            code = 2 if allocates else 719 if "Launch" in name else 1
            output = run(gpu, "test_retry", gpu.package, FAKE_GPU_FAIL=f"{name}:{k}:{code}")
            lines = output.splitlines()
            assert lines[-1] + "\n" == energy, (name, k)
            tolerated = re.search("Graph|Capture|MemGetInfo", name) or allocates
            if re.search("SetCurrent|SetDevice", name):  # the last ones are of the clean-up
                tolerated = k >= count - 1
            assert len(lines) > 1 or tolerated, f"nobody saw that call {k} of {name} failed"
            for line in lines[:-1]:
                words = (
                    "out of memory" if allocates else "unspecified launch" if code == 719 else ""
                )
                assert words in line and ("Fake" in line or "CUDA" in line or "HIP" in line), line
            log = gpu.logged()
            kept = [log[word] for word in ("left", "streams", "modules", "graphs", "contexts")]
            assert kept == [0] * 5, (name, k, log)


def test_no_driver(machine, run):
    for driver, library in (("cuda", "libcuda.so.1"), ("hip", "libamdhip64.so")):
        if ctypes.util.find_library(library.removeprefix("lib").split(".")[0]):
            continue  # a real one
        gpu = machine(driver)
        output = run(gpu, "open", gpu.package, LD_LIBRARY_PATH="")
        assert output.startswith(f"3 fake.dpc: no {driver.upper()} driver here: {library}"), output
        assert "use a package for --target cpu" in output


def test_no_device(machine, run):
    for driver in ("cuda", "hip"):
        gpu = machine(driver)
        output = run(gpu, "open", gpu.package, FAKE_GPU_DEVICES="0")
        assert output.startswith(f"3 fake.dpc: the {driver.upper()} driver finds no device"), output


@pytest.mark.parametrize(
    ("environment", "index", "name"),
    [
        ({}, -1, "0"),
        ({}, 1, "1"),
        ({"OMPI_COMM_WORLD_LOCAL_RANK": "1"}, -1, "1"),
        ({"MPI_LOCALRANKID": "2"}, -1, "0"),
        ({"SLURM_LOCALID": "3"}, -1, "1"),
        ({"SLURM_LOCALID": "3"}, 0, "0"),
        ({"SLURM_LOCALID": "nonsense"}, -1, "0"),
    ],
)
def test_device_is_chosen(machine, run, environment, index, name):
    """By index, else by the local rank that a launcher of MPI tells."""
    clear = {"OMPI_COMM_WORLD_LOCAL_RANK": "", "MPI_LOCALRANKID": "", "SLURM_LOCALID": ""}
    gpu = machine("cuda")
    failing = {"FAKE_GPU_FAIL": "cuLaunchKernel:1", **clear, **environment}
    output = run(gpu, "open", gpu.package, 0, 1, index, **failing)
    assert f"CUDA device {name} (Fake CUDA {name}): the launch of measure failed" in output


def test_device_that_is_not_there(machine, run):
    gpu = machine("hip")
    output = run(gpu, "open", gpu.package, 0, 1, 2)
    assert output.startswith("3 fake.dpc: there is no HIP device 2: this machine has 2"), output


@pytest.mark.parametrize(
    ("driver", "arch", "loaded"),
    [
        ("cuda", "80", "sm_80"),
        ("cuda", "86", "sm_80"),
        ("cuda", "90", "sm_90"),
        ("cuda", "100", "compute_80"),
        ("hip", "gfx90a", "gfx90a"),
        ("hip", "gfx942", "gfx942"),
    ],
)
def test_code_is_chosen(machine, run, driver, arch, loaded):
    gpu = machine(driver)
    assert run(gpu, "open", gpu.package, FAKE_GPU_ARCH=arch).startswith("0 ")
    assert f"image {loaded}" in gpu.logged()


@pytest.mark.parametrize(
    ("driver", "arch", "words"),
    [
        (
            "cuda",
            "75",
            "has code for sm_80 sm_90 compute_80, but CUDA device 0 (Fake CUDA 0) is sm_75",
        ),
        ("hip", "gfx1100", "has code for gfx90a gfx942, but HIP device 0 (Fake HIP 0) is gfx1100"),
    ],
)
def test_code_for_no_such_device(machine, run, driver, arch, words):
    gpu = machine(driver)
    output = run(gpu, "open", gpu.package, FAKE_GPU_ARCH=arch)
    assert output.startswith("3 fake.dpc: ") and words in output
    assert f"dpc compile model.pt --target {'cuda' if driver == 'cuda' else 'rocm'}:" in output


def test_code_that_does_not_compile(machine, run):
    gpu = machine("opencl")
    host = (gpu.package / "bin" / "host.so").read_bytes()
    from tests.runtime.fake_package import write_package as write

    target = {"kind": "opencl", "arch": "opencl", "precision": "f64"}
    scratch = gpu.package.parent / "bad.dpc"
    (gpu.package.parent / "h.so").write_bytes(host)
    write(scratch, gpu.package.parent / "h.so", {"target": target}, {"bin/kernels.cl": b"nonsense"})
    output = run(gpu, "open", scratch)
    assert output.startswith("3 bad.dpc: ") or "cannot compile the kernels" in output, output


def test_plan_of_another_version(machine, run):
    gpu = machine("cuda", {"device_abi": "9"})
    assert "its plan was made for device ABI 9, this libdpc reads 1" in run(
        gpu, "open", gpu.package
    )


def test_code_of_the_plan(machine, run):
    gpu = machine("hip", {"code": "77"})
    assert "bin/host.so failed with code 77" in run(gpu, "open", gpu.package)


def test_package_without_its_code(machine, run):
    gpu = machine("cuda")
    (gpu.package / "bin" / "sm_80.cubin").write_bytes(b"\x7fELF other   ....")
    assert "bin/sm_80.cubin" in run(gpu, "open", gpu.package)
