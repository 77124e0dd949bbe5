"""The folder that `dpc compile` writes: manifest, program, numbers, compiled code, report."""
