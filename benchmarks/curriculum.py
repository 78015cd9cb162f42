"""Whether a species learns its whole curriculum, from several training seeds, and how long it takes.

    python benchmarks/curriculum.py velociraptor [--seeds 1 2 3] [--parallel 2] [--out FOLDER]

For every seed: stage 1, from its best checkpoint stage 2, from that one's stage 3, with PPO and
the stage files as they are. Each stage's best checkpoint is verified as a sweep verifies its
winner: on the same 100 test episodes of its seed, which neither training nor the choice of the
checkpoint saw, beside zero action. Given again, the same command goes on where it was. Prints
one table; exits with 1 if a threshold is missed.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Event, Lock
from typing import Any

from mesosweep.domain.errors import MesosweepError
from mesosweep.domain.score import Score, lower_bound
from mesosweep.plugins import SPECIES, Registry
from mesosweep.records.files import write_json
from mesosweep.records.layout import TrialFolder
from mesosweep.records.metrics import read_metrics
from mesosweep.records.verified import Hearing, read_verified
from mesosweep.settings.stages import load_curriculum

TRIAL_ID = "0"
LOCOMOTION_GAIT = {"alternation": 0.9, "hopping": -0.05}
AIMS: Mapping[str, Mapping[int, Mapping[str, float]]] = {
    "velociraptor": {
        1: {"full length": 0.95, "zero action": -0.5},
        2: {"forward_velocity": 2.5, **LOCOMOTION_GAIT},
        3: {"success": 0.93},
    },
    "trex": {
        1: {"full length": 0.95, "zero action": -0.5},
        2: {"forward_velocity": 2.0, **LOCOMOTION_GAIT},
        3: {"success": 0.93},
    },
    "brachiosaurus": {
        1: {"full length": 0.95, "zero action": -0.5},
        2: {"forward_velocity": 1.0, **LOCOMOTION_GAIT},
        3: {"success": 0.90},
    },
}
"""Species → stage → measure → at least this much; below zero: at most this much of it."""
MINUTES: Mapping[str, float] = {"velociraptor": 45, "trex": 90, "brachiosaurus": 120}
"""What the whole curriculum of one seed should not take longer than."""
JUDGE = "import sys; from mesosweep.worker.judging import main; sys.exit(main(sys.argv[1:], bool))"


class Broken(Exception):
    """A stage has no result; the later ones of its seed cannot begin."""


@dataclass(frozen=True)
class Budget:
    """How each stage is trained and judged."""

    timesteps: int | None = None
    """None for what the stage file says."""
    eval_freq: int = 200_000
    eval_episodes: int = 40
    panel_episodes: int = 30
    test_episodes: int = 100


SHORT = Budget(timesteps=2_048, eval_freq=2_048, eval_episodes=2, panel_episodes=2, test_episodes=4)


@dataclass(frozen=True)
class Result:
    """One stage of one seed."""

    seed: int
    stage: int
    steps: int
    train_s: float
    judge_s: float
    score: Score
    zero: Score

    @property
    def measures(self) -> Mapping[str, float]:
        told = {**self.score.metrics, "full length": self.score.full_length_rate}
        told["zero action"] = self.zero.full_length_rate
        if self.score.success_rate is not None:
            told["success"] = self.score.success_rate
        return told


def main(argv: Sequence[str] | None = None) -> int:
    """Train, verify, print, and return the exit code."""
    options = _options(argv)
    budget = SHORT if options.short else Budget(options.timesteps, eval_freq=options.eval_freq,
                                                eval_episodes=options.eval_episodes)  # fmt: skip
    seeds = options.seeds[:1] if options.short else options.seeds
    home = options.out / options.species
    try:
        stages = chosen_stages(options.species, options.stages)
        settle(home, options.species, budget)
    except MesosweepError as error:
        print(f"{error}\n{error.hint or ''}", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    began, crew = time.monotonic(), Crew()
    print(
        f"# {options.species}, stages {', '.join(map(str, stages))}, seeds "
        f"{', '.join(map(str, seeds))}, {options.parallel} at a time, one thread each; evaluated "
        f"every {budget.eval_freq:,} steps on {budget.eval_episodes} episodes; load average "
        f"{os.getloadavg()[0]:.1f} of {os.cpu_count()} cores",
        flush=True,
    )
    with ThreadPoolExecutor(options.parallel) as pool:
        lines = [
            pool.submit(lineage, options.species, home / f"seed{seed}", seed=seed, stages=stages,
                        budget=budget, crew=crew)
            for seed in seeds
        ]  # fmt: skip
        try:
            found = [line.result() for line in lines]
        except KeyboardInterrupt:
            crew.stop()
            pool.shutdown(wait=True, cancel_futures=True)
            print(f"Stopped. Go on with:\n  {again(argv)}", file=sys.stderr)
            return 130
    results = [result for results, _ in found for result in results]
    faults = [fault for _, fault in found if fault]
    met = table(options.species, results)
    print(f"\nThis run took {(time.monotonic() - began) / 60:.1f} min of wall time.")
    for fault in faults:
        print(f"Broken: {fault}")
    print(f"Next: {next_command(options.species, results, home) or again(argv)}")
    return 0 if met and not faults else 1


def chosen_stages(species: str, asked: Sequence[int]) -> list[int]:
    """Return the stages to train, in their order; raises MesosweepError for one that is not there."""
    known = [stage.number for stage in load_curriculum(_species(species)).stages]
    if unknown := sorted(set(asked) - set(known)):
        raise MesosweepError(f"{species} has no stage {unknown[0]}.", hint=f"It has {known}.")
    return sorted(set(asked)) or known


def settle(home: Path, species: str, budget: Budget) -> None:
    """Keep what the folder's results are of; raises MesosweepError if that was something else."""
    note = home / "curriculum.json"
    asked = {"stages": load_curriculum(_species(species)).digest, "budget": asdict(budget)}
    if not note.exists():
        write_json(note, asked)
    elif json.loads(note.read_text()) != asked:
        raise MesosweepError(
            f"{home} holds results of other stage files or another budget.",
            hint="Name another folder with --out, or remove this one.",
        )


