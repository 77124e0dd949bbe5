"""The flow hls: layers and types give the circuit's integers, and so does hls4ml's C++."""

import importlib.util
import sys
from dataclasses import replace

import numpy as np
import pytest

from dpc.backends.fpga.hls.layers import ENERGY, INPUT, SLOPE, Layers, fitting_layers
from dpc.cli.main import main
from dpc.compiler.compile import compile_model
from dpc.errors import DpcError, ToolError, UsageError
from dpc.ir.fixed.numbers import Integers, cubic
from dpc.ir.fixed.pipeline import fit
from dpc.ir.fixed.shape import T_BITS, Z_BITS
from dpc.package.read import open_package
from dpc.package.report import lines
from dpc.passes.circuit_form import find_form
from dpc.passes.contents import make_contents
from dpc.passes.real_circuit import Options
from tests.fixed_models import MODELS, contents, made_program, made_samples

needs_hls4ml = pytest.mark.skipif(
    importlib.util.find_spec("hls4ml") is None, reason="needs hls4ml: pip install 'dpc[hls]'"
)


def parse(text):
    """Bits, fraction bits, rounded: of an ap_fixed, ap_int or ap_uint."""
    kind, _, rest = text.rstrip(">").partition("<")
    bits, *more = rest.split(",")
    whole = int(more[0]) if more else int(bits)
    assert more[1:] in ([], ["AP_RND", "AP_SAT"]), text
    return kind, int(bits), int(bits) - whole, len(more) > 1


def stored(x, text):
    """x in a type: what is not rounded must fit exactly."""
    kind, bits, frac, rounded = parse(text)
    n = x * 2.0**frac
    low, high = (0, 2**bits - 1) if kind == "ap_uint" else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    if rounded:
        n = np.clip(np.floor(n + 0.5), low, high)
    assert np.array_equal(n, np.rint(n)) and n.min() >= low and n.max() <= high, text
    return n * 2.0**-frac


def run(net: Layers, m, d):
    """What a list of layers means: reals, rounded where the types say so."""
    values = {INPUT: stored(d * 2.0**-net.units.d, net.types[INPUT]["result"])}
    for layer in net.layers[1:]:
        name, types = layer["name"], net.types[layer["name"]]
        x = [values[one] for one in layer["inputs"]]
        if layer["class_name"] == "Dense":
            bias = layer["bias_data"]
            bias = np.zeros(layer["n_out"]) if bias is None else stored(bias, types["bias"])
            weight = stored(layer["weight_data"], types["weight"])
            assert weight.shape == (layer["n_in"], layer["n_out"])
            y = stored(x[0] @ weight + bias, types["accum"])
        elif layer["class_name"] == "Rescale":
            scale = stored(layer["scale_data"], types["scale"])
            y = x[0] * scale + stored(layer["bias_data"], types["bias"])
        elif layer["class_name"] == "Merge":
            y = x[0] + x[1] if layer["op"] == "add" else x[0] * x[1]
        else:
            rows = stored(layer["table_data"], types["table"]).astype(np.int64).reshape(-1, 4)
            v = (x[0] * 2.0**22).astype(np.int64) + (1 << (Z_BITS - 1))
            found = cubic(rows[v >> T_BITS], v & ((1 << T_BITS) - 1), m.shape.act_frac)
            assert layer["shifts"] == tuple(
                T_BITS + m.shape.act_frac[k] - m.shape.act_frac[k - 1] for k in (1, 2, 3)
            )
            for out, kind, one in zip(layer["outputs"], ("value", "slope"), found, strict=True):
                values[out] = stored(one * 2.0 ** -parse(types[kind])[2], types[kind])
            continue
        values[name] = stored(y, types["result"])
    return (
        (values[ENERGY][:, 0] * 2.0**net.units.energy).astype(np.int64),
        (values[SLOPE] * 2.0**net.units.dd).astype(np.int64),
    )


@pytest.mark.parametrize("name", MODELS)
def test_layers_give_the_integers_of_the_circuit(name):
    saturated = check_layers(contents(name))
    assert saturated > 0 or name != "odd"


def test_short_weights():
    """Layers between the first and the last with weights of 8 bits."""
    made = replace(MODELS["odd"], fitting=(7, 7, 7))
    program = made_program(made)
    options = Options(nearest=0.85, weight_bits=8)
    m = make_contents(program, find_form(program), made_samples(made), options)
    assert fitting_layers(m, 0).types["sum1"]["weight"] == "ap_fixed<8,-9>"
    check_layers(m)


