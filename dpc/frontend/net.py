"""Dense layers and banks of equally shaped networks, as DeePMD-kit defines them."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from dpc.errors import InputError

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "tanh": torch.tanh,
    "relu": torch.relu,
    "relu6": functional.relu6,
    # threshold: torch switches to the identity there; at 40 the rest is below float64's resolution
    "softplus": lambda x: functional.softplus(x, threshold=40.0),
    "sigmoid": torch.sigmoid,
    # 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))), for both of DeePMD-kit's names
    "gelu": lambda x: functional.gelu(x, approximate="tanh"),
    "gelu_tf": lambda x: functional.gelu(x, approximate="tanh"),
    "silu": functional.silu,
    "tanh4": lambda x: tanh4(x),
    "linear": lambda x: x,
    "none": lambda x: x,
}


def tanh4(x: Tensor) -> Tensor:
    """NVNMD's polynomial: a^4/16 - a^3/4 + a with a = min(|x|, 2), and the sign of x."""
    a = x.abs().clamp(max=2.0)
    return torch.sign(x) * (((a / 16 - 0.25) * a * a + 1) * a)


def silut(threshold: float) -> Callable[[Tensor], Tensor]:
    """SiLU below the threshold T, bounded above it: silu(T) + tanh(silu'(T) (x - T))."""
    sigmoid = 1 / (1 + math.exp(-threshold))
    value = threshold * sigmoid
    slope = sigmoid * (1 + threshold * (1 - sigmoid))

    def apply(x: Tensor) -> Tensor:
        above = x >= threshold
        # where() alone lets an inf of the branch not taken into the gradient
        inner = torch.where(above, torch.full_like(x, threshold), x)
        outer = torch.where(above, x, torch.full_like(x, threshold))
        return torch.where(
            above, value + torch.tanh(slope * (outer - threshold)), functional.silu(inner)
        )

    return apply


def activation(name: str) -> Callable[[Tensor], Tensor]:
    """The function of one of DeePMD-kit's activation names."""
    key = name.lower()
    family, _, argument = key.partition(":")
    if family in ("silut", "custom_silu"):
        return silut(float(argument or 3.0))
    if key not in ACTIVATIONS:
        raise InputError(
            f"activation_function '{name}' is not known. Known: {' '.join(ACTIVATIONS)} silut:T"
        )
    return ACTIVATIONS[key]


class Dense(nn.Module):
    """y = act(x W + b) * idt, plus x (same width) or (x, x) (double width) with a resnet.

    weight [in, out], bias [out], idt [out]: only where a shortcut is taken and `timestep` is set.
    """

    def __init__(
        self, inputs: int, outputs: int, act: str, resnet: bool, timestep: bool, dtype: torch.dtype
    ) -> None:
        super().__init__()
        self.repeats = outputs // inputs if resnet and outputs in (inputs, 2 * inputs) else 0
        self.weight = nn.Parameter(torch.zeros(inputs, outputs, dtype=dtype))
        self.bias = nn.Parameter(torch.zeros(outputs, dtype=dtype))
        scaled = timestep and self.repeats > 0
        self.idt = nn.Parameter(torch.zeros(outputs, dtype=dtype)) if scaled else None
        self.activation = activation(act)

    def forward(self, x: Tensor) -> Tensor:
        """x [..., in] to [..., out]."""
        y = self.activation(x @ self.weight + self.bias)
        if self.idt is not None:
            y = y * self.idt
        if self.repeats == 1:
            y = y + x
        elif self.repeats == 2:
            y = y + torch.cat([x, x], dim=-1)
        return y


class Mlp(nn.ModuleList):
    """Dense layers one after the other."""

    def forward(self, x: Tensor) -> Tensor:
        """x [..., in of the first layer] to [..., out of the last]."""
        for layer in self:
            x = layer(x)
        return x


class MlpBank(nn.ModuleList):
    """`count` nets of one shape, zeros at first, chosen for each row by an index.

    With a head, the last layer is linear and without resnet. `plain` lists layers that do not add
    their input, although their widths would allow it.
    """

    def __init__(
        self,
        count: int,
        widths: tuple[int, ...],
        activation: str,
        resnet_dt: bool,
        has_head: bool,
        dtype: torch.dtype,
        plain: tuple[int, ...] = (),
    ) -> None:
        self.widths, self.activation, self.dtype = widths, activation, dtype
        self.plain = plain
        self.resnet_dt, self.has_head = resnet_dt, has_head
        super().__init__(self._net() for _ in range(count))

    def _net(self) -> Mlp:
        last = len(self.widths) - 2 if self.has_head else len(self.widths) - 1
        return Mlp(
            Dense(
                self.widths[i],
                self.widths[i + 1],
                self.activation if i < last else "linear",
                resnet=i < last and i not in self.plain,
                timestep=self.resnet_dt,
                dtype=self.dtype,
            )
            for i in range(len(self.widths) - 1)
        )

    def forward(self, x: Tensor, index: Tensor) -> Tensor:
        """x [..., widths[0]] and index [...] to [..., widths[-1]]."""
        flat, which = x.reshape(-1, self.widths[0]), index.reshape(-1)
        out = flat.new_zeros(len(flat), self.widths[-1])
        for k, net in enumerate(self):
            rows = torch.nonzero(which == k).squeeze(1)
            if len(rows):
                out = out.index_copy(0, rows, net(flat[rows]))
        return out.reshape(*index.shape, self.widths[-1])
