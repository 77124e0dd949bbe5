"""Data folders, frames and neighbour lists, in NumPy only."""
