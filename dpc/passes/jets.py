"""Value, slope and curvature of a net of one input, exactly, in float64.

The three travel through the layers together: with ``z = y W + b`` and ``f`` the activation,

    f(z)' = f'(z) z'        f(z)'' = f''(z) z'^2 + f'(z) z''
"""

from __future__ import annotations

import numpy as np

from dpc.ir.activations import ACTIVATIONS
from dpc.ir.params import Dense, Net, Shortcut
from dpc.passes.quintic import Array, Jet


def net_jet(net: Net, x: Array) -> Jet:
    """Jet of a net of one input at points x [n]; each part is [n, M]."""
    column = np.asarray(x, dtype=np.float64)[:, None]
    jet = Jet(column, np.ones_like(column), np.zeros_like(column))
    for dense in net.layers:
        jet = _layer(dense, jet)
    return jet


def _layer(dense: Dense, x: Jet) -> Jet:
    weight, bias = dense.weight.astype(np.float64), dense.bias.astype(np.float64)
    act = ACTIVATIONS[dense.layer.activation]
    z, z1, z2 = x.value @ weight + bias, x.slope @ weight, x.curvature @ weight
    slope = act.slope(z)
    y = Jet(act.value(z), slope * z1, act.curvature(z) * z1 * z1 + slope * z2)
    if dense.idt is not None:
        y = Jet(*(part * dense.idt for part in y))
    if dense.layer.shortcut is Shortcut.SAME:
        y = Jet(*(a + b for a, b in zip(y, x, strict=True)))
    elif dense.layer.shortcut is Shortcut.DOUBLE:
        y = Jet(*(a + np.tile(b, (1, 2)) for a, b in zip(y, x, strict=True)))
    return y
