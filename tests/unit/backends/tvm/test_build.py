"""The object file: its symbols, its instructions, its bytes."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest

from dpc.backends.tvm.build import build_kernels
from dpc.backends.tvm.kernels.expand import ExpandSpec
from dpc.backends.tvm.kernels.gradient import GradientSpec
from dpc.backends.tvm.kernels.layer import Layer
from dpc.backends.tvm.kernels.mlp import MlpSpec
from dpc.backends.tvm.kernels.outer import OuterSpec
from dpc.backends.tvm.kernels.pairs import PairsSpec
from dpc.backends.tvm.kernels.table import TableSpec
from dpc.errors import InputError
from dpc.targets import parse_target
from dpc.targets.cpu import LEVELS

SPECS = (
    TableSpec(20),
    OuterSpec(20, 4, True),
    PairsSpec(20, 100),
    ExpandSpec(20, 33),
    GradientSpec("fit", (Layer(30, 9), Layer(9, 9, "tanh", "same", True), Layer(9, 1, "linear"))),
    MlpSpec("emb", (Layer(1, 10, "relu"), Layer(10, 20, "tanh", "double"))),
)  # fmt: skip
SMALL = (TableSpec(8), GradientSpec("fit", (Layer(16, 16), Layer(16, 1, "linear"))))
VECTORS = {"x86-64-v4": "zmm", "x86-64-v3": "ymm", "x86-64-v2": "xmm"}


@pytest.fixture(scope="module", params=LEVELS)
def kernels(request):
    return build_kernels(SPECS, LEVELS[request.param])


@pytest.mark.skipif(not shutil.which("nm"), reason="needs nm")
def test_no_undefined_symbols(kernels, tmp_path):
    path = tmp_path / "kernels.o"
    path.write_bytes(kernels.object_bytes)
    text = subprocess.run(["nm", path], check=True, capture_output=True, text=True).stdout
    kinds = {line.split()[-1]: line.split()[-2] for line in text.splitlines()}
    assert not [name for name, kind in kinds.items() if kind == "U"]
    assert {name for name, kind in kinds.items() if kind == "T"} == set(kernels.symbols)
    weak = {name for name, kind in kinds.items() if kind in "WVw"}
    assert weak <= {"__truncsfhf2", "__extendhfsf2"}


def test_no_calls(kernels):
    assert not re.findall(r"^\s+(?:callq?|bl)\s+\S+", kernels.asm(), re.M)


def test_full_vectors_and_fused_multiply_add(kernels):
    asm, arch = kernels.asm(), kernels.target.arch
    if arch == "aarch64":
        assert len(re.findall(r"\bfmla\s+v\d+\.2d", asm)) > 100
        return
    fused = re.findall(rf"vfn?m\w+pd\b.*%{VECTORS[arch]}", asm)
    assert len(fused) > 100 if kernels.target.fma else not fused
    assert len(re.findall(rf"mulpd.*%{VECTORS[arch]}", asm)) > 10


def _inner_loop_spills(asm: str) -> list[str]:
    """Blocks of many fused operations that move vectors to or from the stack."""
    found = []
    for block in re.split(r"^(?=\.LBB\w+:)", asm, flags=re.M):
        fused = len(re.findall(r"vfn?m\w+pd|fmla", block))
        stack = re.findall(r"\(%rsp\).*%[xyz]mm|%[xyz]mm\d+, -?\d*\(%rsp|\bq\d+, \[sp", block)
        looped = re.search(
            rf"\bj\w+\s+{re.escape(block.split(':')[0])}$|b\.\w+\s+"
            rf"{re.escape(block.split(':')[0])}$",
            block,
            re.M,
        )
        if fused >= 12 and stack and looped:
            found.append(block.splitlines()[0])
    return found


def test_sums_of_the_matrix_products_stay_in_registers():
    """Spilling them halves the speed of the backward product: see gemm.UNROLL."""
    spec = GradientSpec("fit", (Layer(480, 240, "linear"), Layer(240, 1, "linear")))
    for arch in ("x86-64-v4", "x86-64-v3", "aarch64"):
        assert not _inner_loop_spills(build_kernels([spec], LEVELS[arch]).asm()), arch


def test_the_same_specs_give_the_same_bytes():
    target = parse_target("cpu:x86-64-v3")
    first, second = (build_kernels(SMALL, target).object_bytes for _ in range(2))
    assert first == second


def test_equal_specs_are_compiled_once():
    made = build_kernels([TableSpec(8), TableSpec(8)], parse_target("cpu:x86-64-v3"))
    assert made.symbols == ("dpc_table_forward_M8", "dpc_table_backward_M8")


def test_two_kernels_of_one_name_are_refused():
    with pytest.raises(InputError, match="the same name: dpc_table_backward_M8, dpc_table_forw"):
        build_kernels([TableSpec(8), TableSpec(8, "float32")], parse_target("cpu:x86-64-v3"))


@pytest.mark.skipif(not shutil.which("cc"), reason="needs a C compiler")
def test_header_is_c(kernels, tmp_path):
    (tmp_path / "kernels.h").write_text(kernels.header)
    (tmp_path / "use.c").write_text(
        '#include "kernels.h"\n'
        + "".join(f"void *p{i} = (void *){s};\n" for i, s in enumerate(kernels.symbols))
    )
    command = ["cc", "-std=c11", "-Wall", "-Werror", "-c", "use.c", "-o", "use.o"]
    subprocess.run(command, check=True, cwd=tmp_path)


@pytest.mark.skipif(not shutil.which("cc"), reason="needs a C compiler")
def test_a_library_can_hide_all_of_it(tmp_path):
    kernels = build_kernels(SMALL, parse_target("cpu:x86-64-v2"))
    if parse_target("cpu").arch == "aarch64":
        pytest.skip("needs an x86-64 linker")
    (tmp_path / "kernels.o").write_bytes(kernels.object_bytes)
    (tmp_path / "entry.c").write_text(
        f"void {kernels.symbols[0]}(void);\nvoid *const entry = (void *){kernels.symbols[0]};\n"
    )
    (tmp_path / "only").write_text("{ global: entry; local: *; };\n")
    subprocess.run(["cc", "-shared", "-fPIC", "-Wl,-z,defs", "-Wl,--version-script=only",
                    "entry.c", "kernels.o", "-o", "host.so"], check=True, cwd=tmp_path)  # fmt: skip
    listed = subprocess.run(["nm", "-D", "--defined-only", "host.so"], check=True, cwd=tmp_path,
                            capture_output=True, text=True).stdout  # fmt: skip
    assert [line.split()[-1] for line in listed.splitlines()] == ["entry"]
