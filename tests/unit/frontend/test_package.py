"""The package itself: torch only when it is needed."""

import subprocess
import sys


def test_torch_is_loaded_on_first_use():
    code = (
        "import sys, dpc.frontend, dpc.cli.main as main; "
        "main.make_parser(); print('torch' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"
