"""Serial tile kernels with a plain C interface, printed by TVM. The only importer of tvm."""
