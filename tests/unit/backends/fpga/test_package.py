"""dpc compile and dpc check for a circuit: every file of the package, and what they say."""

import json
import re

import numpy as np
import pytest

from dpc.backends.fpga import registers
from dpc.backends.fpga.build import digest_of
from dpc.backends.fpga.images import images
from dpc.backends.fpga.parameters import Build
from dpc.cli.main import main
from dpc.compiler.compile import compile_model
from dpc.compiler.programs import write_program
from dpc.errors import InputError
from dpc.ir.evaluate import evaluate
from dpc.ir.fixed.store import contents_of
from dpc.ir.ops.fixed import FixedPoint
from dpc.md import Potential
from dpc.package.read import open_package
from tests.fixed_models import MODELS, made_program


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    folder = tmp_path_factory.mktemp("circuit")
    return compile_model(made_program(MODELS["odd"]), "vu9p:200MHz", folder / "odd.dpc")


def test_every_file_is_there(package):
    found = open_package(package)
    found.verify()
    names = set(found.manifest.files)
    assert {
        "bin/host.so", "rtl/dp_model_pkg.sv", "rtl/dp_top.sv", "rtl/dp_round.sv", "rtl/files.f",
        "fpga/contents.bin", "fpga/circuit.json", "fpga/fpga_regs.h", "fpga/fpga_regs.py",
        "fpga/constraints.xdc", "fpga/vivado.tcl", "fpga/kernel.tcl", "fpga/vitis.sh",
    } <= names  # fmt: skip
    order = found.read("rtl/files.f").decode().split()
    assert {f"rtl/{name}" for name in order} | {"rtl/files.f"} == {
        name for name in names if name.startswith("rtl/")
    }
    assert order.index("dp_model_pkg.sv") < order.index("dp_core.sv")
    assert "create_clock -name clock -period 5.000" in found.read("fpga/constraints.xdc").decode()
    assert "xcvu9p" in found.read("fpga/vivado.tcl").decode()


def test_contents_are_those_of_the_program(package):
    found = open_package(package)
    program = found.program()
    op = next(program.energy.find(FixedPoint))
    contents = contents_of(op, program.store)
    said = json.loads(found.read("fpga/circuit.json"))
    build = Build.read(said["build"])
    words = np.frombuffer(found.read("fpga/contents.bin"), "<u8")
    assert np.array_equal(words, images(contents, build))
    digest = digest_of(contents.shape, build)
    assert said["digest"] == f"{digest:016x}"
    assert f"Hash = 64'h{digest:x};" in found.read("rtl/dp_model_pkg.sv").decode()


def test_register_maps_agree(package):
    found = open_package(package)
    names: dict[str, object] = {}
    exec(found.read("fpga/fpga_regs.py").decode(), names)  # noqa: S102
    header = found.read("fpga/fpga_regs.h").decode()
    for name, (address, _) in registers.REGISTERS.items():
        assert names[name] == address
        assert int(re.search(rf"DPC_REG_{name} (0x\w+)u", header)[1], 16) == address
        assert f"8'h{address:02x}" in found.read("rtl/dp_regs_pkg.sv").decode()


def test_engines_run_it(package):
    """libdpc opens it, and gives what the program means."""
    program = open_package(package).program()
    rng = np.random.default_rng(4)
    coord, types = rng.uniform(0, 5, (12, 3)), np.arange(12) % 3
    potential = Potential(package)
    found = potential.evaluate(coord, types)
    nlist = np.array([np.delete(np.arange(12), i) for i in range(12)], np.int32)
    inputs = {"coord": coord, "atype": types.astype(np.int32), "nlist": nlist}
    wanted = evaluate(program, "energy", inputs)
    for name in ("force", "virial", "atom_energy", "atom_virial"):
        assert np.array_equal(found[name], wanted[name]), name
    assert potential.facts.precision == "fixed"
    assert potential.facts.target == "fpga vu9p on the host (the circuit's C model)"


def test_engines_are_told_of_more_neighbours_than_it_holds(package):
    coord = np.random.default_rng(6).uniform(0, 2.2, (130, 3))
    with pytest.raises(InputError, match=r"has 129 neighbours .*quantize\{max_neighbors=129\}"):
        Potential(package).evaluate(coord, np.arange(130) % 3)


def test_the_report_says_cycles_blocks_and_errors(package):
    report = json.loads(open_package(package).read("report.json"))
    circuit = report["build"]["circuit"]
    assert circuit["interval"] == max(circuit["cycles"].values())
    assert circuit["assumed_mhz"] == 200
    assert circuit["use"]["dsp"] == sum(one["dsp"] for one in circuit["by_block"].values())
    table = report["passes"][-1]["notes"]["word_lengths"]
    assert {"X", "R", "G", "weights, first layer"} <= {row["signal"] for row in table}
    by_bits = {row["bits"]: row["force"] for row in table if row["signal"] == "G"}
    assert by_bits[12] > 5 * by_bits[18] > 0
    page = open_package(package).read("report.html").decode()
    assert "Error against word length" in page and "assumed" in page and "Roofline" not in page


def test_same_bytes_twice(package, tmp_path):
    again = compile_model(made_program(MODELS["odd"]), "vu9p:200MHz", tmp_path / "again.dpc")
    one, two = (open_package(path).manifest.files for path in (package, again))
    assert {k: v.sha256 for k, v in one.items()} == {k: v.sha256 for k, v in two.items()}


def test_check_prints_the_table(tmp_path, capsys):
    write_program(tmp_path / "odd.dpir", made_program(MODELS["odd"]))
    assert main(["check", str(tmp_path / "odd.dpir"), "--target", "vu9p"]) == 0
    text = capsys.readouterr().out
    assert "verdict" in text and "chosen" in text and "250 MHz is assumed" in text


def test_check_says_what_does_not_fit(tmp_path, capsys):
    write_program(tmp_path / "odd.dpir", made_program(MODELS["odd"]))
    wide = ["check", str(tmp_path / "odd.dpir"), "--target", "vu9p"]
    assert main([*wide, "--passes", "canonicalize quantize{row_bits=8}"]) == 1
    assert "quantize{row_bits=6}" in capsys.readouterr().out
    assert main([*wide, "--passes", "canonicalize"]) == 1
    assert "put it last in the pipeline" in capsys.readouterr().out
