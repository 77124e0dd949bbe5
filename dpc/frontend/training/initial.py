"""Random weights to start from: DeePMD-kit's distribution, but for the first embedding layer."""

from __future__ import annotations

import math

import torch

from dpc.frontend.model import Model
from dpc.frontend.net import MlpBank

_EMBEDDING, _FITTING = 1, 2  # streams of one seed

FIRST = 0.5
"""Standard deviation of the weights of a layer that sees one number of variance 1.

1 / sqrt(in + out) is 0.2 there for 25 neurons. Every neuron is then nearly a straight line over the
distances of the data, and the columns of an embedding differ so little from each other that a short
training depends on how well its seed drew them.
"""


def initialise(model: Model, seed: int | None) -> None:
    """Weights N(0, 1 / sqrt(in + out)), biases N(0, 1), idt N(0.1, 0.001); FIRST says what is not.

    `seed` of descriptor and fitting win over `seed`; without any, the weights differ each time.
    """
    for stream, part in ((_EMBEDDING, model.descriptor), (_FITTING, model.fitting)):
        own = getattr(part.config, "seed", None)
        chosen = own if isinstance(own, int) else seed
        generator = torch.Generator()
        if chosen is None:
            generator.seed()
        else:
            generator.manual_seed(chosen * 1_000_003 + stream)
        for bank in part.modules():
            if isinstance(bank, MlpBank):
                draw(bank, generator)


@torch.no_grad()
def draw(bank: MlpBank, generator: torch.Generator) -> None:
    """New numbers for every layer of a bank."""
    for net in bank:
        for dense in net:
            inputs, outputs = dense.weight.shape
            spread = FIRST if inputs == 1 else 1 / math.sqrt(inputs + outputs)
            dense.weight.normal_(0.0, spread, generator=generator)
            dense.bias.normal_(0.0, 1.0, generator=generator)
            if dense.idt is not None:
                dense.idt.normal_(0.1, 0.001, generator=generator)
