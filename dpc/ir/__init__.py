"""The graph of a model: types, ops, programs, their text and their reference evaluation."""
