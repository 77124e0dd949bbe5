"""dpc change-bias MODEL: the energies of single atoms fitted to other data, or given."""

from __future__ import annotations

import argparse
from pathlib import Path

from dpc.errors import InputError, UsageError


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = commands.add_parser(
        "change-bias",
        help="change the energy bias of a trained model",
        description="Change the energy that a model gives to an atom of each type beside its "
        "network: fitted to the energies of data by least squares (-s), or given (-b). Forces stay "
        "as they are.",
    )
    add = parser.add_argument
    add("model", metavar="MODEL", type=Path, help="a model file")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "-s", "--system", nargs="+", metavar="DATA",
        help="data folders, folders of them, HDF5 files",
    )  # fmt: skip
    source.add_argument(
        "-b", "--bias-value", nargs="+", type=float, metavar="EV",
        help="an energy for each type, in the order of the model's type map",
    )  # fmt: skip
    add("-m", "--mode", choices=("change", "set"), default="change",
        help="change: fit what the model leaves of the energies; set: fit the energies themselves, "
        "as before a training (default: %(default)s)")  # fmt: skip
    add("-n", "--numb-batch", "--frames", type=int, default=0, metavar="N",
        help="at most N frames of each system (default: all)")  # fmt: skip
    add("-o", "--output", type=Path, metavar="OUT",
        help="(default: MODEL_updated.pt) .pt, .dp or .yaml")  # fmt: skip
    add("--force", action="store_true", help="replace OUT when it exists")


def run(args: argparse.Namespace) -> int:
    """Fit, write, print before and after."""
    from dpc.data.dataset import open_dataset
    from dpc.frontend import load_model
    from dpc.frontend.bias import assign_bias, change_bias
    from dpc.frontend.importers import write_model

    if args.numb_batch < 0:
        raise UsageError(f"-n {args.numb_batch}: the number of frames cannot be negative")
    output: Path = args.output or args.model.with_name(f"{args.model.stem}_updated.pt")
    if output.exists() and not args.force:
        raise InputError(f"{output} exists. Give another name, or --force to replace it")
    model = load_model(args.model)
    if args.bias_value:
        found = assign_bias(model, args.bias_value)
    else:
        facts = model.facts
        data = open_dataset(args.system, model.type_map, facts.fparam, facts.aparam)
        found = change_bias(model, data, args.mode, args.numb_batch)
    write_model(model.to_file_data(), output)
    print(f"{output}:")
    for name, before, after in zip(model.type_map, found.before, found.after, strict=True):
        print(f"  {name:<4} {before:16.8f} -> {after:16.8f} eV")
    if found.rmse_before is not None:
        print(
            f"  energy RMSE {found.rmse_before:.6e} -> {found.rmse_after:.6e} eV/atom "
            f"on {found.frames} frames"
        )
    return 0