# ── one seed ─────────────────────────────────────────────────────────────────


class Crew:
    """The processes at work, so that all can be told to stop."""

    def __init__(self) -> None:
        self._running: set[subprocess.Popen[bytes]] = set()
        self._lock, self._stopping = Lock(), Event()

    def run(self, words: Sequence[str], log: Path) -> int:
        """Run a Python process to its end; returns its exit code, 130 if nothing may begin."""
        threads = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "MKL", "OPENBLAS")}
        env = {**os.environ, **threads, "CLOUD_ML_TRIAL_ID": TRIAL_ID}
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as screen:
            with self._lock:
                if self._stopping.is_set():
                    return 130
                process = subprocess.Popen(
                    [sys.executable, *words], env=env, stdin=subprocess.DEVNULL, stdout=screen,
                    stderr=screen, start_new_session=True,  # a Ctrl-C reaches it through us alone
                )  # fmt: skip
                self._running.add(process)
            try:
                return process.wait()
            finally:
                with self._lock:
                    self._running.discard(process)

    def stop(self) -> None:
        """Have all processes write a checkpoint and end, and none begin."""
        with self._lock:
            self._stopping.set()
            for process in self._running:
                process.terminate()


def lineage(
    species: str, folder: Path, *, seed: int, stages: Sequence[int], budget: Budget, crew: Crew
) -> tuple[list[Result], str | None]:
    """Train and verify the stages of one seed; returns results, and what broke it off."""
    results: list[Result] = []
    for stage in stages:
        parent = TrialFolder(folder / f"stage{stage - 1}" / TRIAL_ID).best if stage > 1 else None
        try:
            words = order(species, stage, folder, seed=seed, budget=budget, parent=parent)
            result = one(words, folder / f"stage{stage}", seed, stage, budget=budget, crew=crew)
        except (Broken, MesosweepError) as fault:
            return results, f"seed {seed}, stage {stage}: {fault}"
        told = ", ".join(f"{name} {each:.3g}" for name, each in _shown(result))
        print(f"# seed {seed}, stage {stage}: {told}, {result.train_s / 60:.1f} min", flush=True)
        results.append(result)
    return results, None


def order(
    species: str, stage: int, folder: Path, *, seed: int, budget: Budget, parent: Path | None
) -> list[str]:
    """Return the argv of one trial; raises Broken without the checkpoint it starts from."""
    if parent is not None and not parent.exists():
        raise Broken(f"stage {stage - 1} has left no checkpoint in {parent}; train it first")
    words = [
        *("trial", f"--species={species}", "--algorithm=ppo", f"--stage={stage}"),
        *(f"--seed={seed}", f"--output-dir={folder / f'stage{stage}'}"),
    ]
    for name, value in asdict(budget).items():
        if value is not None and name != "test_episodes":
            words.append(f"--{name.replace('_', '-')}={value}")
    return [*words, f"--load={parent}"] if parent else words


def one(
    words: Sequence[str], folder: Path, seed: int, stage: int, *, budget: Budget, crew: Crew
) -> Result:
    """Train one stage and hold its winner's hearing, unless that was done.

    Raises:
        Broken: there is no result, and why.
    """
    trial = TrialFolder(folder / TRIAL_ID)
    _done(crew, ["-m", "mesosweep", *words], folder / "screen.txt")
    hearing = Hearing(tuple(words), TRIAL_ID, str(trial.best), budget.test_episodes)
    note = folder / "judging.json"
    if read_verified(trial.path, hearing) is None:
        began = time.monotonic()
        _done(crew, ["-c", JUDGE, json.dumps(asdict(hearing))], folder / "screen.txt")
        write_json(note, {"seconds": time.monotonic() - began})
    verified, record = read_verified(trial.path, hearing), read_metrics(trial.metrics)
    assert verified is not None
    assert isinstance(record, dict)
    return Result(
        seed=seed,
        stage=stage,
        steps=record["steps_trained"],
        train_s=record["training_duration_seconds"],
        judge_s=json.loads(note.read_text())["seconds"] if note.exists() else 0.0,
        score=verified.winner,
        zero=verified.zero,
    )


