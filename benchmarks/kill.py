"""Kill a sweep again and again, and show that nothing is lost, repeated or altered.

    python benchmarks/kill.py                              40 runs, trials that only count
    python benchmarks/kill.py --trainer ppo                real PPO on the velociraptor

First one sweep runs unbroken. Then each run is killed (SIGKILL) at a moment drawn
uniformly over the unbroken run's wall time: in turn the supervisor, and the worker of a
running trial. The same command is given again within a second, until it ends, and its
folder is compared with the unbroken one's. Prints one table; exits with 1 if a check fails.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

PLUGIN = Path(__file__).parents[1] / "tests" / "plugins" / "mesosweep-counting"
TRACED = ("learning_rate", "clip_range", "ent_coef", "draw")
"""Numbers of the learner that must not notice an interruption, where it has them."""
TIMEOUT_S = 900
PROGRAM = (sys.executable, "-m", "mesosweep", "run-all")
COMMON = ("--no-check", "--sampler=random", "--seed=7", "--on-gate-fail=best")
TRAINERS: Mapping[str, tuple[str, ...]] = {
    "count": (
        *("--species=counting", "--algorithm=count", "--timesteps=60"),
        *("--eval-freq=20", "--save-freq=3", "--test-episodes=20"),
        *("--override", "count.seconds=3.0", "count.stride=1"),
    ),
    "ppo": (
        *("--species=velociraptor", "--algorithm=ppo", "--timesteps=16384", "--n-envs=4"),
        *("--eval-freq=8192", "--eval-episodes=4", "--panel-episodes=4", "--test-episodes=4"),
        *("--save-freq=512", "--override", "ppo.n_steps=64", "ppo.n_epochs=4"),
        "ppo.batch_size=128",
        *("--search-space", '{"ppo_learning_rate": {"type": "double", "min": 1e-4, "max": 1e-3}}'),
    ),
}
When: TypeAlias = Callable[[Path], None]
"""Returns when the blow should fall on the sweep in a folder."""


@dataclass
class Run:
    """One killed sweep."""

    number: int
    victim: str
    at_s: float
    past_checkpoint: bool
    """Whether some trial was past its first periodic checkpoint when the blow fell."""
    resumed: int = 0
    """Trials that went on from a checkpoint."""
    orphans_s: float = 0.0
    """How long workers outlived their supervisor."""
    again_s: float = 0.0
    """From the blow to the same command."""
    faults: list[str] = field(default_factory=list)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark and return the exit code."""
    options = _options(argv)
    place = Path(tempfile.mkdtemp(prefix="mesosweep-kill-", dir=options.dir))
    command = [
        *(*PROGRAM, *COMMON),
        *(f"--trials={options.trials}", f"--parallel={options.parallel}"),
        *TRAINERS[options.trainer],
    ]
    print(f"# {' '.join(command[2:])}", flush=True)
    began = time.monotonic()
    unbroken = place / "unbroken"
    code = sweep(command, unbroken).wait(TIMEOUT_S)
    wall_s = time.monotonic() - began
    if code not in (0, 3):
        print(f"The unbroken sweep ended with exit code {code}:\n{_screen(unbroken)}")
        return 1
    print(f"# unbroken: {wall_s:.1f} s; seed {options.seed}", flush=True)
    print(" run  victim       at s  past ckpt  resumed  orphans s  again s  result", flush=True)
    rng = random.Random(options.seed)
    runs = []
    for number in range(1, options.runs + 1):
        victim = ("supervisor", "worker")[number % 2]
        run = killed(
            command,
            place / f"run{number}",
            number=number,
            victim=victim,
            when=at(rng.uniform(0.0, wall_s)),
            unbroken=unbroken,
            trials=options.trials,
        )
        runs.append(run)
        print(
            f"{run.number:4d}  {run.victim:10s} {run.at_s:6.2f}  {run.past_checkpoint!s:9s} "
            f"{run.resumed:8d} {run.orphans_s:10.2f} {run.again_s:8.2f}  "
            f"{'; '.join(run.faults) or 'ok'}",
            flush=True,
        )
        if not run.faults and not options.keep:
            shutil.rmtree(place / f"run{number}")
    return _conclude(runs, place, keep=options.keep)


def at(seconds: float) -> When:
    """Return what waits for so long."""
    began = time.monotonic()
    return lambda _: time.sleep(max(0.0, seconds - (time.monotonic() - began)))


def past_checkpoint(step: int) -> When:
    """Return what waits until all trials under way have a checkpoint of this step or later."""

    def wait(folder: Path) -> None:
        deadline = time.monotonic() + TIMEOUT_S
        while time.monotonic() < deadline:
            steps = _checkpoints(folder).values()
            if steps and all(found is not None and found >= step for found in steps):
                return
            time.sleep(0.005)
        raise TimeoutError(f"{folder}: no trial came as far as step {step}")

    return wait


