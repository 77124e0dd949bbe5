"""Where data outside the repository are. Tests that need them skip where they are not."""

import os
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
DATA = TESTS / "data"
SHARED = Path(os.environ.get("DPC_SHARED", TESTS.parent.parent / "shared"))

needs_shared = pytest.mark.skipif(
    not (SHARED / "golden").is_dir(),
    reason=f"the shared reference data are not in {SHARED}; set DPC_SHARED to where they are",
)
