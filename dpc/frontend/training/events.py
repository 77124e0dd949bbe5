"""TensorBoard's event files, written without TensorBoard.

A file is a row of records: length (u64), masked CRC-32C of the length, bytes, masked CRC-32C of the
bytes; the bytes are a protocol buffer `Event`. Only what a training has to say is encoded here.
"""

from __future__ import annotations

import functools
import os
import socket
import struct
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

BINS = 40


@functools.cache
def _crc_table() -> NDArray[np.uint32]:
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = np.where(table & 1, (table >> 1) ^ np.uint32(0x82F63B78), table >> 1)
    return table


def masked_crc(data: bytes) -> int:
    """CRC-32C (Castagnoli), rotated and shifted as the format asks."""
    table = _crc_table().tolist()
    crc = 0xFFFFFFFF
    for byte in data:
        crc = table[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    crc ^= 0xFFFFFFFF
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def _varint(value: int) -> bytes:
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def _bytes(field: int, data: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(data)) + data


def _text(field: int, text: str) -> bytes:
    return _bytes(field, text.encode())


def _double(field: int, value: float) -> bytes:
    return _varint(field << 3 | 1) + struct.pack("<d", value)


def _float(field: int, value: float) -> bytes:
    return _varint(field << 3 | 5) + struct.pack("<f", value)


def _int(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _histogram(values: NDArray[np.float64]) -> bytes:
    """HistogramProto: min, max, num, sum, sum_squares, bucket limits and counts."""
    values = values.ravel().astype(np.float64)
    counts, edges = np.histogram(values, BINS)
    return (
        _double(1, float(values.min()))
        + _double(2, float(values.max()))
        + _double(3, float(values.size))
        + _double(4, float(values.sum()))
        + _double(5, float(np.square(values).sum()))
        + _bytes(6, edges[1:].astype("<f8").tobytes())
        + _bytes(7, counts.astype("<f8").tobytes())
    )


class Events:
    """One event file of a run in a folder."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        name = f"events.out.tfevents.{int(time.time())}.{socket.gethostname()}.{os.getpid()}"
        self.path = folder / name
        self._file = self.path.open("ab")
        self._record(_double(1, time.time()) + _text(3, "brain.Event:2"))

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Numbers by name."""
        self._summary(step, [_text(1, name) + _float(2, x) for name, x in values.items()])

    def histograms(self, step: int, values: Mapping[str, NDArray[np.float64]]) -> None:
        """Distributions by name."""
        self._summary(step, [_text(1, n) + _bytes(5, _histogram(x)) for n, x in values.items()])

    def graph(self, nodes: Sequence[tuple[str, str, Sequence[str], str]]) -> None:
        """A graph of nodes (name, op, inputs, what to show): the GraphDef of an Event."""
        graph = b"".join(
            _bytes(
                1,
                _text(1, name)
                + _text(2, op)
                + b"".join(_text(3, i) for i in inputs)
                + _bytes(5, _text(1, "type") + _bytes(2, _text(2, shown))),
            )
            for name, op, inputs, shown in nodes
        )
        self._record(_double(1, time.time()) + _bytes(4, graph))

    def _summary(self, step: int, values: Sequence[bytes]) -> None:
        summary = b"".join(_bytes(1, value) for value in values)
        self._record(_double(1, time.time()) + _int(2, step) + _bytes(5, summary))

    def _record(self, data: bytes) -> None:
        length = struct.pack("<Q", len(data))
        self._file.write(
            length
            + struct.pack("<I", masked_crc(length))
            + data
            + struct.pack("<I", masked_crc(data))
        )
        self._file.flush()

    def close(self) -> None:
        """End the file."""
        self._file.close()