def _conclude(runs: Sequence[Run], place: Path, *, keep: bool) -> int:
    bad = [run for run in runs if run.faults]
    past = sum(run.past_checkpoint for run in runs)
    print(
        f"\n{len(runs)} runs, {past} while a trial was past its first checkpoint, "
        f"{sum(run.resumed for run in runs)} trials went on from one, {len(bad)} with a fault."
    )
    if past * 2 < len(runs):
        print("Fewer than half fell after a first checkpoint: lower --save-freq or draw anew.")
    if bad or keep:
        print(f"Folders are kept in {place}")
    else:
        shutil.rmtree(place)
    return 1 if bad or past * 2 < len(runs) else 0


def killed(
    command: Sequence[str],
    folder: Path,
    *,
    number: int,
    victim: str,
    when: When,
    unbroken: Path,
    trials: int,
) -> Run:
    """Start a sweep, kill its `victim` when `when` returns, let it go on, and compare.

    A blow meant for a worker falls on the supervisor while there is none.
    """
    began = time.monotonic()
    supervisor = sweep(command, folder)
    when(folder)
    at_s = time.monotonic() - began
    run = Run(number, victim, at_s, past_checkpoint=any(_checkpoints(folder).values()))
    before = _ended(folder)
    slain, again = None, None
    if victim == "worker" and (workers := _workers(folder)):
        slain, pid = random.Random(number).choice(sorted(workers.items()))
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        supervisor.wait(TIMEOUT_S)
    else:
        run.victim = "supervisor"
        orphans = set(_workers(folder).values())
        supervisor.kill()
        supervisor.wait(TIMEOUT_S)
        blow = time.monotonic()
        if number % 2:
            # At once, while workers of the dead supervisor may still hold their trials.
            again = sweep(command, folder)
        while orphans & set(_workers(folder).values()) and time.monotonic() - blow < 8:
            time.sleep(0.002)
        run.orphans_s = time.monotonic() - blow
        if run.orphans_s > 5:
            run.faults.append("a worker outlived its supervisor by more than 5 s")
    waiting = _checkpoints(folder)
    pids = {trial: {line["pid"] for line in _lines(trial)} for trial in waiting}
    run.again_s = 0.0 if again else run.orphans_s
    if run.again_s > 1:
        run.faults.append(f"was run again only after {run.again_s:.1f} s")
    met_orphans = again is not None
    again = again or sweep(command, folder)
    if (code := again.wait(TIMEOUT_S)) not in (0, 3):
        run.faults.append(f"ended with exit code {code}: {_screen(folder)[-300:]}")
        return run
    run.resumed = sum(step is not None for step in waiting.values())
    run.faults += [
        *_lost_or_repeated(folder, before),
        *_wrong_totals(folder, trials=trials, slain=slain),
        *_two_at_once(folder),
        # Where the new supervisor began at once, its workers may have written already.
        *([] if met_orphans else _wrong_start(waiting, pids)),
        *other_traces(folder, unbroken),
        *([] if slain else _other_results(folder, unbroken)),
    ]
    return run


# ── checks: each yields what is wrong ────────────────────────────────────────


def _lost_or_repeated(
    folder: Path, before: Mapping[str, tuple[dict[str, Any], int]]
) -> Iterator[str]:
    for name, (record, goes) in before.items():
        now = _read(folder / name / "metrics.json")
        # A winner's record gains its test score; nothing that was there may change.
        changed = [key for key, value in record.items() if now.get(key) != value]
        if changed:
            yield f"{name} was finished and changed in {', '.join(changed)}"
        if len(_beginnings(folder / name)) != goes:
            yield f"{name} was finished and was taken up again"


def _wrong_totals(folder: Path, *, trials: int, slain: str | None) -> Iterator[str]:
    (path,) = folder.glob("sweeps/*/*/sweep_state_*.json")
    for stage in _read(path)["stages"]:
        if len(stage["trials"]) != trials or stage["status"] != "finished":
            yield f"stage {stage['stage']} is {stage['status']} with {len(stage['trials'])} trials"
    for trial in trials_of(folder):
        record = _read(trial / "metrics.json")
        if record["status"] != "finished":
            if _name(trial) != slain:
                yield f"{_name(trial)} {record['status']}: {record['reason']}"
        elif record["steps_trained"] != record["steps_asked"]:
            yield f"{_name(trial)} trained {record['steps_trained']} of {record['steps_asked']}"


def _two_at_once(folder: Path) -> Iterator[str]:
    for trial in trials_of(folder):
        lines = _lines(trial)
        pids = [line["pid"] for line in lines]
        turns = [pid for place, pid in enumerate(pids) if place == 0 or pids[place - 1] != pid]
        if len(turns) != len(set(turns)):
            yield f"{_name(trial)} was written by two processes at once"
        writers: dict[int, set[int]] = {}
        for line in lines:
            if "values" in line:
                writers.setdefault(line["step"], set()).add(line["pid"])
        if twice := [step for step, of in writers.items() if len(of) > 1]:
            yield f"{_name(trial)}: two processes trained step {twice[0]}"


