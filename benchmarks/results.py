"""How long it takes to read a large sweep: `collect-results` and `report` over made-up trials.

    python benchmarks/results.py [--trials 1000] [--keep DIR]

The files are those of real trials, of real size; nothing is trained. Prints one table: seconds of
processor and of wall clock per command, start of the program included, and bytes of what it wrote.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mesosweep.testing.sweeps import MadeUp, make_up_sweep

EVALUATIONS, SIGNS_OF_LIFE = 50, 9
"""As a real trial of 500,000 steps writes by default: 500 lines, some 250 kB."""


@dataclass(frozen=True)
class Measured:
    """One command."""

    words: str
    cpu_s: float
    wall_s: float
    n_bytes: int


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=1000, help="in all, over three stages")
    parser.add_argument("--keep", type=Path, help="a folder to leave the sweep in")
    said = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as aside:
        output = said.keep or Path(aside)
        made = MadeUp(
            trials=-(-said.trials // 3), evaluations=EVALUATIONS, signs_of_life=SIGNS_OF_LIFE
        )
        root = make_up_sweep(output, made)
        found = sum(1 for _ in root.glob("stage*/*/metrics.json"))
        size = sum(path.stat().st_size for path in root.rglob("*") if path.is_file())
        print(f"{found} trials, {size / 1e6:.0f} MB\n")
        print(f"{'command':<24} {'processor':>10} {'wall':>8} {'written':>9}")
        for words, written in (
            (("collect-results",), "collected_results.csv"),
            (("collect-results", "--plot"), "sweep_hyperparameter_analysis.png"),
            (("report",), "report.html"),
        ):
            told = measured(words, root, written)
            print(
                f"{told.words:<24} {told.cpu_s:>8.1f} s {told.wall_s:>6.1f} s "
                f"{told.n_bytes / 1e6:>6.2f} MB"
            )
    return 0


def measured(words: Sequence[str], root: Path, written: str) -> Measured:
    """Run one command over a sweep's folder."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "mesosweep", words[0], str(root), *words[1:]],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    wall_s, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Measured(" ".join(words), cpu_s, wall_s, (root / written).stat().st_size)


if __name__ == "__main__":
    raise SystemExit(main())
