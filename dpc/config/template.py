"""A commented input for a data set: YAML with every option, or JSON with the chosen ones."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dpc.config.learning_rate import LEARNING_RATE
from dpc.config.loss import LOSS
from dpc.config.schema import REQUIRED, Section
from dpc.config.training import TRAINING, TRAINING_DATA, VALIDATION_DATA

SIZES = {  # widths of the embedding, axis_neuron, widths of the fitting
    "small": ([10, 20, 40], 8, [80, 80, 80]),
    "paper": ([25, 50, 100], 16, [240, 240, 240]),
}
ROUND = [m * 10**k for k in range(3, 7) for m in (1, 2, 4, 5)]  # numbers of steps
PASSES = 400  # over the data, within the limits of ROUND
DECAYS = 200  # of the learning rate


@dataclass(frozen=True)
class DataFacts:
    """What an input depends on. Paths as the user wrote them."""

    training: Sequence[str]
    validation: Sequence[str]
    type_map: Sequence[str]
    rcut: float  # Å
    sel: Sequence[int]
    nearest: float | None  # Å
    systems: int
    frames: int
    atoms: tuple[int, int]  # of the smallest and the largest frame
    batches: int  # in one pass over the data
    labels: Sequence[str]
    fparam: int = 0
    aparam: int = 0


def chosen_options(
    facts: DataFacts, size: str = "paper", steps: int | None = None
) -> dict[str, Any]:
    """The input as DeePMD-kit has it, without comments."""
    embedding, axis, fitting = SIZES[size]
    steps = steps or min(ROUND, key=lambda n: abs(n - PASSES * facts.batches))
    descriptor = {
        "type": "se_e2_a",
        "rcut": facts.rcut,
        "rcut_smth": round(min(0.5, facts.rcut / 10), 3),
        "sel": list(facts.sel),
        "neuron": embedding,
        "axis_neuron": axis,
        "type_one_side": True,
        "precision": "float32",
        "seed": 1,
    }
    net: dict[str, Any] = {
        "neuron": fitting,
        "resnet_dt": True,
        "precision": "float32",
        "seed": 1,
    }
    if facts.fparam:
        net["numb_fparam"] = facts.fparam
    if facts.aparam:
        net["numb_aparam"] = facts.aparam
    has = set(facts.labels)
    weights = {
        "e": (0.02, 1) if "energy" in has else (0, 0),
        "f": (1000, 1) if "force" in has else (0, 0),
        "v": (0.02, 1) if "virial" in has else (0, 0),
    }
    loss: dict[str, Any] = {"type": "ener"}
    for key, (start, limit) in weights.items():
        loss |= {f"start_pref_{key}": start, f"limit_pref_{key}": limit}
    training: dict[str, Any] = {
        "training_data": {"systems": list(facts.training), "batch_size": "auto"},
        "numb_steps": steps,
        "seed": 1,
        "disp_file": "lcurve.out",
        "disp_freq": max(1, min(1000, steps // 100)),
        "save_freq": max(1, min(10_000, steps // 10)),
    }
    if facts.validation:
        training["validation_data"] = {
            "systems": list(facts.validation), "batch_size": "auto", "numb_btch": 4,
        }  # fmt: skip
    return {
        "model": {"type_map": list(facts.type_map), "descriptor": descriptor, "fitting_net": net},
        "learning_rate": {
            "type": "exp",
            "start_lr": 0.001,
            "stop_lr": 1e-8,
            "decay_steps": max(1, min(5000, steps // DECAYS)),
        },
        "loss": loss,
        "training": training,
    }


def as_json(facts: DataFacts, **choices: Any) -> str:
    """JSON; what is known of the data stands under `_comment`."""
    options = chosen_options(facts, **choices)
    return json.dumps({"_comment": _about(facts), **options}, indent=2) + "\n"


def as_yaml(facts: DataFacts, **choices: Any) -> str:
    """YAML with a comment at each option; those that keep their default are commented out."""
    options = chosen_options(facts, **choices)
    lines = [f"# {line}" for line in _about(facts)]
    lines += ["", "model:", *_model(options["model"], facts)]
    kind = LEARNING_RATE.sections["exp"]
    lines += ["", "learning_rate:", *_section(kind, options["learning_rate"], 2)]
    lines += ["", "loss:", *_section(LOSS.sections["ener"], options["loss"], 2)]
    lines += ["", "training:", *_training(options["training"])]
    return "\n".join(lines) + "\n"


def _about(facts: DataFacts) -> list[str]:
    low, high = facts.atoms
    nearest = (
        f"nearest pair {facts.nearest:.4g} Å" if facts.nearest else "no pair within the cutoff"
    )
    return [
        f"Data: {facts.systems} systems, {facts.frames} frames of "
        f"{low if low == high else f'{low} to {high}'} atoms, {nearest}.",
        f"Labels: {' '.join(facts.labels) or 'none'}.",
        "Train with: dpc train FILE. See what that takes with: dpc train FILE --dry-run.",
    ]


MODEL = {
    "type_map": "names of the types, in the order of their numbers",
    "type": "two-body embedding of the full environment matrix",
    "rcut": "Å: farther atoms do not matter",
    "rcut_smth": "Å: from here to rcut, neighbours fade out smoothly",
    "sel": "slots for neighbours of each type: 1.1 times the most that an atom of the data has",
    "neuron": "widths of the layers",
    "axis_neuron": "columns of the embedding that the descriptor is made of",
    "type_one_side": "one embedding net for each type of neighbour, not for each pair of types",
    "precision": "float64 trains slower and is seldom better",
    "seed": "of the initial weights",
    "resnet_dt": "a trained step length in each layer",
    "numb_fparam": "numbers in fparam.npy for each frame",
    "numb_aparam": "numbers in aparam.npy for each atom",
}


def _model(model: Mapping[str, Any], facts: DataFacts) -> list[str]:
    lines = [_line(2, "type_map", model["type_map"], MODEL["type_map"])]
    for part in ("descriptor", "fitting_net"):
        lines.append(f"  {part}:")
        lines += [_line(4, k, v, MODEL[k]) for k, v in model[part].items()]
    return lines


def _training(chosen: Mapping[str, Any]) -> list[str]:
    lines = ["  training_data:", *_section(TRAINING_DATA, chosen["training_data"], 4)]
    if "validation_data" in chosen:
        lines += ["  validation_data:", *_section(VALIDATION_DATA, chosen["validation_data"], 4)]
    else:
        lines += [
            "  # validation_data: data that are not trained on, to see the errors of; like",
            "  #   systems: [some/folder]",
        ]
    skipped = ("training_data", "validation_data", "data_dict", "model_prob")
    return lines + _section(TRAINING, chosen, 2, skipped)


def _section(
    section: Section, chosen: Mapping[str, Any], indent: int, skipped: Sequence[str] = ()
) -> list[str]:
    """Chosen options first, then the others, commented out."""
    kind = [_line(indent, "type", chosen["type"], "")] if "type" in chosen else []
    docs = {o.name: o for o in section.options if not o.unsupported and o.name not in skipped}
    lines = kind + [_line(indent, k, v, docs[k].doc) for k, v in chosen.items() if k in docs]
    others = [o for o in docs.values() if o.name not in chosen and o.default is not REQUIRED]
    return lines + [_line(indent, o.name, o.default, o.doc, "# ") for o in others]


def _line(indent: int, name: str, value: Any, doc: str, mark: str = "") -> str:
    text = f"{' ' * indent}{mark}{name}: {_yaml(value)}"
    if len(text) > 44:  # no room beside it
        return f"{' ' * indent}# {doc}\n{text}"
    return f"{text:<44}  # {doc}" if doc else text


def _yaml(value: Any) -> str:
    """A value on one line; JSON is YAML, but for numbers like 1e-8, which need a point."""
    if isinstance(value, float):
        text = repr(value)
        return text.replace("e", ".0e") if "e" in text and "." not in text else text
    if isinstance(value, list | tuple):
        return f"[{', '.join(_yaml(v) for v in value)}]"
    return json.dumps(value, ensure_ascii=False)
