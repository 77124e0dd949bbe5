"""Backends: a program and a target to the files of a package."""
