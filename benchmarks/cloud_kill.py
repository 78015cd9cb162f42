"""Kill the supervisor of a sweep on a rehearsed Vertex AI, and show that nothing is lost or paid twice.

    python benchmarks/cloud_kill.py [--runs 300] [--seed 1] [--short]

First one three-stage sweep runs unbroken and its events are counted. Then one sweep is killed after
each of them. Then `--runs` more are killed again and again at random: after an event, or inside a
call of the service or of the bucket, before it was sent or before its answer came. All but the
first run meet lost replies and error codes on every method of the service and of the storage,
connections that close without a word, listings that come late, preempted machines, failing trials
and jobs that somebody else cancels, drawn from the run's own seed; every second one meets a
service that does all that is undocumented the other way round. Time is virtual and nothing trains;
the backend under a limit of costs, its ledger, the state's store, Google's two clients and both
services are the real ones, and only the bucket's socket is left out. Checked of each run:

* no job of a study is created while an earlier one may still finish what is wanted;
* every trial that left a finished record is in the state, once, with its reward;
* no finished trial is announced twice, and the sweep comes to its end;
* a lone operator is never told of another one;
* the ledger knows every job, and that it is over.

Prints one table; exits with 1 if a check fails. Needs the extra `vertex`.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
# The scripts beside this one are found as what they are: modules of a folder.
sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.cloud_world import Told, World, a_world
from benchmarks.doom import Doom

from mesosweep.backends.vertex.ledger import entries_of
from mesosweep.testing.bucket import ROOT


def main(argv: Sequence[str] | None = None) -> int:
    """Kill, check, print, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--short", action="store_true", help="a few of each kind")
    options = parser.parse_args(argv)
    began = time.monotonic()
    unbroken = lived(Doom())
    at = range(1, unbroken.events + 1)
    runs = options.runs
    if options.short:
        at, runs = at[:: max(len(at) // 6, 1)], min(runs, 12)
    groups = {
        "unbroken": [unbroken],
        "killed after one event": [
            lived(Doom.drawn(options.seed * 100_000 + n, at_event=n)) for n in at
        ],
        "killed at random": [lived(Doom.drawn(options.seed * 1_000_000 + n)) for n in range(runs)],
    }
    print(f"seed {options.seed}; {unbroken.events} events in an unbroken sweep")
    print(
        "                          sweeps  supervisors   jobs  faults met  finished trials  wrong"
    )
    for name, told in groups.items():
        print(
            f"{name:24s} {len(told):7d} {sum(t.lives for t in told):12d} "
            f"{sum(t.jobs for t in told):6d} {sum(t.faults_met for t in told):11d} "
            f"{sum(t.finished for t in told):16d} {sum(len(t.wrong) for t in told):6d}"
        )
    for name, told in groups.items():
        for number, each in enumerate(told):
            for wrong in each.wrong:
                print(f"{name}, number {number}: {wrong}")
    print(f"{time.monotonic() - began:.0f} s")
    return int(any(each.wrong for told in groups.values() for each in told))


def lived(doom: Doom) -> Told:
    """Let a sweep meet its doom; returns what came of it."""
    with a_world(doom) as world:
        world.live()
        jobs = world.jobs()
        world.told.wrong += [
            *paid_twice(jobs),
            *lost(world),
            *repeated(world),
            *unknown(world, jobs),
        ]
        return world.told


def paid_twice(jobs: Sequence[Any]) -> Iterator[str]:
    """Yield each job that was created although its study's last one was still to be had."""
    for key in dict.fromkeys(job.head.labels["mesosweep_study"] for job in jobs):
        mine = [job for job in jobs if job.head.labels["mesosweep_study"] == key]
        mine.sort(key=lambda job: job.work.create_time)
        for earlier, later in pairwise(mine):
            ended = earlier.work.end_time
            if ended is None or ended > later.work.create_time:
                yield f"{key}: a second job while the first was at work"
            elif earlier.work.state.name == "SUCCEEDED":
                yield f"{key}: a second job after the first had succeeded"


def lost(world: World) -> Iterator[str]:
    """Yield each finished record that the state does not have, or has otherwise."""
    state = world.state()
    known = {
        (stage.stage, *trial.identity): trial
        for stage in state.stages
        for trial in stage.trials
        if trial.status == "finished"
    }
    world.told.finished = len(known)
    left = set()
    for uri in names(world):
        if not uri.endswith("/metrics.json"):
            continue
        folder, trial_id, _ = uri.removeprefix(f"{ROOT}/").split("/")
        stage, _, attempt = folder.removeprefix("stage").partition("_a")
        left.add((int(stage), int(attempt or 0), trial_id))
    for missing in sorted(left - set(known)):
        yield f"finished, and not in the state: {missing}"
    for invented in sorted(set(known) - left):
        yield f"in the state, and never finished: {invented}"
    for each in state.stages:
        best = max((t.panel.mean_reward for t in each.trials if t.panel), default=None)
        if each.winner is None or each.winner.trial.panel is None:
            yield f"stage {each.stage}: no winner"
        elif each.winner.trial.panel.mean_reward != best:
            yield f"stage {each.stage}: the winner is not the best"


def names(world: World) -> list[str]:
    return list(world.objects().names(f"{ROOT}/stage"))


def unknown(world: World, jobs: Sequence[Any]) -> Iterator[str]:
    """Yield each job that the ledger does not know, or believes to be at work."""
    over = {entry.job for entry in entries_of(ROOT, world.objects()) if entry.is_over}
    for job in jobs:
        name = f"hyperparameterTuningJobs/{job.job_id}"
        if not any((known or "").endswith(name) for known in over):
            yield f"not in the ledger as over: {name}"


def repeated(world: World) -> Iterator[str]:
    for identity, times in world.announced.items():
        if times > 1:
            yield f"announced {times} times: {identity}"


if __name__ == "__main__":
    sys.exit(main())
