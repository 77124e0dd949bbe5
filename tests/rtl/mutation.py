"""Breaks rtl/ in known ways, one after the other, and says which tests notice.

`python -m tests.rtl.mutation [NAME …]` runs all of BREAKS, or those whose file or text holds NAME.
Exit code 1 if a break goes unnoticed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent

BREAKS = [  # file, text, what it becomes, the case of test_modules that must fail
    ("dp_round", "Wide'(1) << ((Shift + 31) % 32)", "'0", "dp_round-20-7-9"),
    ("dp_round", "shifted < -Top - 1", "shifted < -Top", "dp_round-20-7-9"),
    ("dp_round_by", "(halves + 1) >>> 1", "halves >>> 1", "dp_round_by-20-6-9"),
    ("dp_fifo", "count_q != (AddrW + 1)'(Depth)", "1'b1", "dp_fifo-9-5"),
    ("dp_fifo", "tail_q == End ? '0 : tail_q + 1", "tail_q + 1", "dp_fifo-9-5"),
    ("dp_reg_slice", "skid_valid_q ? skid_q : data_i", "data_i", "dp_reg_slice-9"),
    ("dp_cubic_step", "(p2 <<< 1) - c2_q[1]", "p2", "dp_env-odd-24-2"),
    ("dp_locate", "octave_q == 0 ? '0 : octave_q - 1", "octave_q", "dp_env-odd-24-2"),
    ("dp_env", "u[l] >= u_cut_i", "u[l] > u_cut_i + (u_cut_i >> 1)", "dp_env-odd-24-2"),
    ("dp_contract", "x_q[1][0] + start2_q - pad_sum", "x_q[1][0] + start2_q",
     "dp_contract-split-16-2"),
    ("dp_contract", "first_q ? '0 : sum_q[b][c][m]", "sum_q[b][c][m]", "dp_contract-split-16-2"),
    ("dp_contract", "en = !full_q || take", "en = 1'b1", "dp_contract-split-16-2"),
    ("dp_halves", "!full_q[in_half_q] && ", "", "dp_products-odd-3-2"),
    ("dp_products_back", "use_4 ? SumW'(product_q[c]) : '0", "SumW'(product_q[c])",
     "dp_products_back-odd-12-2"),
    ("dp_layer", "full_q <= 1'b1;\n      else if (take)", "full_q <= 1'b1;\n      else if (step)",
     "dp_fit-odd-8-2"),
    ("dp_act", "{!z_i[p][ZW-1], z_i[p][ZW-2:TW]}", "z_i[p][ZW-1:TW]", "dp_fit-odd-8-2"),
    ("dp_head", "first2_q ? bias2_q : sum_q", "first2_q ? '0 : sum_q", "dp_fit-odd-8-2"),
    ("dp_layer_back", "first_q[2] ? '0 : sum_q[i]", "sum_q[i]", "dp_fit-odd-8-2"),
    ("dp_pair_back", "force_u_shift_i + ShiftW'(octave_9)", "force_u_shift_i",
     "dp_pair_back-split-16-2"),
    ("dp_pair_back", "if (take) own_q <= next_q", "if (accept) own_q <= next_q",
     "dp_pair_back-split-16-2"),
    ("dp_accumulate", "if (valid_q[2] && addr_q[2] == addr_q[1]) old = new2_q;", "",
     "dp_forces-2-16"),
    ("dp_accumulate", "take1_q ? '0 : old[w] + x1_q[w]", "old[w] + x1_q[w]", "dp_forces-2-16"),
    ("dp_virial", "sum = sum - ", "sum = sum + ", "dp_virial-2"),
    ("dp_list", "word_done && last_beat));\n", "word_done));\n", "dp_list-2"),
    ("dp_dma_read", "32'(claimed_q) + now <= Depth", "1'b1", "dp_top-smallest-8-1"),
    ("dp_dma_write", "left_q == 1;", "left_q == 2;", "dp_top-smallest-8-1"),
    ("dp_dma_read", "r_valid_i && drop_q == 0", "r_valid_i", "dp_top-smallest-8-1"),
    ("dp_command", "idle_i && left_q != 0 && room", "left_q != 0 && room", "dp_top-smallest-8-1"),
]  # fmt: skip


def noticed(file: str, text: str, becomes: str, case: str) -> bool:
    """Does the case fail when the file is broken so?"""
    with tempfile.TemporaryDirectory() as folder:
        rtl = Path(folder, "rtl")
        shutil.copytree(ROOT / "rtl", rtl)
        path = rtl / f"{file}.sv"
        whole = path.read_text()
        if whole.count(text) < 1:
            raise SystemExit(f"{file}.sv no longer has: {text}")
        path.write_text(whole.replace(text, becomes, 1))
        env = {**os.environ, "DPC_RTL_FOLDER": str(rtl), "XDG_CACHE_HOME": folder}
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider",
             f"tests/rtl/test_modules.py::test_module[{case}]"],
            cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=600,
        )  # fmt: skip
    if "does not compile" in done.stdout or "Verilator fails" in done.stdout:
        raise SystemExit(f"{file}.sv, broken, does not compile:\n{done.stdout[-2000:]}")
    return done.returncode == 1


def main(names: list[str]) -> int:
    """Run the breaks."""
    chosen = [b for b in BREAKS if not names or any(n in b[0] or n in b[1] for n in names)]
    missed = 0
    for file, text, becomes, case in chosen:
        found = noticed(file, text, becomes, case)
        missed += not found
        print(
            f"{'noticed' if found else 'MISSED '}  {file}.sv: {text!r} -> {becomes!r}", flush=True
        )
    print(f"{len(chosen) - missed} of {len(chosen)} noticed")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