def _done(crew: Crew, words: Sequence[str], log: Path) -> None:
    if code := crew.run(words, log):
        last = log.read_text(errors="replace").strip().splitlines()[-3:]
        raise Broken(f"exit code {code}: {' / '.join(last)} (more in {log})")


# ── what is told ─────────────────────────────────────────────────────────────


def missed(species: str, result: Result) -> list[str] | None:
    """Return the thresholds that a result misses, in words; None where there are none."""
    aims = AIMS.get(species, {}).get(result.stage)
    if aims is None:
        return None
    told = []
    for name, aim in aims.items():
        value = result.measures.get(name)
        if value is None:
            told.append(f"{name} was not measured")
        elif (value < aim) if aim > 0 else (value > -aim):
            told.append(f"{name} {value:.3g}, not {'≥' if aim > 0 else '≤'} {abs(aim):g}")
    return told


def table(species: str, results: Sequence[Result]) -> bool:
    """Print what was found; returns whether no threshold is missed."""
    print(
        "\nseed  stage      steps  training  full length  zero action  forward  alternation"
        "  hopping  success (95 % bound)  aim\n"
        "                            min                 full length      m/s"
    )
    met = True
    for result in results:
        score, short = result.score, missed(species, result)
        met = met and not short
        measured = (
            score.metrics.get(name) for name in ("forward_velocity", "alternation", "hopping")
        )
        forward, alternation, hopping = (
            "-" if value is None else f"{value:.2f}" for value in measured
        )
        success = "-"
        if score.success_rate is not None:
            bound = lower_bound(score.success_rate, score.episodes)
            success = f"{score.success_rate:.0%} ({bound:.2f})"
        aim = "-" if short is None else "; ".join(short) or "met"
        print(
            f"{result.seed:4d} {result.stage:6d} {result.steps:10,d} {result.train_s / 60:9.1f} "
            f"{score.full_length_rate:12.0%} {result.zero.full_length_rate:12.0%} {forward:>8s} "
            f"{alternation:>12s} {hopping:>8s} {success:>21s}  {aim}"
        )
    print("\nseed  stages  training min  with verification min  aim")
    for seed in dict.fromkeys(result.seed for result in results):
        mine = [result for result in results if result.seed == seed]
        train_s = sum(result.train_s for result in mine)
        all_min = (train_s + sum(result.judge_s for result in mine)) / 60
        most = MINUTES.get(species, math.inf)
        met = met and all_min < most
        told = "-" if most == math.inf else "met" if all_min < most else f"not < {most:g}"
        print(f"{seed:4d} {len(mine):7d} {train_s / 60:13.1f} {all_min:22.1f}  {told}")
    return met


def next_command(species: str, results: Sequence[Result], home: Path) -> str | None:
    """Return what shows the weakest seed's last stage; None where there is nothing to see."""
    if not results:
        return None
    last = max(result.stage for result in results)
    ends = [result for result in results if result.stage == last]
    weakest = min(ends, key=lambda each: (each.score.success_rate or 0.0, each.score.mean_reward))
    best = TrialFolder(home / f"seed{weakest.seed}" / f"stage{last}" / TRIAL_ID).best
    words = ["python", "benchmarks/pictures.py", str(best), f"{species}-{last}.png"]
    return shlex.join([*words, "--species", species, "--stage", str(last)])


def again(argv: Sequence[str] | None) -> str:
    words = sys.argv[1:] if argv is None else argv
    return shlex.join(["python", "benchmarks/curriculum.py", *words])


def _shown(result: Result) -> list[tuple[str, float]]:
    names = ("full length", "forward_velocity", "success")
    return [(name, result.measures[name]) for name in names if name in result.measures]


def _species(name: str) -> Any:
    return Registry().get(SPECIES, name)


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("species")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--stages", type=int, nargs="+", default=[], help="these (default: all)")
    parser.add_argument("--parallel", type=int, default=2, help="seeds at a time")
    parser.add_argument("--timesteps", type=int, help="of each stage (default: its file's)")
    parser.add_argument("--eval-freq", type=int, default=Budget.eval_freq)
    parser.add_argument("--eval-episodes", type=int, default=Budget.eval_episodes)
    parser.add_argument("--out", type=Path, default=Path("curriculum"))
    parser.add_argument("--short", action="store_true", help="one seed, 2,048 steps a stage")
    options = parser.parse_args(argv)
    options.out = options.out.resolve()
    return options


if __name__ == "__main__":
    sys.exit(main())
