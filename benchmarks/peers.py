"""How long whole sweeps take: ours, and Ray Tune's, rl_zoo3's and Optuna's over Stable-Baselines3.

    python benchmarks/peers.py --venvs FOLDER [--repeats 3] [--short]

Every contender searches the balance of the velociraptor (`mesosweep/Velociraptor-v0`): 8 trials
of 20,000 steps, two at a time, the same PPO, space and network, one torch thread a process,
5 episodes to judge a trial by. Each peer has an environment of its own in FOLDER, made and
filled when missing. Ours also runs its panels and verifies its winner; a second entry of ours
does as little of that as it can. They take turns; measured is wall time from the first process's start to the
last one's end. `docs/results/peers.md` tells what differs. Prints one table.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, TypeAlias

ROOT = Path(__file__).resolve().parents[1]
RIVALS = ROOT / "benchmarks" / "rivals"
STAGES = ROOT / "plugins/mesosweep-velociraptor/src/mesosweep_velociraptor/stages"
ENV = "mesosweep/Velociraptor-v0"
TORCH = "torch==2.13.0"
SPACE: Mapping[str, tuple[float, float, bool]] = {
    "learning_rate": (1e-4, 1e-3, True),
    "gamma": (0.97, 0.999, False),
    "ent_coef": (1e-4, 5e-2, True),
}
"""Name → low, high, whether on a logarithmic scale."""
PPO = {
    "batch_size": 64, "n_epochs": 10, "gae_lambda": 0.95, "clip_range": 0.2,
    "vf_coef": 0.5, "max_grad_norm": 0.5,
}  # fmt: skip
"""SB3's defaults, written out."""
NET, THEIR_ENVS = [64, 64], 4
IMPORTS = {"ray": "ray.tune", "zoo": "rl_zoo3.train", "optuna": "optuna"}
Command: TypeAlias = Sequence[str]


class Failed(Exception):
    """A sweep that did not do what it was to do: its time would mean nothing."""


