"""The `training` section with training_data and validation_data."""

from __future__ import annotations

from typing import Any

from dpc.config.schema import REQUIRED, Option, Section
from dpc.config.values import (
    Wrong,
    any_seed,
    boolean,
    count,
    fraction,
    list_or_one,
    name_of,
    not_negative,
    number,
    optional,
    positive,
    section,
    whole,
)


def _batch_size(value: Any) -> int | str | list[int]:
    if isinstance(value, str):
        kind, colon, size = value.partition(":")
        if kind not in ("auto", "mixed", "max", "filter") or (colon and not size.isdigit()):
            raise Wrong(
                "must be a number, a list of them, or auto, auto:N, mixed:N, max:N, filter:N"
            )
        if not colon and kind != "auto":
            raise Wrong(f"must say how many: {kind}:N")
        return value
    return [whole(v) for v in value] if isinstance(value, list) else whole(value)


def _auto_prob(value: Any) -> str:
    kind, _, blocks = name_of(value).partition(";")
    if kind not in ("prob_uniform", "prob_sys_size") or (blocks and kind != "prob_sys_size"):
        raise Wrong("must be prob_uniform, prob_sys_size, or prob_sys_size;begin:end:weight;…")
    for block in blocks.split(";") if blocks else ():
        parts = block.split(":")
        try:
            int(parts[0]), int(parts[1]), float(parts[2])
        except (ValueError, IndexError):
            raise Wrong(f"must hold blocks begin:end:weight, not {block!r}") from None
    return str(value)


def _systems(value: Any) -> list[str]:
    found = list_or_one(name_of)(value)
    if not found:
        raise Wrong("must name at least one data folder")
    return found


def _data(where: str, *more: Option, unsupported: tuple[Option, ...] = ()) -> Section:
    return Section(
        where,
        (
            Option("systems", _systems, REQUIRED, "data folders, or a folder that holds them"),
            Option(
                "batch_size", _batch_size, "auto", "frames of one step: N, a list, auto:N, mixed:N"
            ),
            Option(
                "auto_prob",
                _auto_prob,
                "prob_sys_size",
                "how systems are drawn",
                ("auto_prob_style",),
            ),
            Option(
                "sys_probs",
                optional(list_or_one(not_negative)),
                None,
                "probability of each system",
                ("sys_weights",),
            ),
            Option(
                "rglob_patterns",
                optional(list_or_one(name_of)),
                None,
                "patterns of folders to find",
            ),
            *more,
            *unsupported,
        ),
        frozenset({"set_prefix"}),
    )


TRAINING_DATA = _data(
    "training.training_data",
    Option("min_pair_dist", not_negative, 0.0, "Å: frames with a nearer pair are left out"),
)
VALIDATION_DATA = _data(
    "training.validation_data",
    Option("numb_btch", whole, 1, "batches that one row of lcurve.out averages", ("numb_batch",)),
)

_STEPS = ("stop_batch", "num_step", "num_steps", "numb_step")
_EPOCHS = ("num_epochs", "num_epoch", "numb_epochs")
TRAINING = Section(
    "training",
    (
        Option("training_data", section, None, "data to learn from"),
        Option("validation_data", optional(section), None, "data to measure the errors on"),
        Option("data_dict", optional(section), None, "data of each model of a multi-task input"),
        Option("model_prob", optional(section), None, "how often each model is drawn"),
        Option("numb_steps", optional(whole), None, "training steps", _STEPS),
        Option("numb_epoch", optional(positive), None, "passes over the data instead", _EPOCHS),
        Option("seed", any_seed, None, "of initial weights and batches"),
        Option("stat_file", optional(name_of), None, "where statistics are kept"),
        Option("disp_file", name_of, "lcurve.out", "table of errors"),
        Option("disp_freq", whole, 1000, "steps between its rows"),
        Option("disp_training", boolean, True, "write it"),
        Option("disp_avg", boolean, False, "training errors averaged since the last row"),
        Option("time_training", boolean, True, "print the time a step takes"),
        Option("save_freq", whole, 1000, "steps between checkpoints"),
        Option("save_ckpt", name_of, "model.ckpt", "prefix of their names"),
        Option("save_dir", optional(name_of), None, "their folder"),
        Option("max_ckpt_keep", count, 5, "how many are kept; 0: all"),
        Option("tensorboard", boolean, False, "write TensorBoard event files"),
        Option("tensorboard_log_dir", name_of, "log", "their folder"),
        Option("tensorboard_freq", whole, 1, "steps between their points"),
        Option("profiling", boolean, False, "write a timeline of some steps"),
        Option("profiling_file", name_of, "timeline.json", "its name, for chrome://tracing"),
        Option("gradient_max_norm", optional(positive), None, "longest gradient; longer are cut"),
        Option("acc_freq", whole, 1, "batches whose gradients are summed for one step"),
        Option("enable_ema", boolean, False, "keep a running mean of the weights as the model"),
        Option("ema_decay", fraction, 0.999, "its memory"),
        Option(
            "change_bias_after_training", boolean, False, "fit the energy bias to the data again"
        ),
        Option("fused", boolean, True, "dpc: the fast step where the model has one"),
        Option("tabulated", boolean, False, "dpc: train on tables of frozen embedding nets"),
        Option("nan_patience", whole, 1, "dpc: bad steps in a row before the run stops"),
        Option("mixed_precision", section, None, "", unsupported="Set precision float32 instead"),
        Option(
            "zero_stage", number, 0, "", unsupported="Every process holds the optimizer's state"
        ),
        Option("ckpt_keep_ratio", optional(number), None, "", unsupported="Use max_ckpt_keep"),
        Option("ema_ckpt_keep", optional(number), None, "", unsupported="Use max_ckpt_keep"),
    ),
    frozenset(
        {
            # of other programs or versions: nothing dpc's training depends on
            *("numb_test", "set_prefix", "load_ckpt", "enable_profiler", "opt_type"),
            *("stat_file_mode", "neighbor_graph_method", "enable_compile", "enable_tf32"),
            *("wandb_config", "type"),
        }
    ),
)
