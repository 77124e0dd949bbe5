"""NVIDIA GPUs: one cubin for each architecture."""
