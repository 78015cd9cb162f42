"""A finished sweep on disk, made up in a moment: the files that training leaves, and no training."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from mesosweep.domain.events import Verified
from mesosweep.domain.plan import fingerprint
from mesosweep.domain.score import Gate, Score
from mesosweep.domain.seeds import training_seed
from mesosweep.domain.space import Assignment, Categorical, Discrete, Double, Parameter, SearchSpace
from mesosweep.domain.state import StageState, SweepState
from mesosweep.domain.trial import LOST, Checkpoint, Evaluation, Trial, TrialStatus
from mesosweep.domain.winner import choose_winner
from mesosweep.records.layout import TrialFolder, stage_folder, sweep_folder
from mesosweep.records.metrics import Circumstances, metrics_of
from mesosweep.records.scores import evaluation_to, score_to
from mesosweep.records.stage_config import StageConfig
from mesosweep.stores.file import FileStore

VERSIONS = {"mesosweep": "0.1.0", "python": "3.11.7", "torch": "2.13.0", "mujoco": "4.0.0"}
NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
STAGES = ("balance", "locomotion", "strike")
_PPO: dict[str, Parameter] = {
    "ppo_learning_rate": Double(1e-5, 3e-4, "log"),
    "ppo_gamma": Double(0.97, 0.999),
    "ppo_batch_size": Discrete((64, 128, 256, 512)),
    "ppo_n_steps": Discrete((1024, 2048, 4096)),
    "ppo_ent_coef": Double(1e-4, 0.05, "log"),
}
_SAC: dict[str, Parameter] = {
    "sac_learning_rate": Double(1e-5, 3e-4, "log"),
    "sac_gamma": Double(0.97, 0.999),
    "sac_batch_size": Discrete((128, 256, 512)),
}
_REWARD = (900.0, 1500.0, 420.0)
"""What a good trial of each stage scores."""
_GATES = (
    Gate(min_avg_reward=500.0, min_avg_episode_length=400.0),
    Gate(min_avg_reward=800.0, min_avg_forward_vel=1.0),
    Gate(min_success_rate=0.5),
)
_ENDS: tuple[tuple[TrialStatus, float, str | None], ...] = (
    ("failed", 0.03, "Traceback (most recent call last):\nRuntimeError: out of memory"),
    ("diverged", 0.03, "no evaluation had a finite mean reward"),
    ("timed_out", 0.01, "it took longer than 3600 s"),
    ("stopped", 0.05, "below the median of other trials at step 200000"),
)


@dataclass(frozen=True, slots=True)
class MadeUp:
    """How large a made-up sweep is."""

    trials: int = 12
    """Per stage."""
    species: str = "velociraptor"
    algorithm: str = "ppo"
    evaluations: int = 20
    signs_of_life: int = 3
    """Further lines of `progress.jsonl` for each evaluation; a real trial has some ten."""
    seed: int = 0


def make_up_sweep(output: Path, made: MadeUp = MadeUp()) -> Path:
    """Write a whole sweep of three stages below `output` and return its folder.

    Some trials failed, diverged, ran out of time or were stopped; each stage has its winner.
    Equal arguments give equal files, times of writing aside.
    """
    root = sweep_folder(output, species=made.species, algorithm=made.algorithm)
    stages: list[StageState] = []
    chance = random.Random(made.seed)
    for number, name in enumerate(STAGES, start=1):
        parent = stages[-1].winner.checkpoint if stages and stages[-1].winner else None
        trials = tuple(_trials(root, made, number, name=name, parent=parent, chance=chance))
        winner = choose_winner(trials, select_by="panel_mean_reward", handoff="best")
        verified = _verified(number, winner.trial)
        _add_verified(root, number, winner.trial, verified)
        begun = NOON + timedelta(hours=number)
        stages.append(
            StageState(
                stage=number,
                name=name,
                status="finished",
                parent=parent.uri if parent else None,
                study_key=f"{made.species}-{made.algorithm}-000000-s{number}-a0",
                trials_wanted=made.trials,
                trials=trials,
                winner=winner,
                verified=verified,
                gate_forced=not winner.gate_passed,
                started_at=begun,
                ended_at=begun + timedelta(minutes=50),
            )
        )
    told = _comparables(made)
    state = SweepState(
        species=made.species,
        algorithm=made.algorithm,
        fingerprint=fingerprint(told),
        comparables=told,
        attempt=0,
        stages=tuple(stages),
        started_at=NOON,
        finished_at=NOON + timedelta(hours=4),
        writer=VERSIONS,
    )
    FileStore(root).save(f"sweep_state_{made.species}_{made.algorithm}", state, replacing=None)
    return root


def space_of(stage: int, algorithm: str = "ppo") -> SearchSpace:
    """Return what a made-up sweep searches on a stage; a network on the first alone."""
    space = dict(_PPO if algorithm == "ppo" else _SAC)
    if stage == 1:
        space[f"{algorithm}_net_arch"] = Categorical(
            ("small", "medium", "large", "deep", "tapered")
        )
    space[("env_alive_bonus", "env_forward_vel_weight", "env_strike_bonus")[stage - 1]] = Double(
        1.0, 5.0
    )
    return SearchSpace(space)


def _comparables(made: MadeUp) -> dict[str, object]:
    stages = {
        str(number): {
            "name": name,
            "gate": asdict(_GATES[number - 1]),
            "space": space_of(number, made.algorithm).entries(),
            "settings": {
                "timesteps": 500_000,
                "n_envs": 4,
                "eval_freq": 25_000,
                "eval_episodes": 10,
                "panel_episodes": 30,
                "test_episodes": 100,
                "seed": 42,
            },
        }
        for number, name in enumerate(STAGES, start=1)
    }
    return {
        "species": made.species,
        "species_version": "0.1.0",
        "species_code": "000000000000",
        "algorithm": made.algorithm,
        "stages": stages,
    }


def _trials(
    root: Path,
    made: MadeUp,
    stage: int,
    *,
    name: str,
    parent: Checkpoint | None,
    chance: random.Random,
) -> Iterator[Trial]:
    space = space_of(stage, made.algorithm)
    for number in range(made.trials):
        assignment = {key: parameter.at(chance.random()) for key, parameter in space.items()}
        origin = "default" if number == 0 else "startup" if number < 4 else "model"
        folder = TrialFolder(stage_folder(root, stage=stage) / str(number))
        folder.path.mkdir(parents=True)
        trial, evaluations = _trial(
            folder, made, stage, assignment=assignment, origin=origin, chance=chance
        )
        _write(folder.stage_config, asdict(_config(made, stage, name, trial)))
        _write(folder.path / "order.json", _order(made, stage, trial))
        _write_progress(folder.progress, made, evaluations, chance)
        told = {"uri": parent.uri, "step": 500_000, "identity": "0" * 16} if parent else None
        around = Circumstances(
            species=made.species,
            algorithm=made.algorithm,
            stage=stage,
            best=max(evaluations, key=lambda e: e.score.mean_reward, default=None),
            last=evaluations[-1] if evaluations else None,
            parent=told,
            versions=VERSIONS,
        )
        _write(folder.metrics, metrics_of(trial, around, folder=folder.path))
        yield trial


def _trial(
    folder: TrialFolder,
    made: MadeUp,
    stage: int,
    *,
    assignment: Assignment,
    origin: str,
    chance: random.Random,
) -> tuple[Trial, tuple[Evaluation, ...]]:
    status, reason = _ending(chance, origin)
    skill = _skill(assignment, made.algorithm) + chance.gauss(0.0, 0.07)
    share = 1.0 if status == "finished" else chance.uniform(0.2, 0.8)
    count = 0 if status == "failed" else max(1, round(made.evaluations * share))
    evaluations = tuple(
        Evaluation(
            round(500_000 * number / made.evaluations),
            _score(stage, skill * (1 - math.exp(-5 * number / made.evaluations)), 10, chance),
        )
        for number in range(1, count + 1)
    )
    is_finished = status == "finished"
    panel = _score(stage, skill, 30, chance) if is_finished else None
    # What training saw best is better than it is: that is what fresh episodes are for.
    best = max((e.score.mean_reward for e in evaluations), default=None)
    trial = Trial(
        trial_id=folder.path.name,
        attempt=0,
        status=status,
        assignment=assignment,
        parameters=_resolved(assignment, made.algorithm),
        origin=origin,
        best_mean_reward=best,
        panel=panel,
        verdict=_GATES[stage - 1].admits(panel) if panel else None,
        steps_asked=500_000,
        steps_trained=evaluations[-1].step if evaluations else 0,
        duration_s=round(300.0 * share, 3),
        reason=reason,
        seed=training_seed(sweep_seed=42, stage=stage, attempt=0, trial=int(folder.path.name)),
    )
    if status in LOST:
        return trial, evaluations
    return (
        replace(
            trial,
            checkpoint=Checkpoint(str(folder.best), "best", trial.trial_id),
            final_checkpoint=Checkpoint(str(folder.final(stage)), "final", trial.trial_id),
        ),
        evaluations,
    )


def _ending(chance: random.Random, origin: str) -> tuple[TrialStatus, str | None]:
    drawn = chance.random()
    for status, share, reason in _ENDS:
        if drawn < share and origin != "default":
            return status, reason
        drawn -= share
    return "finished", None


def _skill(assignment: Assignment, algorithm: str) -> float:
    """Return how good a choice is, about 0 to 1: a peak in the learning rate and in gamma."""
    rate, gamma = assignment[f"{algorithm}_learning_rate"], assignment[f"{algorithm}_gamma"]
    off = (math.log10(float(rate)) + 4.0) ** 2 + 900 * (float(gamma) - 0.985) ** 2
    size = {"small": 0.0, "medium": 0.1}.get(str(assignment.get(f"{algorithm}_net_arch")), 0.15)
    return 0.95 * math.exp(-1.2 * off) + size - 0.1


def _score(stage: int, skill: float, episodes: int, chance: random.Random) -> Score:
    reward = _REWARD[stage - 1] * skill
    spread = 0.15 * _REWARD[stage - 1]
    mean = reward + chance.gauss(0.0, spread / math.sqrt(episodes))
    bounded = min(max(skill, 0.0), 1.0)
    return Score(
        episodes=episodes,
        mean_reward=mean,
        std_reward=spread,
        mean_length=500 * bounded,
        full_length_rate=bounded,
        success_rate=round(bounded * episodes) / episodes if stage == 3 else None,
        metrics={"forward_velocity": 2.0 * bounded * (stage > 1), "tilt": 0.3 * (1 - bounded)},
    )


def _verified(stage: int, winner: Trial) -> Verified:
    assert winner.panel is not None
    share = winner.panel.mean_reward / _REWARD[stage - 1]
    chance = random.Random(stage)
    winner_s, zero, nothing, start, default = (
        _score(stage, skill, 100, chance) for skill in (share - 0.03, 0.2, 0.0, 0.3, share - 0.1)
    )
    return Verified(winner=winner_s, zero=zero, random=nothing, untrained=start, default=default)


def _add_verified(root: Path, stage: int, winner: Trial, verified: Verified) -> None:
    path = TrialFolder(stage_folder(root, stage=stage) / winner.trial_id).metrics
    told = json.loads(path.read_text())
    told["test_mean_reward"] = verified.winner.mean_reward
    told["test"] = score_to(verified.winner)
    _write(path, told)


def _resolved(assignment: Assignment, algorithm: str) -> dict[str, float | int | str | bool]:
    own = {f"{algorithm}.max_grad_norm": 0.5, f"{algorithm}.vf_coef": 0.5, "env.horizon_s": 10.0}
    return {**own, **{name.replace("_", ".", 1): value for name, value in assignment.items()}}


def _config(made: MadeUp, stage: int, name: str, trial: Trial) -> StageConfig:
    told = {key.partition(".")[::2]: value for key, value in trial.parameters.items()}
    return StageConfig(
        species=made.species,
        stage=stage,
        name=name,
        algorithm=made.algorithm,
        reward_weights={key: value for (section, key), value in told.items() if section == "env"},
        reference={"horizon_s": 10.0, "alive_bonus": 1.0},
        hyperparameters={k: v for (section, k), v in told.items() if section == made.algorithm},
        curriculum={},
        run={
            "trial_id": trial.trial_id,
            "attempt": trial.attempt,
            "seed": trial.seed,
            "sweep_seed": 42,
            "timesteps": 500_000,
            "n_envs": 4,
            "eval_freq": 25_000,
            "eval_episodes": 10,
            "panel_episodes": 30,
        },
        library_version=VERSIONS["mesosweep"],
        versions=VERSIONS,
    )


def _order(made: MadeUp, stage: int, trial: Trial) -> dict[str, object]:
    words = [f"--{name}={value}" for name, value in trial.assignment.items()]
    command = ["mesosweep", "trial", f"--species={made.species}", f"--stage={stage}", *words]
    return {
        "trial_id": trial.trial_id,
        "origin": trial.origin,
        "assignment": dict(trial.assignment),
        "command": command,
    }


def _write_progress(
    path: Path, made: MadeUp, evaluations: tuple[Evaluation, ...], chance: random.Random
) -> None:
    lines = []
    for evaluation in evaluations:
        told = {"pid": 4711, "steps_per_s": 1700.0, "last_evaluation": evaluation_to(evaluation)}
        for sign in range(1 + made.signs_of_life):
            values = {"loss": chance.random(), "approx_kl": 0.01, "explained_variance": 0.9}
            lines.append(
                json.dumps(
                    {"step": evaluation.step + sign, **told, "values": values},
                    separators=(",", ":"),
                )
            )
    path.write_text("".join(f"{line}\n" for line in lines))


def _write(path: Path, value: object) -> None:
    # Not by `records.files`: a thousand made-up trials need not survive a power cut.
    path.write_text(json.dumps(value, indent=2) + "\n")
