"""Kernel families, one a file: what each computes, and its loops for a target."""
