"""Training in fixed point: what is learned is what the integers of a circuit compute."""

from dpc.frontend.training.quantised.step import Circuit, QuantisedStep

__all__ = ["Circuit", "QuantisedStep"]
