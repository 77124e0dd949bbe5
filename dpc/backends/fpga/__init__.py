"""Deep Potentials in hardware: parameters and memory images for rtl/."""
