"""From a model to a package: what the commands compile, check and opt share."""
