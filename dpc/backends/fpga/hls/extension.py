"""Two layers that hls4ml lacks.

`CubicTable`: an activation and its slope from a table of cubics. hls4ml's own table of tanh has one
number for each row: with 1024 rows it is off by up to 8e-3, and 2^-22 would take 2^25 rows.

`Rescale`: x scale + bias, rounded once. It calls the same C++ as hls4ml's batch normalisation,
which its optimiser moves, merges and removes: not one bit may change here.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

from dpc.backends.fpga.hls.library import hls4ml

HEADER = Path(__file__).with_name("nnet_dp_cubic.h")

CUBIC = """struct config{index} : nnet::dp_cubic_config {{
    static const unsigned n_in = {n_in};
    static const unsigned shift1 = {shift1}, shift2 = {shift2}, shift3 = {shift3};
    typedef {table_t.name} table_t;
}};\n"""


@functools.cache
def register() -> None:
    """Teach them to hls4ml."""
    hls4ml()
    from hls4ml.backends import get_backend

    backend = get_backend("Vitis")
    _cubic_table(backend)
    _rescale(backend)
    backend.register_source(HEADER.resolve())


def _cubic_table(backend: Any) -> None:
    from hls4ml.backends.template import FunctionCallTemplate, LayerConfigTemplate
    from hls4ml.model.attributes import TypeAttribute, WeightAttribute
    from hls4ml.model.layers import Layer, register_layer

    class CubicTable(Layer):
        """Two outputs for each input: value and slope."""

        _expected_attributes = [WeightAttribute("table"), TypeAttribute("table")]

        def initialize(self) -> None:
            shape = self.get_input_variable().shape
            self.add_weights_variable(name="table", var_name="table{index}")
            for name, kind in zip(self.outputs, ("value", "slope"), strict=True):
                precision, _ = self.model.config.get_precision(self, kind)
                self.add_output_variable(
                    shape,
                    out_name=name,
                    var_name=f"layer{{index}}_{kind}",
                    type_name=f"layer{{index}}_{kind}_t",
                    precision=precision,
                )
                # a layer has one result_t: the first output's type needs a name of its own
                self.set_attr(f"{kind}_t", self.get_output_variable(name).type)

    class CubicConfig(LayerConfigTemplate):
        def __init__(self) -> None:
            super().__init__(CubicTable)

        def format(self, node: CubicTable) -> str:
            shifts = {f"shift{d}": shift for d, shift in enumerate(node.get_attr("shifts"), 1)}
            params = {**self._default_config_params(node), **shifts}
            params["n_in"] = node.get_input_variable().size_cpp()
            return CUBIC.format(**params)

    class CubicCall(FunctionCallTemplate):
        def __init__(self) -> None:
            super().__init__(CubicTable, include_header=[f"nnet_utils/{HEADER.name}"])

        def format(self, node: CubicTable) -> str:
            variables = [node.get_input_variable(), *(node.variables[n] for n in node.outputs)]
            types = ", ".join(one.type.name for one in variables)
            names = ", ".join(one.name for one in (*variables, node.get_weights("table")))
            return f"nnet::dp_cubic<{types}, config{node.index}>({names});"

    register_layer("CubicTable", CubicTable)
    backend.register_template(CubicConfig)
    backend.register_template(CubicCall)


def _rescale(backend: Any) -> None:
    from hls4ml.backends.vivado.passes import core_templates as core
    from hls4ml.model.attributes import Attribute, TypeAttribute, WeightAttribute
    from hls4ml.model.layers import Layer, register_layer

    class Rescale(Layer):
        """A scale and a bias for each input."""

        _expected_attributes = [
            Attribute("n_filt", default=-1),
            *(WeightAttribute(name) for name in ("scale", "bias")),
            *(TypeAttribute(name) for name in ("scale", "bias")),
        ]

        def initialize(self) -> None:
            self.add_output_variable(self.get_input_variable().shape)
            self.add_weights_variable(name="scale", var_name="s{index}")
            self.add_weights_variable(name="bias", var_name="b{index}")

    class RescaleConfig(core.BatchNormalizationConfigTemplate):
        def __init__(self) -> None:
            core.LayerConfigTemplate.__init__(self, Rescale)
            self.template = core.batchnorm_config_template

    class RescaleCall(core.BatchNormalizationFunctionTemplate):
        def __init__(self) -> None:
            core.FunctionCallTemplate.__init__(
                self, Rescale, include_header=core.batchnorm_include_list
            )
            self.template = core.batchnorm_function_template

    register_layer("Rescale", Rescale)
    backend.register_template(RescaleConfig)
    backend.register_template(RescaleCall)
