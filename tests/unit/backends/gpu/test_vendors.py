"""Kernels compile for every architecture, and no register of theirs goes to memory."""

import pytest

from dpc.backends.cuda import nvrtc, sass
from dpc.backends.gpu.resources import Resources, read_clang, read_ptxas
from dpc.backends.gpu.source import kernel_text
from dpc.backends.rocm import clang
from dpc.errors import DpcError, ToolError
from dpc.targets import parse_target

REGISTERS = 170
"""Of a thread: at most so many, lest too few threads be resident."""


def need(describe):
    try:
        describe()
    except ToolError as error:
        pytest.skip(str(error))


def check(plan, found, registers):
    assert set(found) >= set(plan.kernels)
    for name, one in found.items():
        assert one.spill_bytes == 0 and one.stack_bytes == 0, (name, one)
        assert one.registers <= registers, (name, one)
        assert one.shared_bytes <= plan.target.gpu.shared_bytes, (name, one)


def compile_cuda(plan, arch):
    need(nvrtc.describe)
    cubin, log = nvrtc.compile_cubin(kernel_text(plan, "cuda"), arch)
    assert cubin[:4] == b"\x7fELF"
    check(plan, read_ptxas(log), REGISTERS)
    return cubin


def compile_rocm(plan, arch):
    need(clang.describe)
    code, log = clang.compile_code_object(kernel_text(plan, "hip"), arch)
    assert code[:4] == b"\x7fELF"
    check(plan, read_clang(log), 512)


def test_sm_80(make_plan):
    cubin = compile_cuda(make_plan("se_e2_a", "cuda:sm_80"), "sm_80")
    if sass.find_nvdisasm():
        counts = sass.count_instructions(cubin)
        assert counts["layer0"]["fma64"] > 100 and counts["layer0"]["barrier"] == 2


def test_gfx90a(make_plan):
    compile_rocm(make_plan("se_e2_a", "rocm:gfx90a"), "gfx90a")


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["f64", "f32", "mixed"])
@pytest.mark.parametrize("arch", ["sm_80", "sm_86", "sm_89", "sm_90", "sm_100", "sm_120"])
def test_water_for_every_nvidia_architecture(make_plan, arch, precision):
    compile_cuda(make_plan("water", f"cuda:{arch}", precision), arch)


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["f64", "f32", "mixed"])
@pytest.mark.parametrize("arch", ["gfx90a", "gfx942"])
def test_water_for_every_amd_architecture(make_plan, arch, precision):
    compile_rocm(make_plan("water", f"rocm:{arch}", precision), arch)


def test_the_reports_of_the_compilers():
    log = (
        "ptxas info    : Compiling entry function 'force' for 'sm_80'\n"
        "ptxas info    : Function properties for force\n"
        "ptxas         .     16 bytes stack frame, 4 bytes spill stores, 12 bytes spill loads\n"
        "ptxas info    : Used 124 registers, used 1 barriers, 16000 bytes smem\n"
    )
    assert read_ptxas(log) == {"force": Resources(124, 16000, 16, 16)}
    lines = [
        ("Function Name", "force"), ("SGPRs", 30), ("VGPRs", 80), ("AGPRs", 4),
        ("ScratchSize [bytes/lane]", 0), ("Occupancy [waves/SIMD]", 6), ("SGPRs Spill", 0),
        ("VGPRs Spill", 2), ("LDS Size [bytes/block]", 9472),
    ]  # fmt: skip
    remarks = "\n".join(
        f"k.hip:1:1: remark:     {key}: {value} [-Rpass-analysis=kernel-resource-usage]"
        for key, value in lines
    )
    assert read_clang(remarks) == {"force": Resources(84, 9472, 8, 0)}


def test_names_of_targets():
    assert str(parse_target("cuda")) == "cuda:sm_80,sm_90,sm_100"
    assert str(parse_target("rocm:gfx942,gfx90a")) == "rocm:gfx90a,gfx942"
    assert str(parse_target("opencl")) == "opencl"
    with pytest.raises(DpcError, match="no such architecture 'sm_81'"):
        parse_target("cuda:sm_81")
    with pytest.raises(DpcError, match="opencl has no architectures"):
        parse_target("opencl:gpu")