@dataclass(frozen=True)
class Task:
    """One sweep, the same for all."""

    trials: int = 8
    steps: int = 20_000
    parallel: int = 2
    rollout: int = 2_048
    """Samples of one PPO update, over all envs; SB3 trains whole ones."""
    seed: int = 0
    eval_episodes: int = 5

    @property
    def their_steps(self) -> int:
        return math.ceil(self.steps / self.rollout) * self.rollout

    def told(self, **more: Any) -> str:
        """Return what a script in `rivals` reads."""
        return json.dumps(
            {
                **{name: getattr(self, name) for name in self.__dataclass_fields__},
                "env": ENV,
                "n_envs": THEIR_ENVS,
                "net_arch": NET,
                "space": SPACE,
                "ppo": {**PPO, "n_steps": self.rollout // THEIR_ENVS},
                **more,
            }
        )


@dataclass(frozen=True)
class Contender:
    name: str
    start: Callable[[Task, Path], Sequence[Command]]
    """Task, empty folder → the processes that make the sweep together."""
    values: Callable[[Path], list[float]]
    """The scores of the finished trials in a folder; raises Failed."""
    exact: bool = False
    """Whether it trains the steps that it is asked for and no more."""


@dataclass
class Told:
    """What the runs of a contender showed."""

    wall_s: list[float] = field(default_factory=list)
    best: list[float] = field(default_factory=list)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print, and return the exit code."""
    options = _options(argv)
    task, repeats = Task(seed=options.seed), options.repeats
    if options.short:
        task, repeats = Task(trials=2, steps=256, rollout=256, seed=options.seed), 1
        contenders = [ours(judged=False), optuna_sb3(sys.executable)]
    else:
        pythons = {name: environment(options.venvs / name) for name in IMPORTS}
        contenders = [
            ours(judged=True), ours(judged=False), ray_tune(pythons["ray"]),
            rl_zoo3(pythons["zoo"]), optuna_sb3(pythons["optuna"]),
        ]  # fmt: skip
    place = Path(tempfile.mkdtemp(prefix="mesosweep-peers-", dir=options.dir))
    try:
        told = measure(contenders, task, repeats=repeats, place=place)
    except Failed as fault:
        print(f"{fault}\nIts folder is kept in {place}", file=sys.stderr)
        return 1
    shutil.rmtree(place)
    table(contenders, told, task)
    return 0


def measure(
    contenders: Sequence[Contender], task: Task, *, repeats: int, place: Path
) -> dict[str, Told]:
    """Let them take turns, each repeat beginning with another; returns what each took.

    Raises:
        Failed: a sweep broke, or lacks a trial.
    """
    told = {each.name: Told() for each in contenders}
    print(f"load average {os.getloadavg()[0]:.1f} of {os.cpu_count()} cores")
    print("repeat  contender                          wall s   trials  best return")
    for repeat in range(repeats):
        again = Task(**{**vars(task), "seed": task.seed + 100 * repeat})
        turn = repeat % len(contenders)
        for each in (*contenders[turn:], *contenders[:turn]):
            folder = place / f"{repeat}" / re.sub(r"\W+", "-", each.name)
            folder.mkdir(parents=True)
            wall_s = ran(each.start(again, folder), folder)
            values = each.values(folder)
            if len(values) != task.trials or not all(map(math.isfinite, values)):
                raise Failed(f"{each.name}: {task.trials} finite returns expected, got {values}.")
            told[each.name].wall_s.append(wall_s)
            told[each.name].best.append(max(values))
            print(
                f"{repeat + 1:6d}  {each.name:32s} {wall_s:8.1f} {len(values):8d} "
                f"{max(values):12.1f}",
                flush=True,
            )
    return told


def table(contenders: Sequence[Contender], told: Mapping[str, Told], task: Task) -> None:
    first = told[contenders[0].name].wall_s
    print(
        f"\n{task.trials} trials x {task.steps:,} steps, {task.parallel} at a time; "
        f"medians of {len(first)}; load average {os.getloadavg()[0]:.1f}\n"
        f"contender                          wall s   steps trained  steps/s  "
        f"time, of {contenders[0].name}"
    )
    for each in contenders:
        wall_s = told[each.name].wall_s
        steps = task.trials * (task.steps if each.exact else task.their_steps)
        ratio = median(a / b for a, b in zip(wall_s, first, strict=True))
        print(
            f"{each.name:32s} {median(wall_s):8.1f} {steps:15,d} {steps / median(wall_s):8.0f} "
            f"{ratio:9.2f}"
        )


def ran(commands: Sequence[Command], folder: Path) -> float:
    """Run these processes side by side to their end; returns wall seconds, raises Failed."""
    threads = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "MKL", "OPENBLAS")}
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    env = {**os.environ, **threads, "PYTHONPATH": path, "RAY_USAGE_STATS_ENABLED": "0"}
    env["RIVALS_TASK"] = json.dumps({"space": SPACE})
    log = folder / "screen.txt"
    running: list[subprocess.Popen[bytes]] = []
    with log.open("wb") as screen:
        began = time.perf_counter()
        try:
            running.extend(
                subprocess.Popen(command, cwd=folder, env=env, stdout=screen, stderr=screen)
                for command in commands
            )
            codes = [process.wait() for process in running]
        finally:
            for process in running:
                process.kill()  # nothing where it has ended
        wall_s = time.perf_counter() - began
    # 3 is ours: all trials are there, and none passed the stage's gate.
    if any(code not in (0, 3) for code in codes):
        tail = log.read_text(errors="replace")[-2_000:]
        raise Failed(f"{' '.join(commands[0][:4])} … ended with {codes}:\n{tail}")
    return wall_s


# ── the contenders ───────────────────────────────────────────────────────────


def ours(*, judged: bool) -> Contender:
    """Return `mesosweep launch`: with its panels and its winner verified, or with next to none."""

    def start(task: Task, folder: Path) -> list[Command]:
        n_envs = ordinary_stage(folder / "stages", task)
        command = [
            *(sys.executable, "-m", "mesosweep", "launch"),
            *("--species=velociraptor", "--algorithm=ppo", "--stage=1"),
            *(f"--stage-dir={folder / 'stages'}", f"--output-dir={folder}"),
            *(f"--trials={task.trials}", f"--timesteps={task.steps}", f"--n-envs={n_envs}"),
            *(f"--parallel={task.parallel}", f"--seed={task.seed}"),
            *(f"--eval-freq={task.steps}", f"--eval-episodes={task.eval_episodes}"),
            *("--no-default-trial", "--search-space", our_space()),
        ]
        few = () if judged else ("--no-check", "--panel-episodes=1", "--test-episodes=1")
        return [[*command, *few]]

    name = "mesosweep" if judged else "mesosweep, judging as peers do"
    return Contender(name, start, _our_values, exact=True)


def ordinary_stage(folder: Path, task: Task) -> int:
    """Write stage 1 with the peers' PPO in place of its own; returns its number of envs."""
    (source,) = STAGES.glob("stage1_*.toml")
    text = source.read_text()
    n_envs = int(tomllib.loads(text)["n_envs"])
    if task.rollout < n_envs:
        n_envs = THEIR_ENVS
    chosen = {**PPO, "n_steps": task.rollout // n_envs, "net_arch": NET, "learning_rate": 3e-4}
    lines = "".join(f"{name} = {value!r}\n" for name, value in chosen.items())
    text, replaced = re.subn(r"(?ms)^\[ppo\]\n.*?(?=^\[)", f"[ppo]\n{lines}\n", text)
    assert replaced == 1, f"{source}: one [ppo] table expected"
    folder.mkdir()
    (folder / source.name).write_text(text)
    return n_envs


def our_space() -> str:
    return json.dumps(
        {
            f"ppo_{name}": {"type": "double", "min": low, "max": high}
            | ({"scale": "log"} if log else {})
            for name, (low, high, log) in SPACE.items()
        }
    )


def ray_tune(python: str) -> Contender:
    """Return Ray Tune over SB3, with Tune's default search (random)."""

    def start(task: Task, folder: Path) -> list[Command]:
        return [[python, str(RIVALS / "with_ray.py"), task.told(), str(folder)]]

    def values(folder: Path) -> list[float]:
        found: list[float] = json.loads((folder / "values.json").read_text())
        return found

    return Contender("Ray Tune + SB3", start, values)


def rl_zoo3(python: str) -> Contender:
    """Return rl_zoo3's own optimisation, as many processes over one storage as run at a time."""

    def start(task: Task, folder: Path) -> list[Command]:
        table: dict[str, Any] = {
            **PPO,
            "n_steps": task.rollout // THEIR_ENVS,
            "policy": "MlpPolicy",
            "policy_kwargs": f"dict(net_arch={NET})",
            "n_envs": THEIR_ENVS,
            "n_timesteps": task.steps,
            "normalize": True,
        }
        (folder / "ppo.yml").write_text(json.dumps({ENV: table}))  # JSON is YAML
        command = [
            *(python, "-m", "rl_zoo3.train", "--algo", "ppo", "--env", ENV, "-optimize"),
            *("--gym-packages", "benchmarks.rivals.zoo_space", "--conf-file", "ppo.yml"),
            *("--n-timesteps", str(task.steps), "--n-trials", str(task.trials // task.parallel)),
            *("--n-evaluations", "1", "--eval-episodes", str(task.eval_episodes)),
            *("--storage", str(folder / "study.log"), "--study-name", "sweep"),
            *("--pruner", "none", "--no-optim-plots", "--num-threads", "1", "--device", "cpu"),
            *("--log-folder", str(folder / "logs"), "--uuid", "--verbose", "0"),
        ]
        return [[*command, "--seed", str(task.seed + n)] for n in range(task.parallel)]

    return Contender("rl_zoo3", start, _study_values)


def optuna_sb3(python: str) -> Contender:
    """Return Optuna over SB3, as many processes over one storage as run at a time."""

    def start(task: Task, folder: Path) -> list[Command]:
        told = task.told(storage=str(folder / "study.log"))
        script = str(RIVALS / "with_optuna.py")
        return [[python, script, told, str(runner)] for runner in range(task.parallel)]

    return Contender("Optuna + SB3", start, _study_values)


def _study_values(folder: Path) -> list[float]:
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    storage = JournalStorage(JournalFileBackend(str(folder / "study.log")))
    trials = optuna.load_study(study_name="sweep", storage=storage).trials
    if unfinished := [trial.number for trial in trials if trial.state.name != "COMPLETE"]:
        raise Failed(f"{folder}: trials {unfinished} did not finish.")
    return [float(trial.value) for trial in trials]


def _our_values(folder: Path) -> list[float]:
    records = [json.loads(path.read_text()) for path in folder.glob("sweeps/**/metrics.json")]
    for record in records:
        if record["status"] != "finished" or record["steps_trained"] != record["steps_asked"]:
            raise Failed(f"{folder}: trial {record['trial_id']}: {record['reason']}")
    return [float(record["best_mean_reward"]) for record in records]


# ── their environments ───────────────────────────────────────────────────────


def environment(folder: Path) -> str:
    """Return the Python of a peer's environment, made and filled when it is not yet whole.

    Raises:
        SystemExit: something cannot be installed, or torch is one for a GPU.
    """
    python, ready = str(folder / "bin" / "python"), folder / "ready"
    if not ready.exists():
        print(f"Installing {folder} …", flush=True)
        pins = ["-c", str(ROOT / "constraints.txt")]
        pip = [python, "-m", "pip", "install", "--quiet"]
        for command in (
            [sys.executable, "-m", "venv", str(folder)],
            [*pip, TORCH],  # first, so that nothing else chooses its build
            [*pip, *pins, "-r", str(RIVALS / f"{folder.name}.txt")],
            [
                *(*pip, *pins, "-e", f"{ROOT}[train]"),
                *("-e", str(ROOT / "plugins" / "mesosweep-velociraptor")),
            ],
            [python, "-c", f"import mesosweep_velociraptor, {IMPORTS[folder.name]}"],
        ):
            if subprocess.run(command, check=False).returncode:
                raise SystemExit(f"{folder}: failed: {' '.join(command)}")
    asked = "import torch; print(torch.__version__, torch.version.cuda)"
    told = subprocess.run([python, "-c", asked], check=True, capture_output=True, text=True).stdout
    version, cuda = told.split()
    if cuda != "None" or version.partition("+")[0] != TORCH.partition("==")[2]:
        raise SystemExit(
            f"{folder}: torch is {version}, wanted is {TORCH} for CPUs. Remove the folder, and have "
            "pip look at https://download.pytorch.org/whl/cpu (PIP_EXTRA_INDEX_URL)."
        )
    ready.touch()
    return python


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--venvs", type=Path, help="where the peers' environments are or go")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--dir", type=Path, help="where sweeps are written (default: the system's)")
    parser.add_argument(
        "--short", action="store_true", help="2 trials x 256 steps, ours and Optuna + SB3 alone"
    )
    options = parser.parse_args(argv)
    if options.venvs is None and not options.short:
        parser.error("--venvs FOLDER is needed, except with --short")
    if options.venvs is not None:
        options.venvs = options.venvs.resolve()
    return options


if __name__ == "__main__":
    sys.exit(main())
