"""Passes: Program to Program, one pass in one file."""
