"""dp_dma_read and dp_dma_write on a memory that pauses: order, bursts, flushes, errors."""

import os
import random
from collections import deque

import cocotb
from cocotb.triggers import ReadOnly, RisingEdge

from tests.rtl import corners
from tests.rtl.streams import PARAMETERS, receive, send, start

BURST = PARAMETERS["Burst"]
READS = os.environ.get("DPC_RTL_TOP") == "dp_dma_read"
BASE = 0x1_0000_0000


def word(address):
    """What the memory holds, 128 bits."""
    return random.Random(address).getrandbits(128)


def check_burst(address, length):
    """As AXI4 and the module's parameter want it."""
    assert 1 <= length <= BURST
    assert address % 16 == 0
    assert address // 4096 == (address + 16 * length - 1) // 4096, "crosses 4 KiB"


class Source:
    """The bus that dp_dma_read reads from."""

    def __init__(self, dut, pause):
        self.dut, self.pause, self.bad = dut, pause, False
        self.bursts, self.asked = deque(), 0
        dut.r_valid_i.value = dut.ar_ready_i.value = 0
        cocotb.start_soon(self.addresses())
        cocotb.start_soon(self.words())

    async def addresses(self):
        while True:
            self.dut.ar_ready_i.value = int(random.random() >= self.pause)
            await ReadOnly()
            if int(self.dut.ar_valid_o.value) and int(self.dut.ar_ready_i.value):
                address, length = int(self.dut.ar_addr_o.value), int(self.dut.ar_len_o.value) + 1
                check_burst(address, length)
                self.bursts.append((address, length))
                self.asked += 1
            await RisingEdge(self.dut.clk_i)

    async def words(self):
        dut = self.dut
        while True:
            dut.r_valid_i.value = 0
            if self.bursts and random.random() >= self.pause:
                address, length = self.bursts[0]
                dut.r_valid_i.value, dut.r_data_i.value = 1, word(address)
                dut.r_resp_i.value = 2 if self.bad else 0
                self.bursts[0] = (address + 16, length - 1)
                if length == 1:
                    self.bursts.popleft()
            await RisingEdge(dut.clk_i)


class Sink:
    """The bus that dp_dma_write writes to."""

    def __init__(self, dut, pause):
        self.dut, self.pause, self.bad = dut, pause, False
        self.bursts, self.memory, self.ended, self.asked = deque(), {}, 0, 0
        dut.aw_ready_i.value = dut.w_ready_i.value = dut.b_valid_i.value = 0
        cocotb.start_soon(self.run())

    async def run(self):
        dut = self.dut
        while True:
            dut.aw_ready_i.value = int(random.random() >= self.pause)
            dut.w_ready_i.value = int(random.random() >= self.pause)
            confirm = self.ended > 0 and random.random() >= self.pause
            dut.b_valid_i.value, dut.b_resp_i.value = int(confirm), 2 if self.bad else 0
            self.ended -= confirm
            await ReadOnly()
            if int(dut.aw_valid_o.value) and int(dut.aw_ready_i.value):
                self.bursts.append([int(dut.aw_addr_o.value), int(dut.aw_len_o.value) + 1])
                check_burst(*self.bursts[-1])
                self.asked += 1
            if int(dut.w_valid_o.value) and int(dut.w_ready_i.value):
                burst = self.bursts[0]
                self.memory[burst[0]] = int(dut.w_data_o.value)
                assert int(dut.w_last_o.value) == (burst[1] == 1)
                burst[0], burst[1] = burst[0] + 16, burst[1] - 1
                if not burst[1]:
                    self.bursts.popleft()
                    self.ended += 1
            await RisingEdge(dut.clk_i)


async def begin(dut, count):
    dut.start_i.value, dut.addr_i.value, dut.words_i.value = 1, BASE, count
    await RisingEdge(dut.clk_i)
    dut.start_i.value = 0


async def flush(dut, cycles=3):
    dut.flush_i.value = 1
    for _ in range(cycles):
        await RisingEdge(dut.clk_i)
    dut.flush_i.value = 0


async def quiet(dut):
    """Until it says that it has ended."""
    for _ in range(2000):
        await ReadOnly()
        busy = int(dut.busy_o.value)
        await RisingEdge(dut.clk_i)
        if not busy:
            return
    raise AssertionError("still busy")


async def set_up(dut, pause):
    await start(dut, [] if READS else [""], [""] if READS else [])
    dut.start_i.value = dut.flush_i.value = 0
    (dut.r_resp_i if READS else dut.b_resp_i).value = 0
    return Source(dut, pause) if READS else Sink(dut, pause)


async def job(dut, bus, count, pause):
    """One job, checked."""
    await begin(dut, count)
    if READS:
        got = await receive(dut, count, ["data"], pause)
        assert [g["data"] for g in got] == [word(BASE + 16 * k) for k in range(count)]
    else:
        bus.memory.clear()
        await send(dut, [{"data": word(k)} for k in range(count)], pause)
    await quiet(dut)
    if not READS:
        assert bus.memory == {BASE + 16 * k: word(k) for k in range(count)}


@cocotb.test()
async def jobs(dut):
    for bus_pause, pause in ((0.0, 0.0), (0.3, 0.3), (0.0, 0.9), (0.8, 0.0)):
        bus = await set_up(dut, bus_pause)
        for count in (1, BURST - 1, BURST, BURST + 1, 9 * BURST + 3):
            before = bus.asked
            await job(dut, bus, count, pause)
            assert bus.asked - before == -(-count // BURST)
            corners.hit("jobs", "more than one burst", int(count > BURST))
        bus.pause = 2.0  # answers nothing more; the next round has a bus of its own


@cocotb.test()
async def flush_in_a_job(dut):
    bus = await set_up(dut, 0.3)
    for wait in (1, 3, 10, 25, 40, 80):
        if not READS:
            sending = cocotb.start_soon(send(dut, [{"data": 7}] * (2 * BURST), 0.1))
        await begin(dut, 3 * BURST)
        for _ in range(wait):
            await RisingEdge(dut.clk_i)
        await flush(dut)
        if not READS:
            open_burst = bool(bus.bursts)
            sending.cancel()
            dut.valid_i.value = 0
            # the bus gets the words of the burst that it was promised
            await quiet(dut)
            assert not bus.bursts
            corners.hit("jobs", "reset with a write burst open", int(open_burst))
        await job(dut, bus, 2 * BURST + 1, 0.2)


@cocotb.test()
async def errors(dut):
    bus = await set_up(dut, 0.2)
    await job(dut, bus, BURST, 0.0)
    assert not int(dut.error_o.value)
    bus.bad = True
    await job(dut, bus, BURST, 0.0)
    assert int(dut.error_o.value)
    corners.hit("jobs", "bus error on reading" if READS else "bus error on writing")
    bus.bad = False
    await job(dut, bus, BURST, 0.0)
    assert int(dut.error_o.value), "an error stays until it is flushed"
    await flush(dut)
    assert not int(dut.error_o.value)
