"""AMD GPUs: one code object for each architecture."""
