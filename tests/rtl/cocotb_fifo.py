"""dp_fifo and dp_reg_slice: what goes in comes out, in order, at full rate."""

import random

import cocotb
from cocotb.triggers import RisingEdge
from cocotb.utils import get_sim_time

from tests.rtl.streams import PARAMETERS, receive, send, start


@cocotb.test()
async def keeps_order(dut):
    await start(dut, [""], [""])
    for pause_in, pause_out in ((0.0, 0.0), (0.5, 0.0), (0.0, 0.5), (0.3, 0.3)):
        words = [random.getrandbits(PARAMETERS["Width"]) for _ in range(200)]
        cocotb.start_soon(send(dut, [{"data": w} for w in words], pause_in))
        got = await receive(dut, len(words), ["data"], pause_out)
        assert [g["data"] for g in got] == words


@cocotb.test()
async def full_rate(dut):
    await start(dut, [""], [""])
    began = get_sim_time("ns")
    cocotb.start_soon(send(dut, [{"data": 1}] * 100, 0.0))
    await receive(dut, 100, ["data"], 0.0)
    assert (get_sim_time("ns") - began) / 4 < 105


@cocotb.test()
async def reset_empties(dut):
    await start(dut, [""], [""])
    await send(dut, [{"data": 1}] * 2, 0.0)
    dut.rst_ni.value = 0
    await RisingEdge(dut.clk_i)
    dut.rst_ni.value = 1
    await RisingEdge(dut.clk_i)
    cocotb.start_soon(send(dut, [{"data": 0}], 0.0))
    assert await receive(dut, 1, ["data"], 0.0) == [{"data": 0}]
