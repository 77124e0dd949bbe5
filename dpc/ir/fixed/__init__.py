"""Fixed point: the pipeline of a Deep Potential in integers. See docs/explain/fixed-point.md."""
