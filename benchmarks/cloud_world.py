"""A rehearsed cloud, and the supervisors that live and die on one sweep of it, one after the other."""

from __future__ import annotations

import random
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from benchmarks.doom import STATUSES, Doom, DyingJobs, Killed

from mesosweep.backends.vertex.backend import VertexBackend
from mesosweep.backends.vertex.client import GoogleJobs
from mesosweep.backends.vertex.ledger import Ledger
from mesosweep.backends.vertex.money import CappedBackend, quote_of
from mesosweep.backends.vertex.settings import JobSettings
from mesosweep.domain import events as e
from mesosweep.domain.errors import BackendError, MesosweepError, StoreUnreachable
from mesosweep.domain.plan import SweepPlan
from mesosweep.domain.state import SweepState
from mesosweep.engine import run
from mesosweep.ports import Backend
from mesosweep.rehearsal.running import Launch
from mesosweep.rehearsal.scripted import Course, Moment, ScriptedRunner, given
from mesosweep.rehearsal.serving import LocalJobs
from mesosweep.rehearsal.storage_direct import direct_client
from mesosweep.rehearsal.storage_faults import StorageFaults, StorageScript
from mesosweep.rehearsal.storage_service import StorageService
from mesosweep.rehearsal.undocumented import BELIEVED, OTHERWISE
from mesosweep.stores.gcs import GcsStore
from mesosweep.stores.gcs_address import Address
from mesosweep.stores.gcs_objects import Objects
from mesosweep.testing.bucket import ROOT, Mount, leave_record
from mesosweep.testing.clock import FakeClock
from mesosweep.testing.plans import FakeJudge, a_plan, a_stage

PLACE = Address.parse(ROOT)
TRIALS = 5
TRIAL_S = 60.0
MOST_LIVES = 3_000
"""Supervisors of one sweep; a sweep that needs more is stuck."""
MOST_USD = 1_000.0
"""Never reached: what is shown is that nothing is lost while it is kept to."""


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
        self.disk = tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None)
        self.storage = StorageService(Path(self.disk.name), self.clock, doom.storage)
        self.storage.shelf.make_bucket(PLACE.bucket)
        self.mount = Mount(Path(self.disk.name))
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
        while not self._walk():
            if self.told.lives >= MOST_LIVES:
                self.told.wrong.append(f"not ended after {MOST_LIVES} supervisors")
                break
            self.clock.sleep(self.chance.choice((0.0, 1.0, 10.0, 90.0)))
            self._cancel_now_and_then()
        self.told.jobs = len(self.jobs())
        met = sum(call.status in (None, *STATUSES) for call in self.storage.calls)
        self.told.faults_met = len(self.cloud.faults.met) + met
        # What is looked at from here on is what there is, in whatever weather it came there.
        self.storage.faults = StorageFaults(StorageScript())

    def jobs(self) -> list[Any]:
        """Return all jobs that were ever created, those that no listing shows yet as well."""
        return list(self.cloud.service.jobs._jobs.values())

    def _cancel_now_and_then(self) -> None:
        self.cloud.service.advance()
        for job in self.jobs():
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

    def objects(self) -> Objects:
        """Return the bucket as somebody sees it who cannot die."""
        return Objects(clock=self.clock, client=direct_client(self.storage))

    def state(self) -> SweepState:
        """Return what is saved."""
        loaded = GcsStore(PLACE, bucket=self.objects().bucket(PLACE.bucket)).load(
            self.plan.sweep_key
        )
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


@contextmanager
def a_world(doom: Doom) -> Iterator[World]:
    """Serve a cloud on which a sweep meets its doom."""
    world = World(doom)
    with world.disk, world.cloud:
        yield world


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