def _wrong_start(
    waiting: Mapping[Path, int | None], before: Mapping[Path, set[int]]
) -> Iterator[str]:
    for trial, step in waiting.items():
        fresh = (line["step"] for line in _lines(trial) if line["pid"] not in before[trial])
        if (started := next(fresh, None)) != (step or 0):
            yield f"{_name(trial)} went on from step {started}, its checkpoint was at {step}"


def other_traces(folder: Path, unbroken: Path) -> Iterator[str]:
    for trial in trials_of(folder):
        expected, ours = _trace(unbroken / trial.relative_to(folder)), _trace(trial)
        # Progress is thinned by time, so the two do not tell of all the same steps.
        common = sorted(expected.keys() & ours.keys())
        if expected and ours and not common:
            yield f"{_name(trial)}: no step is told in both runs, nothing was compared"
        for step in common:
            for name in TRACED:
                if ours[step].get(name) != expected[step].get(name):
                    yield f"{_name(trial)}: {name} differs at step {step}"
                    return


def _other_results(folder: Path, unbroken: Path) -> Iterator[str]:
    """Compare scores: where no trial was lost, everything must be as if nothing had happened."""
    for trial in trials_of(folder):
        ours = _read(trial / "metrics.json")
        theirs = _read(unbroken / trial.relative_to(folder) / "metrics.json")
        for key in ("assignment", "best_mean_reward", "best_step", "panel"):
            if ours[key] != theirs[key]:
                yield f"{_name(trial)}: {key} is {ours[key]}, unbroken {theirs[key]}"
                return


# ── what lies in a folder ────────────────────────────────────────────────────


def sweep(command: Sequence[str], folder: Path) -> subprocess.Popen[bytes]:
    folder.mkdir(exist_ok=True)
    path = os.pathsep.join(filter(None, [str(PLUGIN), os.environ.get("PYTHONPATH")]))
    with (folder / "screen.txt").open("ab") as screen:
        return subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, "PYTHONPATH": path},
            stdin=subprocess.DEVNULL,
            # A group of its own, as a terminal gives it: signals to it reach nobody else.
            start_new_session=True,
            stdout=screen,
            stderr=screen,
        )


def _screen(folder: Path) -> str:
    return (folder / "screen.txt").read_text(errors="replace")


def trials_of(folder: Path) -> list[Path]:
    return sorted(path.parent for path in folder.glob("sweeps/*/*/stage*/*/order.json"))


def _name(trial: Path) -> str:
    return f"{trial.parent.name}/{trial.name}"


def _ended(folder: Path) -> dict[str, tuple[dict[str, Any], int]]:
    """Return the records that are there, and how many processes trained each trial."""
    found = {}
    for trial in trials_of(folder):
        if (trial / "metrics.json").exists():
            record = _read(trial / "metrics.json")
            found[str(trial.relative_to(folder))] = (record, len(_beginnings(trial)))
    return found


def _checkpoints(folder: Path) -> dict[Path, int | None]:
    """Return, for each trial that has not ended, the step of its newest periodic checkpoint."""
    found: dict[Path, int | None] = {}
    for trial in trials_of(folder):
        if not (trial / "metrics.json").exists():
            steps = [int(p.name) for p in (trial / "checkpoint").glob("*") if p.name.isdecimal()]
            found[trial] = max(steps, default=None)
    return found


def _workers(folder: Path) -> dict[str, int]:
    """Return the pids of the workers that hold a trial which has not ended."""
    found = {}
    for trial in trials_of(folder):
        lease = trial / "lease"
        if lease.exists() and not (trial / "metrics.json").exists():
            with _opened(lease) as handle:
                try:
                    fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except BlockingIOError:
                    if pid := lease.read_text().partition(" ")[0]:
                        found[_name(trial)] = int(pid)
    return found


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    handle = os.open(path, os.O_RDONLY)
    try:
        yield handle
    finally:
        os.close(handle)


def _lines(trial: Path) -> list[dict[str, Any]]:
    path = trial / "progress.jsonl"
    if not path.exists():
        return []
    lines = []
    for text in path.read_text().splitlines():
        with suppress(ValueError):  # a line that a killed process left torn
            lines.append(json.loads(text))
    return lines


def _trace(trial: Path) -> dict[int, dict[str, float]]:
    return {line["step"]: line["values"] for line in _lines(trial) if "values" in line}


def _beginnings(trial: Path) -> list[str]:
    text = (trial / "worker.log").read_text(errors="replace")
    return [line for line in text.splitlines() if line.startswith("# ") and " trial " in line]


def _read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text())
    return content


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=40)
    parser.add_argument("--trainer", choices=sorted(TRAINERS), default="count")
    parser.add_argument("--trials", type=int, default=3, help="per stage")
    parser.add_argument("--parallel", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1, help="of the moments")
    parser.add_argument("--dir", type=Path, help="where the folders go (default: the system's)")
    parser.add_argument(
        "--keep", action="store_true", help="keep all folders, not the bad ones only"
    )
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
