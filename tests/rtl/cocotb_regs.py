"""dp_regs on an AXI4-Lite bus of its own: every register, with pauses on every channel."""

import random

import cocotb
from cocotb.triggers import ReadOnly, RisingEdge

from dpc.backends.fpga.registers import COUNTERS, REGISTERS
from tests.rtl.streams import PARAMETERS, pack, start

HASH = PARAMETERS["Hash"]


class Bus:
    """One access at a time, or a write and a read."""

    def __init__(self, dut):
        self.dut, self.pause = dut, 0.0
        for name in ("aw_valid", "w_valid", "ar_valid", "b_ready", "r_ready", "done"):
            getattr(dut, f"{name}_i").value = 0
        dut.status_i.value = 0

    async def _until(self, ready):
        for _ in range(200):
            await ReadOnly()
            taken = int(ready.value)
            await RisingEdge(self.dut.clk_i)
            if taken:
                return
        raise AssertionError("no answer")

    async def _wait(self):
        while random.random() < self.pause:
            await RisingEdge(self.dut.clk_i)

    async def _offer(self, channel, **values):
        await self._wait()
        for name, value in values.items():
            getattr(self.dut, f"{channel}_{name}_i").value = value
        getattr(self.dut, f"{channel}_valid_i").value = 1
        await self._until(getattr(self.dut, f"{channel}_ready_o"))
        getattr(self.dut, f"{channel}_valid_i").value = 0

    async def _take(self, channel):
        await self._wait()
        getattr(self.dut, f"{channel}_ready_i").value = 1
        for _ in range(200):
            await ReadOnly()
            if int(getattr(self.dut, f"{channel}_valid_o").value):
                break
            await RisingEdge(self.dut.clk_i)
        else:
            raise AssertionError("no answer")
        data = int(self.dut.r_data_o.value) if channel == "r" else 0
        await RisingEdge(self.dut.clk_i)
        getattr(self.dut, f"{channel}_ready_i").value = 0
        return data

    async def write(self, address, value):
        where = cocotb.start_soon(self._offer("aw", addr=address))
        await self._offer("w", data=value)
        await where
        await self._take("b")

    async def read(self, address):
        await self._offer("ar", addr=address)
        return await self._take("r")


@cocotb.test()
async def registers(dut):
    await start(dut)
    bus = Bus(dut)
    counters = [random.getrandbits(32) for _ in range(32)]
    dut.counter_i.value = pack(counters, 32)
    places = {name: address for name, (address, _) in REGISTERS.items()}
    writable = [n for n in places if n.startswith(("SOURCE", "RESULT"))]
    for bus.pause in (0.0, 0.5):
        values = {name: random.getrandbits(32) for name in writable}
        for name, value in values.items():
            await bus.write(places[name], value)
        await bus.write(places["ID"], 0)  # cannot be written
        for name, value in values.items():
            assert await bus.read(places[name]) == value, name
        for port in ("source", "result"):
            words, low, high = (values[f"{port.upper()}_{k}"] for k in ("WORDS", "LOW", "HIGH"))
            assert int(getattr(dut, f"{port}_o").value) == high << 32 | low
            assert int(getattr(dut, f"{port}_words_o").value) == words
        assert await bus.read(places["ID"]) == 0x31435044
        assert await bus.read(places["HASH_LOW"]) == HASH & 0xFFFFFFFF
        assert await bus.read(places["HASH_HIGH"]) == HASH >> 32
        for at in range(len(COUNTERS)):
            assert await bus.read(places["COUNTERS"] + 4 * at) == counters[at]
        assert await bus.read(0x38) == 0  # there is none
        status = random.getrandbits(5)
        dut.status_i.value = status
        assert await bus.read(places["STATUS"]) == status


@cocotb.test()
async def pulses(dut):
    await start(dut)
    bus = Bus(dut)
    seen = []

    async def watch():
        while True:
            await ReadOnly()
            bits = [int(getattr(dut, f"{n}_o").value) for n in ("start", "clear", "reset")]
            if any(bits):
                seen.append(sum(bit << k for k, bit in enumerate(bits)))
            await RisingEdge(dut.clk_i)

    cocotb.start_soon(watch())
    control = REGISTERS["CONTROL"][0]
    for value in (1, 2, 4, 0, 7, 8):
        await bus.write(control, value)
    for _ in range(3):
        await RisingEdge(dut.clk_i)
    assert seen == [1, 2, 4, 7]
    before = await bus.read(REGISTERS["DONE"][0])
    for _ in range(3):
        dut.done_i.value = 1
        await RisingEdge(dut.clk_i)
        dut.done_i.value = 0
        await RisingEdge(dut.clk_i)
    assert await bus.read(REGISTERS["DONE"][0]) == before + 3


@cocotb.test()
async def answers_wait(dut):
    """As many answers as were asked for, however long they are left waiting."""
    await start(dut)
    bus = Bus(dut)
    address = REGISTERS["RESULT_LOW"][0]
    await bus.write(address, 1)
    written, answered, asked, got, value = 0, 0, [], [], 1
    for at in range(400):
        going = at < 300
        offer = int(going and random.random() < 0.7)
        dut.aw_valid_i.value = dut.w_valid_i.value = offer
        dut.ar_valid_i.value = int(going and random.random() < 0.7)
        dut.aw_addr_i.value = dut.ar_addr_i.value = address
        dut.w_data_i.value = at + 2
        dut.b_ready_i.value = int(not going or random.random() < 0.4)
        dut.r_ready_i.value = int(not going or random.random() < 0.4)
        await ReadOnly()
        if int(dut.ar_valid_i.value) and int(dut.ar_ready_o.value):
            asked.append(value)
        if offer and int(dut.aw_ready_o.value):
            written, value = written + 1, at + 2
        answered += int(dut.b_valid_o.value) and int(dut.b_ready_i.value)
        if int(dut.r_valid_o.value) and int(dut.r_ready_i.value):
            got.append(int(dut.r_data_o.value))
        await RisingEdge(dut.clk_i)
    assert written == answered > 50
    assert asked == got and len(got) > 50


@cocotb.test()
async def at_once(dut):
    """Answers that are taken as they come: a read in every cycle, the same for writes."""
    await start(dut)
    bus = Bus(dut)
    dut.b_ready_i.value = dut.r_ready_i.value = 1
    address = REGISTERS["SOURCE_WORDS"][0]
    for value in range(20):
        dut.aw_valid_i.value = dut.w_valid_i.value = dut.ar_valid_i.value = 1
        dut.aw_addr_i.value = dut.ar_addr_i.value = address
        dut.w_data_i.value = value
        await ReadOnly()
        assert int(dut.aw_ready_o.value) and int(dut.w_ready_o.value) and int(dut.ar_ready_o.value)
        if value > 1:
            assert int(dut.r_data_o.value) == value - 2
        await RisingEdge(dut.clk_i)
    dut.aw_valid_i.value = dut.w_valid_i.value = dut.ar_valid_i.value = 0
    for _ in range(3):
        await RisingEdge(dut.clk_i)
    dut.b_ready_i.value = dut.r_ready_i.value = 0
    assert await bus.read(address) == 19
