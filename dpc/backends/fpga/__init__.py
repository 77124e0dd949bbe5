"""FPGA targets: the C model of the circuit, its parameters, contents, cost and scripts."""
