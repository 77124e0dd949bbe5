"""Training: loss, schedule, step, trainer, checkpoints. `dpc train` is its command."""
