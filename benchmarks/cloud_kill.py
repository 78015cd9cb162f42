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
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

os.environ.setdefault("GRPC_VERBOSITY", "ERROR")

from mesosweep.backends.vertex.backend import VertexBackend
from mesosweep.backends.vertex.client import GoogleJobs
from mesosweep.backends.vertex.ledger import Ledger, entries_of
from mesosweep.backends.vertex.money import CappedBackend, quote_of
from mesosweep.backends.vertex.settings import JobSettings
from mesosweep.domain import events as e
from mesosweep.domain.errors import BackendError, MesosweepError, StoreUnreachable
from mesosweep.domain.plan import SweepPlan
from mesosweep.domain.state import SweepState
from mesosweep.engine import run
from mesosweep.ports import Backend
from mesosweep.rehearsal.faults import CallFault, FaultScript, Preemption
from mesosweep.rehearsal.refusal import Code
from mesosweep.rehearsal.running import Launch
from mesosweep.rehearsal.scripted import Course, Moment, ScriptedRunner, given
from mesosweep.rehearsal.serving import LocalJobs
from mesosweep.rehearsal.storage_direct import direct_client
from mesosweep.rehearsal.storage_faults import StorageFault, StorageFaults, StorageScript
from mesosweep.rehearsal.storage_service import StorageService
from mesosweep.rehearsal.undocumented import BELIEVED, OTHERWISE
from mesosweep.stores.gcs import GcsStore
from mesosweep.stores.gcs_address import Address
from mesosweep.stores.gcs_objects import Objects
from mesosweep.testing.bucket import ROOT, leave_record
from mesosweep.testing.clock import FakeClock
from mesosweep.testing.plans import FakeJudge, a_plan, a_stage

PLACE = Address.parse(ROOT)
TRIALS = 5
TRIAL_S = 60.0
MOST_LIVES = 3_000
"""Supervisors of one sweep; a sweep that needs more is stuck."""
MOST_USD = 1_000.0
"""Never reached: what is shown is that nothing is lost while it is kept to."""
STATUSES = (429, 500, 503, 408)
CODES: tuple[Code, ...] = ("UNAVAILABLE", "DEADLINE_EXCEEDED", "INTERNAL", "RESOURCE_EXHAUSTED")


class Killed(BaseException):
    """The supervisor is gone: nothing of it may catch this."""


class Mount:
    """The bucket as the machines of trials see it, a folder; they reach it when we do not."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def write(self, uri: str, content: bytes) -> None:
        path = self._root / uri.removeprefix("gs://")
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = path.with_name(f".{path.name}.aside")
        aside.write_bytes(content)
        aside.replace(path)


class DyingJobs:
    """The service's client, in whose calls a supervisor may die."""

    def __init__(self, jobs: GoogleJobs, chance: random.Random, share: float) -> None:
        self._jobs, self._chance, self._share = jobs, chance, share

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._jobs, name)

        def dying(*args: Any, **others: Any) -> Any:
            if self._chance.random() < self._share / 2:
                raise Killed
            answer = call(*args, **others)
            if self._chance.random() < self._share / 2:
                raise Killed
            return answer

        return dying


@dataclass(frozen=True)
class Doom:
    """What befalls one sweep."""

    seed: int = 0
    script: FaultScript = field(default_factory=FaultScript)
    storage: StorageScript = field(default_factory=lambda: StorageScript(write_interval_s=1.0))
    is_otherwise: bool = False
    at_event: int | None = None
    """The one event after which it is killed, counted over its whole life; None for chance."""
    per_event: float = 0.0
    per_call: float = 0.0
    per_object: float = 0.0
    """How likely it dies in a call of the bucket."""
    failing: float = 0.0
    """Share of trials whose container exits with 1."""
    cancelled: float = 0.0
    """How likely somebody else cancels the running job between two supervisors."""

    @classmethod
    def drawn(cls, seed: int, *, at_event: int | None = None) -> Doom:
        chance = random.Random(f"doom/{seed}")
        calls = [
            CallFault("*", chance.choice(CODES), probability=chance.choice((0.0, 0.03, 0.1))),
            CallFault("Create*", lost_reply=True, probability=chance.choice((0.3, 0.6))),
            CallFault("*", lost_reply=True, probability=0.02),
        ]
        script = FaultScript(
            seed=seed,
            calls=tuple(calls),
            preemptions=(Preemption(after_s=chance.uniform(5, 50), probability=0.2),),
            late_listing_s=chance.choice((0.0, 4.0, 12.0, 25.0)),
        )
        mood: Mapping[str, float] = {} if at_event is not None else {
            "per_event": chance.choice((0.0, 0.1, 0.25)),
            "per_call": chance.choice((0.0, 0.05, 0.15)),
            "per_object": chance.choice((0.0, 0.005, 0.02)),
            "failing": chance.choice((0.0, 0.15, 0.5)),
            "cancelled": chance.choice((0.0, 0.0, 0.1)),
        }  # fmt: skip
        storage = StorageScript(
            seed=seed,
            calls=(
                StorageFault("*", status=chance.choice(STATUSES), probability=0.04),
                StorageFault("*", status=None, probability=chance.choice((0.0, 0.03, 0.3))),
                StorageFault("*", lost_reply=True, probability=chance.choice((0.02, 0.1))),
                # An outage: longer than a call's own patience, or than a whole supervisor's.
                StorageFault("*", call=chance.randrange(20, 300), times=chance.choice((8, 20, 60))),
            ),
            write_interval_s=1.0,
        )
        otherwise = seed % 2 == 1
        return cls(seed, script, storage, is_otherwise=otherwise, at_event=at_event, **mood)


