"""The `learning_rate` and `optimizer` sections."""

from __future__ import annotations

from dpc.config.schema import Option, Section, Variants
from dpc.config.values import (
    boolean,
    fraction,
    not_negative,
    one_of,
    optional,
    positive,
    whole,
    whole_or_zero,
)

_ALWAYS = (
    Option("start_lr", positive, 1e-3, "learning rate after the warm-up"),
    Option("stop_lr", optional(positive), None, "learning rate in the end (default: 1e-8)"),
    Option("stop_lr_ratio", optional(positive), None, "stop_lr as a fraction of start_lr"),
    Option("warmup_steps", whole_or_zero, 0, "steps of a linear warm-up"),
    Option("warmup_ratio", optional(fraction), None, "warmup_steps as a fraction of all steps"),
    Option("warmup_start_factor", fraction, 0.0, "the warm-up starts at this times start_lr"),
    Option(
        "scale_by_worker",
        one_of("linear", "sqrt", "none"),
        "none",
        "learning rate of several processes: times their number, its root, or as it is",
    ),
)
LEARNING_RATE = Variants(
    "learning_rate",
    "exp",
    {
        "exp": Section(
            "learning_rate",
            (
                *_ALWAYS,
                Option("decay_steps", whole, 5000, "steps between two decays"),
                Option(
                    "decay_rate", optional(positive), None, "factor of a decay, instead of stop_lr"
                ),
                Option("smooth", boolean, False, "decay at every step"),
            ),
        ),
        "cosine": Section("learning_rate", _ALWAYS),
        "wsd": Section(
            "learning_rate",
            (
                *_ALWAYS,
                Option("decay_phase_ratio", fraction, 0.1, "the part of the steps that decays"),
                Option(
                    "decay_type",
                    one_of("inverse_linear", "cosine", "linear"),
                    "inverse_linear",
                    "how it decays",
                ),
            ),
        ),
    },
    {},
)
_ADAM = (
    Option("adam_beta1", fraction, 0.9, "memory of the gradient"),
    Option("adam_beta2", fraction, 0.999, "memory of its square"),
)
OPTIMIZER = Variants(
    "optimizer",
    "Adam",
    {
        "Adam": Section(
            "optimizer", (*_ADAM, Option("weight_decay", not_negative, 0.0, "L2 penalty"))
        ),
        "AdamW": Section(
            "optimizer", (*_ADAM, Option("weight_decay", not_negative, 1e-3, "decoupled decay"))
        ),
        "Muon": Section(
            "optimizer",
            (
                Option("momentum", fraction, 0.95, "memory of the gradient", ("muon_momentum",)),
                Option("adam_beta1", fraction, 0.9, "of vectors, which Adam moves"),
                Option("adam_beta2", fraction, 0.95, "of vectors"),
                Option("weight_decay", not_negative, 1e-3, "decoupled decay of matrices"),
                Option(
                    "lr_adjust",
                    not_negative,
                    10.0,
                    "Adam's learning rate is the common one over this",
                ),
                Option(
                    "lr_adjust_coeff", not_negative, 0.2, "size of a step, where lr_adjust is 0"
                ),
            ),
        ),
    },
    {
        "LKF": "Use Muon, or Adam",
        "AdaMuon": "Use Muon, or Adam",
        "HybridMuon": "Use Muon, or Adam",
    },
)
