"""dp_command: a random stream of commands, and everything it makes happen, in order."""

import random

import cocotb
from cocotb.triggers import ReadOnly, RisingEdge

from tests.rtl import corners
from tests.rtl.streams import PARAMETERS, pack, receive, send, start

ATOMS, WORDS = PARAMETERS["Atoms"], PARAMETERS["ListWords"]
LATENCY = 4  # from an atom that is asked for to its sums
LOAD, COORD, LIST, RUN, READ = range(1, 6)


def header(op, count, base=0, flags=0):
    return {"data": op | flags << 8 | count << 32 | base << 64}


def sums(address):
    """Of an atom, 128 bits."""
    return random.Random(address).getrandbits(128)


class Core:
    """The rest of the circuit: notes what it is told, plays for a while, answers."""

    def __init__(self, dut):
        self.dut, self.seen, self.running = dut, [], 0
        self.virial = [random.Random(k).getrandbits(64) for k in range(10)]
        dut.virial_i.value, dut.status_i.value = pack(self.virial[:9], 64), self.virial[9]
        dut.taken_i.value = dut.playing_i.value = 0
        dut.idle_i.value = 1
        cocotb.start_soon(self.run())

    async def run(self):
        dut, taken = self.dut, [None] * LATENCY
        while True:
            late = taken.pop(0)
            dut.taken_i.value = int(late is not None)
            dut.taken_word_i.value = sums(late) if late is not None else 0
            playing = self.running > 20  # then only what is under way
            dut.playing_i.value, dut.idle_i.value = int(playing), int(self.running == 0)
            self.running = max(self.running - 1, 0)
            await ReadOnly()
            cfg = int(dut.cfg_o.value)
            if cfg >> 64:
                self.seen.append(("load", cfg & (1 << 64) - 1))
            for port, name in (("coord", "coord_addr_o"), ("list", "list_addr_o")):
                if int(getattr(dut, f"{port}_we_o").value):
                    here = int(getattr(dut, name).value), int(dut.word_o.value)
                    self.seen.append((port, *here))
            if int(dut.start_o.value):
                assert not playing
                run = int(dut.list_addr_o.value), int(dut.start_count_o.value)
                self.seen.append(("run", *run))
                self.running = random.randrange(21, 60)
            if int(dut.take_o.value):
                assert self.running == 0 or not playing
                assert int(dut.idle_i.value), "taken while something is under way"
                taken.append(int(dut.take_addr_o.value))
            else:
                taken.append(None)
            if int(dut.clear_o.value):
                self.seen.append(("clear",))
            await RisingEdge(dut.clk_i)


def commands(virial):
    """Words in; what the core has to see; words out, with the last of each read."""
    words, seen, out = [], [], []
    for _ in range(25):
        op = random.randrange(1, 6)
        count = random.choice([0, 1, 2, 3, 7, 20])
        base = random.randrange(min(ATOMS, WORDS) - 20)
        flag = random.randrange(2)
        words.append(header(op, count, base, flag))
        body = [random.getrandbits(128) for _ in range(count)] if op in (LOAD, COORD, LIST) else []
        words += [{"data": w} for w in body]
        if op == LOAD:
            # the bits between address and data are not used
            seen += [("load", half & ~0 & (1 << 64) - 1) for w in body
                     for half in (w & (1 << 64) - 1, w >> 64)]  # fmt: skip
        elif op in (COORD, LIST):
            name = "coord" if op == COORD else "list"
            seen += [(name, base + at, w) for at, w in enumerate(body)]
        elif op == RUN and count:
            seen.append(("run", base, count))
        elif op == READ:
            out += [(sums(base + at), int(not flag and at == count - 1)) for at in range(count)]
            if flag:
                out += [(virial[2 * k] | virial[2 * k + 1] << 64, int(k == 4)) for k in range(5)]
                seen.append(("clear",))
    return words, seen, out


@cocotb.test()
async def streams_of_commands(dut):
    await start(dut, ["s_"], ["m_"])
    core = Core(dut)
    for pauses in ((0.0, 0.0), (0.3, 0.3), (0.0, 0.8), (0.7, 0.0)):
        core.seen.clear()
        words, seen, out = commands(core.virial)
        cocotb.start_soon(send(dut, words, pauses[0], "s_"))
        got = await receive(dut, len(out), ["data", "last"], pauses[1], "m_")
        assert [(g["data"], g["last"]) for g in got] == out
        for _ in range(300):
            await RisingEdge(dut.clk_i)
        assert core.seen == seen
    assert not int(dut.error_o.value)
    cocotb.start_soon(send(dut, [header(9, 3), header(READ, 1, 5)], 0.0, "s_"))
    assert (await receive(dut, 1, ["data"], 0.0, "m_"))[0]["data"] == sums(5)
    assert int(dut.error_o.value)
    corners.hit("jobs", "unknown command")