@dataclass
class Told:
    """What one sweep went through, and what was wrong with its end."""

    lives: int = 0
    events: int = 0
    jobs: int = 0
    faults_met: int = 0
    finished: int = 0
    wrong: list[str] = field(default_factory=list)


class World:
    """All that outlives a supervisor."""

    def __init__(self, doom: Doom) -> None:
        self.doom = doom
        self.clock = FakeClock()
        memory = Path("/dev/shm")
        self._disk = tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None)
        self.storage = StorageService(Path(self._disk.name), self.clock, doom.storage)
        self.storage.shelf.make_bucket(PLACE.bucket)
        self.mount = Mount(Path(self._disk.name))
        self.plan = the_plan()
        self.keys: dict[int, str] = {}
        """Stage → key of the study that was submitted last."""
        self.chance = random.Random(f"life/{doom.seed}")
        self.cloud = LocalJobs(
            ScriptedRunner(self._course),
            clock=self.clock,
            script=doom.script,
            undocumented=OTHERWISE if doom.is_otherwise else BELIEVED,
            seed=doom.seed,
        )
        self.announced: Counter[tuple[str, int, str]] = Counter()
        self.told = Told()

    def live(self) -> None:
        """Let supervisors work one after the other until the sweep has ended."""
        with self._disk, self.cloud:
            while not self._walk():
                if self.told.lives >= MOST_LIVES:
                    self.told.wrong.append(f"not ended after {MOST_LIVES} supervisors")
                    break
                self.clock.sleep(self.chance.choice((0.0, 1.0, 10.0, 90.0)))
                self._cancel_now_and_then()
            jobs = self._jobs()
            self.told.jobs = len(jobs)
            met = sum(call.status in (None, *STATUSES) for call in self.storage.calls)
            self.told.faults_met = len(self.cloud.faults.met) + met
            # What is looked at from here on is what there is, in whatever weather it came there.
            self.storage.faults = StorageFaults(StorageScript())
            self.told.wrong += [
                *self._paid_twice(jobs),
                *self._lost(),
                *self._repeated(),
                *self._unknown(jobs),
            ]

    def _jobs(self) -> list[Any]:
        """Return all jobs that were ever created, those that no listing shows yet as well."""
        return list(self.cloud.service.jobs._jobs.values())

    def _cancel_now_and_then(self) -> None:
        self.cloud.service.advance()
        for job in self._jobs():
            if not job.work.state.is_end and self.chance.random() < self.doom.cancelled:
                job.work.cancel(self.clock.now())

    def _walk(self) -> bool:
        """Let one supervisor live; return whether it saw the end."""
        self.told.lives += 1
        objects = self._objects()
        store = GcsStore(PLACE, bucket=objects.bucket(PLACE.bucket))
        walking = run(
            self.plan,
            backend=self._backend(objects),
            store=store,
            judge=FakeJudge(),
            clock=self.clock,
        )
        try:
            for event in walking:
                self._hear(event)
                if isinstance(event, e.SweepFinished):
                    return True
                self.told.events += 1
                if self.told.events == self.doom.at_event:
                    return False
                if self.chance.random() < self.doom.per_event:
                    return False
        except Killed:
            return False
        except (BackendError, StoreUnreachable):
            return False  # a person gives the same command again
        except MesosweepError as error:
            self.told.wrong.append(f"{type(error).__name__}: {error}")
            return True
        # All was done before, and only the last word was not heard.
        return True

    def _objects(self) -> Objects:
        """Return the bucket as one supervisor sees it, who may die in its calls."""

        def die_now_and_then() -> None:
            if self.chance.random() < self.doom.per_object / 2:
                raise Killed

        client = direct_client(self.storage, before=die_now_and_then, after=die_now_and_then)
        return Objects(clock=self.clock, client=client)

    def _backend(self, objects: Objects) -> Backend:
        settings = JobSettings(
            project="my-project", image="host/repo/trainer:1", endpoint=self.cloud.endpoint
        )
        quote = quote_of(settings, price_file=None)
        backend = VertexBackend(
            settings,
            plan=self.plan,
            jobs=DyingJobs(GoogleJobs(settings), self.chance, self.doom.per_call),
            bucket=objects,
            clock=self.clock,
            ledger=Ledger(ROOT, objects, quote=quote, machine=settings.machine),
        )
        return CappedBackend(
            backend, plan=self.plan, since=0, bucket=objects, quote=quote, trial_usd={1: 0.1}
        )

    def _state(self) -> SweepState:
        """Return what is saved, read by nobody who may die."""
        objects = Objects(clock=self.clock, client=direct_client(self.storage))
        loaded = GcsStore(PLACE, bucket=objects.bucket(PLACE.bucket)).load(self.plan.sweep_key)
        assert loaded is not None
        return loaded[0]

    def _hear(self, event: e.Event) -> None:
        match event:
            case e.StudySubmitting(study=study):
                self.keys[study.stage] = study.key
            case e.TrialFinished(stage=stage, trial=trial):
                self.announced[(self.keys[stage], *trial.identity)] += 1
            case _:
                pass

    def _course(self, launch: Launch) -> Course:
        words = {
            name: given(launch.argv, name)
            for name in ("species", "algorithm", "stage", "attempt", "timesteps", "output-dir")
        }
        drawn = random.Random(f"{self.doom.seed}/{words['output-dir']}/{launch.trial_id}")
        if drawn.random() < self.doom.failing:
            return Course(TRIAL_S, exit_code=1, says="told to fail")
        reward, steps = drawn.uniform(0, 100), int(words["timesteps"])
        metrics = {"best_mean_reward": reward}
        folder = words["output-dir"].replace("/gcs/", "gs://") + f"/{launch.trial_id}"
        return Course(
            TRIAL_S,
            moments=(
                Moment(TRIAL_S / 2, steps // 2, {"best_mean_reward": reward - 1}),
                Moment(
                    TRIAL_S,
                    steps,
                    metrics,
                    do=lambda: leave_record(self.mount, folder, words=words, reward=reward),
                ),
            ),
        )

    # ── what must hold ───────────────────────────────────────────────────────

    def _paid_twice(self, jobs: Sequence[Any]) -> Iterator[str]:
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

    def _lost(self) -> Iterator[str]:
        """Yield each finished record that the state does not have, or has otherwise."""
        state = self._state()
        known = {
            (stage.stage, *trial.identity): trial
            for stage in state.stages
            for trial in stage.trials
            if trial.status == "finished"
        }
        self.told.finished = len(known)
        left = set()
        for uri in self._names():
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

    def _names(self) -> list[str]:
        objects = Objects(clock=self.clock, client=direct_client(self.storage))
        return list(objects.names(f"{ROOT}/stage"))

    def _unknown(self, jobs: Sequence[Any]) -> Iterator[str]:
        """Yield each job that the ledger does not know, or believes to be at work."""
        objects = Objects(clock=self.clock, client=direct_client(self.storage))
        over = {entry.job for entry in entries_of(ROOT, objects) if entry.is_over}
        for job in jobs:
            name = f"hyperparameterTuningJobs/{job.job_id}"
            if not any((known or "").endswith(name) for known in over):
                yield f"not in the ledger as over: {name}"

    def _repeated(self) -> Iterator[str]:
        for identity, times in self.announced.items():
            if times > 1:
                yield f"announced {times} times: {identity}"


def the_plan() -> SweepPlan:
    stages = {
        str(number): {"name": name, "env": {"target": 1.0}, "space": {}, "settings": {}}
        for number, name in enumerate(("balance", "locomotion", "strike"), start=1)
    }
    comparables = {
        "species_version": "0.1.0", "species_code": "abcdef012345", "stages": stages,
    }  # fmt: skip
    plan = a_plan(comparables=comparables, root=ROOT, max_cost_usd=MOST_USD)
    return replace(plan, stages=tuple(a_stage(number, trials=TRIALS) for number in (1, 2, 3)))


def lived(doom: Doom) -> Told:
    """Let a sweep meet its doom; returns what came of it."""
    world = World(doom)
    world.live()
    return world.told


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


if __name__ == "__main__":
    sys.exit(main())
