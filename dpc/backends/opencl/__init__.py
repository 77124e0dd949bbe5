"""OpenCL: source in the package, compiled by the driver."""
