"""Trainings on record, as trials of a sweep: what `stopping.py` replays.

A `Record` says of one table which configurations there are and what a trial of one would show.
"""

from __future__ import annotations

import csv
import random
import tarfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import TextIOWrapper
from itertools import accumulate
from pathlib import Path
from statistics import fmean, median, multimode

from benchmarks.replay import Training, evaluations
from benchmarks.tables import Table

from mesosweep.domain.space import SearchSpace
from mesosweep.ports import TrialOrder

LEAST_EXAMPLES, LEAST_LEARNERS, LEAST_SPLITS, DATA_SETS = 2_896, 16, 10, 15
"""Which data sets are taken: the first with sixteen looks or more, and few learners that gave up."""
LEAST_SPREAD = 0.01
"""In accuracy, between the median and the best: with less there is nothing to choose."""


@dataclass(frozen=True)
class Record:
    """One table, ready to be swept."""

    kind: str
    name: str
    space: SearchSpace
    steps: Sequence[int]
    """At which every trial is evaluated."""
    train: Callable[[int], Callable[[TrialOrder], Training]]
    """Seed → how its trials would go."""
    worth: Callable[[float], float]
    """Of a verified score."""


def of_seeds(table: Table) -> Record:
    """Have a trial be all trainings of a configuration, one after the other."""
    looks = max(map(len, table.scores.values()))

    def train(seed: int) -> Callable[[TrialOrder], Training]:
        def trained(order: TrialOrder) -> Training:
            key, rng = table.key(order.assignment), random.Random(f"{seed}/{order.trial_id}")
            known = range(len(table.scores[key]))
            # Where a training is missing, another stands in for it.
            drawn = [*rng.sample(known, len(known)), *rng.choices(known, k=looks - len(known))]
            sums = accumulate(table.scores[key][i] for i in drawn)
            means = [total / number for number, total in enumerate(sums, start=1)]
            return Training(
                evaluations(means, range(1, looks + 1)),
                list(accumulate(table.hours[key][i] for i in drawn)),
                panel=means[-1],
                verified=table.means[key],
            )

        return trained

    return Record(
        "seeds",
        table.name,
        table.space,
        range(1, looks + 1),
        train,
        table.worth,
    )


Points = Mapping[int, tuple[float, float, float]]
"""Examples → score on validation data, score on test data, seconds of training."""
Split = Mapping[str, Points]
"""Learner → its curve, on one split of a data set."""


def of_curves(name: str, splits: Sequence[Split]) -> Record:
    """Have a trial be a learner on ever more examples of one data set, split as it comes."""
    by_learner: dict[str, list[Points]] = defaultdict(list)
    for split in splits:
        for learner, points in split.items():
            by_learner[learner].append(points)
    steps = sorted({step for curves in by_learner.values() for points in curves for step in points})
    middle, best = levels(splits)

    def train(seed: int) -> Callable[[TrialOrder], Training]:
        def trained(order: TrialOrder) -> Training:
            rng = random.Random(f"{seed}/{order.trial_id}")
            points = rng.choice(by_learner[str(order.assignment["learner"])])
            seen = sorted(points)
            valid, test, _ = points[steps[-1]]
            return Training(
                evaluations([points[step][0] for step in seen], seen),
                list(accumulate(points[step][2] for step in seen)),
                panel=valid,
                verified=test,
            )

        return trained

    space = SearchSpace.of({"learner": {"type": "categorical", "values": sorted(by_learner)}})
    return Record("curves", name, space, steps, train, lambda v: (v - middle) / (best - middle))


def levels(splits: Sequence[Split]) -> tuple[float, float]:
    """Return the median and the best of what learners come to, by their means over splits."""
    ends: dict[str, list[float]] = defaultdict(list)
    for split in splits:
        for learner, points in split.items():
            ends[learner].append(points[max(points)][1])
    means = [fmean(own) for own in ends.values()]
    return median(means), max(means)


def learning_curves(archive: Path) -> Iterator[tuple[str, Sequence[Split]]]:
    """Yield data set, and for each of its splits the curves of all learners that came to its end."""
    # Data set → split → learner → curve.
    found: dict[int, dict[tuple[str, str], dict[str, dict[int, tuple[float, float, float]]]]]
    found = defaultdict(lambda: defaultdict(lambda: defaultdict(dict)))
    with tarfile.open(archive) as opened:
        name = next(n for n in opened.getnames() if n.endswith("database-accuracy.csv"))
        inside = opened.extractfile(name)
        assert inside is not None
        for row in csv.DictReader(TextIOWrapper(inside)):
            if row["score_valid"] and row["score_test"]:
                curve = found[int(row["openmlid"])][row["outer_seed"], row["inner_seed"]]
                curve[row["learner"]][int(row["size_train"])] = (
                    float(row["score_valid"]),
                    float(row["score_test"]),
                    float(row["traintime"] or 0),
                )
    taken = 0
    for data_set, splits in sorted(found.items()):
        ends = [max(map(max, split.values())) for split in splits.values()]
        # Splits of a data set may differ by an example; those of the commonest size are taken.
        end = multimode(ends)[0]
        whole = [
            learners
            for split in splits.values()
            if len(learners := {n: c for n, c in split.items() if max(c) == end}) >= LEAST_LEARNERS
        ]
        if end < LEAST_EXAMPLES or len(whole) < LEAST_SPLITS or taken == DATA_SETS:
            continue
        middle, best = levels(whole)
        if best - middle >= LEAST_SPREAD:
            taken += 1
            yield f"OpenML {data_set}", whole
