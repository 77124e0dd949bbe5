"""Puts the C sources of runtime/ into the wheel, as dpc/_runtime: dpc compiles them on first use.

Everything else is in pyproject.toml. An editable install reads runtime/ where it is.
"""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithRuntime(build_py):
    """build_py, and the C sources."""

    def run(self):
        super().run()
        if not self.editable_mode:
            target = Path(self.build_lib, "dpc", "_runtime")
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree("runtime", target, ignore=shutil.ignore_patterns("tests", "build"))


setup(cmdclass={"build_py": BuildWithRuntime})
