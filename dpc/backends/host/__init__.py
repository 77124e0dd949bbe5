"""The C file that calls the kernels in order, and the C compiler that makes host.so of it."""
