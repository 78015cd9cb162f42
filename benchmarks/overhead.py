"""What mesosweep itself costs, with trials that do nothing.

    python benchmarks/overhead.py

Wall time per trial of a study on this machine (its process, records, checkpoints and the
supervisor's bookkeeping), a suggestion of the model late in a study, the export for
optuna-dashboard, and loading the state of a large sweep. Prints one table.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from mesosweep.backends.local import open_backend
from mesosweep.domain.events import TrialFinished, TrialStarted
from mesosweep.domain.score import Score, Verdict
from mesosweep.domain.study import TrialSettings
from mesosweep.domain.trial import Checkpoint, Trial
from mesosweep.report.dashboard import DashboardFile
from mesosweep.samplers.random import RandomSampler, quasi_random
from mesosweep.samplers.tpe import TPESampler
from mesosweep.stores.file import FileStore
from mesosweep.testing.backend import a_study
from mesosweep.testing.sampler import SPACE, a_trial
from mesosweep.testing.store import KEY, a_state
from mesosweep.testing.story import NOON, Story

PLUGIN = Path(__file__).parents[1] / "tests" / "plugins" / "mesosweep-counting"


def main() -> int:
    """Measure, print, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--trials", type=int, default=300)
    options = parser.parse_args()
    sys.path.insert(0, str(PLUGIN))
    os.environ["PYTHONPATH"] = os.pathsep.join(
        filter(None, [str(PLUGIN), os.environ.get("PYTHONPATH")])
    )
    print("what                                                 measured      aim")
    with tempfile.TemporaryDirectory() as place:
        each_s, supervisor_s = trial(Path(place), trials=options.trials)
        row(f"a trial that does nothing, 2 at a time, of {options.trials}", each_s, "< 50 ms")
        row("of which the supervisor's own work (CPU)", supervisor_s, "")
        row("a suggestion of TPE after 300 trials", suggestion(), "< 30 ms")
        row("its export for optuna-dashboard, 300 trials (CPU)", export(Path(place)), "")
        row("loading the state of 1,000 finished trials", loading(Path(place)), "< 1000 ms")
    return 0


def row(what: str, seconds: float, aim: str) -> None:
    print(f"{what:50s} {seconds * 1e3:8.1f} ms   {aim}")


def trial(place: Path, *, trials: int) -> tuple[float, float]:
    """Return wall seconds and the supervisor's CPU seconds per trial."""
    settings = TrialSettings(timesteps=10, n_envs=1, eval_freq=10, save_freq=100)
    study = a_study(folder=str(place / "stage1"), trials=trials + 1, settings=settings)
    backend = open_backend(sampler=RandomSampler())
    # The first one starts the server, which happens once per sweep.
    for part in (replace(study, trials=1), study):
        before, worked = time.monotonic(), time.process_time()
        job = backend.submit(backend.prepare(part))
        while (snapshot := backend.poll(job)).state == "running":
            backend.wait(job, _Clock())
    assert len(snapshot.trials) == trials + 1
    return (time.monotonic() - before) / trials, (time.process_time() - worked) / trials


def suggestion() -> float:
    history = [
        a_trial(number, quasi_random(SPACE, number, seed=1), reward=float(number % 17))
        for number in range(300)
    ]
    return best_of(5, lambda: TPESampler().suggest(SPACE, history, count=1, total=400, seed=1))


def export(place: Path) -> float:
    """Return CPU seconds per trial of rewriting `optuna.journal` whenever one begins or ends."""
    story = Story(trials=300)
    stages = tuple(replace(stage, space=SPACE) for stage in story.plan.stages)
    plan = replace(story.plan, root=str(place), stages=stages)
    write = DashboardFile(plan, now=lambda: NOON, warn=print)
    # The first one loads Optuna, which happens once per sweep.
    for event in (story.started(), story.submitting(), TrialStarted(1, story.running(0))):
        write(event)
    worked = time.process_time()
    for number in range(300):
        point = quasi_random(SPACE, number, seed=1)
        write(TrialStarted(1, replace(story.running(number), assignment=point)))
        write(TrialFinished(1, replace(story.finished(number, 1.0), assignment=point)))
    return (time.process_time() - worked) / 300


def loading(place: Path) -> float:
    score = Score(30, 5.0, 1.0, 100.0, 1.0, metrics={f"metric_{n}": 0.1 * n for n in range(12)})
    checkpoint = Checkpoint("stage1/1/models/best_model.zip", "best", "1")
    trials = tuple(
        Trial(
            str(number),
            0,
            "finished",
            {f"ppo_{n}": 0.1 * n for n in range(12)},
            parameters={f"ppo.{n}": 0.1 * n for n in range(60)},
            best_mean_reward=float(number),
            panel=score,
            verdict=Verdict(passed=True),
            checkpoint=checkpoint,
            final_checkpoint=checkpoint,
        )
        for number in range(1_000)
    )
    state = a_state(stages=1)
    state = replace(state, stages=(replace(state.stages[0], trials=trials),))
    store = FileStore(place)
    store.save(KEY, state, replacing=None)
    return best_of(3, lambda: store.load(KEY))


def best_of(times: int, work: Callable[[], object]) -> float:
    taken = []
    for _ in range(times):
        before = time.monotonic()
        work()
        taken.append(time.monotonic() - before)
    return min(taken)


class _Clock:
    def now(self) -> datetime:
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


if __name__ == "__main__":
    sys.exit(main())
