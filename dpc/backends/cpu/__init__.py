"""CPU targets: kernels from TVM, C stages from `stages/`, one host.so."""