def check_layers(m):
    """Layers and integer model on descriptors that reach the formats' ends; how many saturate."""
    from dpc.backends.fpga.hls.build import vectors

    d, saturated = vectors(m.shape.products, 200), 0
    for t in range(m.shape.ntypes):
        n = Integers(m)
        energy, slope = fit(n, m, np.full(len(d), t), d)
        saturated += sum(n.saturated.values())
        found = run(fitting_layers(m, t), m, d)
        assert np.array_equal(found[0], energy) and np.array_equal(found[1], slope)
    return saturated


@pytest.mark.parametrize("name", MODELS)
def test_units_are_those_that_quantize_chose(name):
    m = contents(name)
    units = fitting_layers(m, 0).units
    assert (units.a, units.head, units.back) == (m.frac["a"], m.frac["head"], m.frac["back"])
    # dE/dD by D is an energy, whatever the unit of D
    assert units.d + units.dd == m.frac["d"] + m.frac["dd"]


def test_without_the_tool(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "hls4ml", None)
    with pytest.raises(ToolError, match=r"pip install 'dpc\[hls\]'"):
        compile_model(made_program(MODELS["smallest"]), "vu9p", tmp_path / "x.dpc", flow="hls")


def test_flows_are_for_circuits(tmp_path):
    for target, flow in (("cpu", "hls"), ("vu9p", "vhdl")):
        with pytest.raises(UsageError, match=f"no flow '{flow}'"):
            compile_model(made_program(MODELS["smallest"]), target, tmp_path / "x.dpc", flow=flow)
    assert main(["compile", str(tmp_path / "x.dpir"), "--flow", "hls", "--target", "cpu"]) == 2


def check_package(name, folder):
    """Compile, which compares C++ and integer model; look at the files."""
    path = compile_model(made_program(MODELS[name]), "vu9p:200MHz", folder / "x.dpc", flow="hls")
    package = open_package(path)
    package.verify()
    files = package.manifest.files
    for t in range(MODELS[name].ntypes):
        top = package.read(f"hls/type_{t}/firmware/fitting_{t}.cpp").decode()
        assert "nnet::dp_cubic" in top and "energy" in package.read("hls/README.md").decode()
        assert "clock_period 5.0" in package.read(f"hls/type_{t}/project.tcl").decode()
        assert f"hls/type_{t}/build_prj.tcl" in files
        rows = package.read(f"hls/type_{t}/tb_data/tb_output_predictions.dat").split(b"\n")
        assert len(rows) == 17
        assert b"OutputDir: .\n" in package.read(f"hls/type_{t}/hls4ml_config.yml")
    assert "rtl/dp_top.sv" in files and "bin/host.so" in files
    assert "gives the circuit&#x27;s bits" in package.read("report.html").decode()
    said = "\n".join(lines(package))
    assert "its C++ gives the circuit's bits" in said and "ap_fixed_base.h" not in said


@needs_hls4ml
def test_package(tmp_path):
    check_package("smallest", tmp_path)


@needs_hls4ml
def test_a_wrong_rounding_is_noticed(tmp_path, monkeypatch):
    from dpc.backends.fpga.hls import build

    def wrong(m, t):
        net = fitting_layers(m, t)
        net.types["y0"]["result"] = net.types["y0"]["result"].replace("AP_RND", "AP_TRN")
        return net

    monkeypatch.setattr(build, "fitting_layers", wrong)
    with pytest.raises(DpcError, match="integer model differ in"):
        compile_model(made_program(MODELS["smallest"]), "vu9p", tmp_path / "x.dpc", flow="hls")


@needs_hls4ml
@pytest.mark.slow
@pytest.mark.parametrize("name", ["odd", "split", "two_side", "reduced", "nvnmd"])
def test_other_nets(name, tmp_path):
    check_package(name, tmp_path)


@needs_hls4ml
@pytest.mark.slow
def test_water(tmp_path):
    """296 > 240 > 240 > 240 > 1, both types."""
    path = compile_model("examples/water/model.dp", "vu9p", tmp_path / "water.dpc", flow="hls")
    assert "hls/type_1/firmware/fitting_1.cpp" in open_package(path).manifest.files
