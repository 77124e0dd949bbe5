"""Pages that need nothing but a browser: errors of a model, what is in data."""
