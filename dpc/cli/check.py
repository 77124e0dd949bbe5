"""dpc check: will a target take this model, and if not, why not."""

from __future__ import annotations

import argparse


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = commands.add_parser("check", help="can a target hold this model, and if not, why")
    parser.add_argument("model", metavar="MODEL", help="a model file")
    parser.add_argument("--target", default="cpu", help="[%(default)s]")
    parser.add_argument("--passes", metavar="TEXT", help="a pipeline instead of the target's own")


def run(args: argparse.Namespace) -> int:
    """Every problem at once; 1 when there are some."""
    from dpc.backends.base import find_backend, problem_lines
    from dpc.cli.compile import read_program
    from dpc.passes.pipeline import Pipeline
    from dpc.passes.pipelines import default_pipeline
    from dpc.targets import parse_target

    target = parse_target(args.target)
    backend = find_backend(target)
    program, _ = read_program(args.model)
    text = args.passes if args.passes is not None else default_pipeline(target.kind)
    compiled = Pipeline.parse(text).run(program)
    problems = backend.check(compiled, target)
    if problems:
        print("\n".join([f"{target} cannot take {args.model}:", *problem_lines(problems)]))
        return 1
    tensors = sum(array.nbytes for array in compiled.store.values())
    facts = compiled.facts
    print(f"{target} takes {args.model}: types {' '.join(facts.type_map)}, rcut {facts.rcut} Å")
    print(f"  numbers {tensors:,} bytes, tile {target.tile_atoms()} atoms")
    return 0
