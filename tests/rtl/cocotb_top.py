"""dp_top on AXI buses: jobs, back to back, with pauses on every channel; reset in a job."""

import itertools
import logging
import random

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import RisingEdge
from cocotbext.axi import AxiBus, AxiLiteBus, AxiLiteMaster, AxiRam

from dpc.backends.fpga import commands
from dpc.backends.fpga.registers import COUNTERS, REGISTERS
from dpc.ir.fixed import frames
from tests.rtl import corners
from tests.rtl.golden import case

SOURCE, RESULT = 0x10000, 0x100000


def pauses(percent):
    """True in so many of a hundred cycles."""
    return (random.random() * 100 < percent for _ in itertools.count())


class Card:
    """A card's memory and registers."""

    def __init__(self, dut, percent):
        logging.getLogger("cocotb.dp_top").setLevel(logging.WARNING)
        self.dut = dut
        bus = AxiBus.from_prefix(dut, "m_axi")
        self.ram = AxiRam(bus, dut.ap_clk, dut.ap_rst_n, reset_active_level=False, size=1 << 21)
        control = AxiLiteBus.from_prefix(dut, "s_axi_control")
        self.regs = AxiLiteMaster(control, dut.ap_clk, dut.ap_rst_n, reset_active_level=False)
        if percent:
            for channel in (
                self.ram.read_if.ar_channel, self.ram.read_if.r_channel,
                self.ram.write_if.aw_channel, self.ram.write_if.w_channel,
                self.ram.write_if.b_channel,
                self.regs.read_if.ar_channel, self.regs.read_if.r_channel,
                self.regs.write_if.aw_channel, self.regs.write_if.w_channel,
                self.regs.write_if.b_channel,
            ):  # fmt: skip
                channel.set_pause_generator(pauses(percent))

    async def write(self, name, value):
        await self.regs.write_dword(REGISTERS[name][0], value)

    async def read(self, name):
        return await self.regs.read_dword(REGISTERS[name][0])

    async def counter(self, name):
        return await self.regs.read_dword(REGISTERS["COUNTERS"][0] + 4 * COUNTERS.index(name))

    async def begin(self, words, results):
        self.ram.write(SOURCE, np.ascontiguousarray(words).tobytes())
        for name, value in (("SOURCE_LOW", SOURCE), ("SOURCE_HIGH", 0), ("RESULT_LOW", RESULT),
                            ("RESULT_HIGH", 0), ("SOURCE_WORDS", len(words)),
                            ("RESULT_WORDS", results), ("CONTROL", 1)):  # fmt: skip
            await self.write(name, value)

    async def job(self, words, results):
        done = await self.read("DONE")
        await self.begin(words, results)
        for _ in range(5000):
            if await self.read("DONE") != done:
                break
        else:
            raise AssertionError("no answer")
        return np.frombuffer(self.ram.read(RESULT, 16 * results), np.uint64).reshape(-1, 2)


async def power_on(dut, percent):
    card = Card(dut, percent)
    dut.ap_rst_n.value = 0
    cocotb.start_soon(Clock(dut.ap_clk, 4, "ns").start())
    for _ in range(5):
        await RisingEdge(dut.ap_clk)
    dut.ap_rst_n.value = 1
    for _ in range(5):
        await RisingEdge(dut.ap_clk)
    return card


def frame_job(c):
    coord, atype, nlist = c.frame
    words = commands.neighbor_list(nlist, atype, c.lanes)
    parts = [commands.coord(coord, atype), commands.lists(words, 8), commands.run(len(words), 8),
             commands.read(len(coord))]  # fmt: skip
    return np.concatenate(parts), len(coord)


def check(c, words, count):
    found, n = commands.answer(words, count), c.numbers()
    expected = frames.run(n, *c.frame)
    assert np.array_equal(found.energy[: len(expected.energy)], expected.energy)
    assert np.array_equal(found.force, expected.force)
    assert np.array_equal(found.virial, expected.virial.sum(axis=0))
    near = (expected.near.u < c.m.u_min).any()
    assert found.status == corners.kinds(n.saturated) | int(near) << 8
    corners.frame(c.m, c.lanes, *c.frame, n)
    corners.build(c.m.shape, c.build.layer_lanes)


@cocotb.test()
async def jobs(dut):
    c = case()
    card = await power_on(dut, 20)
    assert await card.read("ID") == 0x31435044
    await card.job(commands.load(c.words()), 0)
    words, count = frame_job(c)
    for times in (1, 2):
        check(c, await card.job(words, count + 5), count)
        assert await card.counter("atoms") == times * len(c.ti)
    await card.write("CONTROL", 2)
    assert await card.counter("atoms") == await card.counter("busy") == 0
    corners.hit("jobs", "counters cleared")
    # nothing to do, and nothing left behind
    empty = commands.answer(await card.job(commands.read(count), count + 5), count)
    assert not empty.force.any() and not empty.energy.any() and not empty.virial.any()
    assert await card.read("STATUS") & 1


@cocotb.test()
async def reset_in_a_job(dut):
    c = case()
    card = await power_on(dut, 0)
    await card.job(commands.load(c.words()), 0)
    words, count = frame_job(c)
    await card.begin(words, count + 5)
    for _ in range(random.randrange(100, 400)):
        await RisingEdge(dut.ap_clk)
    await card.write("CONTROL", 4)
    for _ in range(200):
        await RisingEdge(dut.ap_clk)
    # memories are not reset: what was added is read and thrown away
    await card.job(commands.read(count), count + 5)
    check(c, await card.job(words, count + 5), count)
    corners.hit("jobs", "reset in a job")


@cocotb.test()
async def unknown_command(dut):
    card = await power_on(dut, 0)
    await card.job(commands.header(77, 0), 0)
    assert await card.read("STATUS") & 2
    corners.hit("jobs", "unknown command")
