"""Puts runtime/ and rtl/ into the wheel, as dpc/_runtime and dpc/_rtl: compiled on first use.

Everything else is in pyproject.toml. An editable install reads both where they are.
"""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithRuntime(build_py):
    """build_py, and the sources in C and SystemVerilog."""

    def run(self):
        super().run()
        if not self.editable_mode:
            for folder in ("runtime", "rtl"):
                target = Path(self.build_lib, "dpc", f"_{folder}")
                shutil.rmtree(target, ignore_errors=True)
                shutil.copytree(folder, target, ignore=shutil.ignore_patterns("tests", "build"))


setup(cmdclass={"build_py": BuildWithRuntime})
