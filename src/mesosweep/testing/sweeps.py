"""A finished sweep on disk, made up in a moment: the files that training leaves, and no training."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from mesosweep.domain.events import Verified
from mesosweep.domain.plan import fingerprint
from mesosweep.domain.state import StageState, SweepState
from mesosweep.domain.trial import Checkpoint, Evaluation, Trial
from mesosweep.domain.winner import choose_winner
from mesosweep.records.layout import TrialFolder, stage_folder, sweep_folder
from mesosweep.records.metrics import Circumstances, metrics_of
from mesosweep.records.scores import evaluation_to, score_to
from mesosweep.records.stage_config import StageConfig
from mesosweep.stores.file import FileStore
from mesosweep.testing._outcomes import GATES, made_up_trial, made_up_verified
from mesosweep.testing._outcomes import space_of as space_of

VERSIONS = {"mesosweep": "0.1.0", "python": "3.11.7", "torch": "2.13.0", "mujoco": "4.0.0"}
NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
STAGES = ("balance", "locomotion", "strike")


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
        verified = made_up_verified(number, winner.trial)
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


def _comparables(made: MadeUp) -> dict[str, object]:
    stages = {
        str(number): {
            "name": name,
            "gate": asdict(GATES[number - 1]),
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
        trial, evaluations = made_up_trial(
            folder,
            stage=stage,
            algorithm=made.algorithm,
            most_evaluations=made.evaluations,
            assignment=assignment,
            origin=origin,
            chance=chance,
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


def _add_verified(root: Path, stage: int, winner: Trial, verified: Verified) -> None:
    path = TrialFolder(stage_folder(root, stage=stage) / winner.trial_id).metrics
    told = json.loads(path.read_text())
    told["test_mean_reward"] = verified.winner.mean_reward
    told["test"] = score_to(verified.winner)
    _write(path, told)


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
