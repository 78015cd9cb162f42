"""The configurations of a stage that are worth training again, each as a study of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from mesosweep.domain.errors import PlanMismatch, StateDamaged, UsageError
from mesosweep.domain.space import SearchSpace
from mesosweep.domain.study import Study, TrialSettings
from mesosweep.domain.trial import Checkpoint, Trial
from mesosweep.records.layout import TrialFolder

if TYPE_CHECKING:
    from mesosweep.domain.state import StageState, SweepState
    from mesosweep.plugins import Registry
    from mesosweep.worker.request import TrialRequest

_SELECT_BY = "panel_mean_reward"
_BEYOND = 1_000_000
"""No search has so many attempts or trials: seeds of runs never meet those of a search."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A trial of the search, and the study that trains its parameters again."""

    trial: Trial
    study: Study


def stage_to_verify(state: SweepState, number: int | None) -> StageState:
    """Return the stage that is meant: that of this number, else the last with a winner.

    Raises:
        UsageError: there is no such stage, or it has no winner yet.
    """
    won = {stage.stage: stage for stage in state.stages if stage.winner is not None}
    if not won:
        raise UsageError("No stage of the sweep has a winner yet.", hint="See: mesosweep status")
    if number is not None and number not in won:
        raise UsageError(
            f"--stage {number}: there is no such stage with a winner.",
            hint=f"Stages with a winner: {', '.join(map(str, won))}.",
        )
    return won[max(won) if number is None else number]


def best_trials(stage: StageState, top: int) -> list[Trial]:
    """Return the `top` trials that came next to winning, and the winner if it is not of them."""
    assert stage.winner is not None
    chosen = _by_rank(stage)[:top]
    winner = stage.winner.trial
    if winner.identity not in {trial.identity for trial in chosen}:
        chosen.append(winner)
    return chosen


def on_record(stage: StageState, chosen: Sequence[Candidate]) -> list[Trial]:
    """Return the trials that are not chosen now, but of which as long runs were trained before."""
    home = Path(chosen[0].study.folder).parent
    known = {candidate.trial.identity for candidate in chosen}
    return [
        trial
        for trial in _by_rank(stage)
        if trial.identity not in known and _runs_on_record(home / _name(trial))
    ]


def _by_rank(stage: StageState) -> list[Trial]:
    assert stage.winner is not None
    kind = stage.winner.checkpoint.kind
    scored = [
        (trial.passed, value, trial)
        for trial in stage.trials
        if trial.status == "finished" and (value := trial.objective(_SELECT_BY)) is not None
        # It must be able to win in the end.
        if (trial.final_checkpoint if kind == "final" else trial.checkpoint) is not None
    ]
    scored.sort(key=lambda row: row[:2], reverse=True)
    return [trial for _, _, trial in scored]


def _runs_on_record(folder: Path) -> int:
    """Return how many runs have ended, up to the first that has not."""
    return next(n for n in count() if not TrialFolder(folder / str(n + 1)).metrics.exists())


def _name(trial: Trial) -> str:
    return f"a{trial.attempt}-{trial.trial_id}" if trial.attempt else trial.trial_id


def candidates(
    state: SweepState,
    stage: StageState,
    trials: Sequence[Trial],
    *,
    root: Path,
    runs: int,
    timesteps: int | None,
    registry: Registry,
) -> Iterator[Candidate]:
    """Yield each trial with its study: `runs` trainings as the search's own but for their seeds.

    Where more runs have ended already, all of those: fewer take nothing away.

    Raises:
        PlanMismatch: the species or the stage is not what it was when the sweep was begun.
        UsageError: the trial was not run on this machine, or its order is not there, or it
            cannot be trained for so many steps.
        StateDamaged: its order cannot be believed.
    """
    from mesosweep.records.layout import stage_folder
    from mesosweep.worker.request import parse_request

    assert stage.winner is not None
    for number, trial in enumerate(trials):
        folder = stage_folder(root, stage=stage.stage, attempt=trial.attempt) / trial.trial_id
        request = parse_request(_words(folder), registry=registry, environ={})
        if number == 0:  # all trials of a stage were given the same
            _check_unchanged(state, stage, request, root=root, registry=registry)
        steps = timesteps or request.timesteps or trial.steps_asked
        # `trial_arguments` always says both.
        assert steps is not None
        assert request.n_envs is not None
        if timesteps is not None:
            check_can_be(request, steps, registry=registry)
        name = _name(trial)
        place = verification_folder(root, stage=stage.stage, steps=steps) / name
        wanted = max(runs, _runs_on_record(place))
        yield Candidate(
            trial,
            Study(
                key=f"{state.fingerprint}-verify-{place.parent.name}-{name}",
                species=state.species,
                algorithm=state.algorithm,
                stage=stage.stage,
                stage_name=stage.name,
                attempt=_BEYOND * (trial.attempt + 1) + int(trial.trial_id),
                folder=str(place),
                space=SearchSpace({}),
                trials=wanted,
                parallel=wanted,
                settings=TrialSettings(
                    timesteps=steps,
                    n_envs=request.n_envs,
                    eval_freq=request.eval_freq,
                    eval_episodes=request.eval_episodes,
                    panel_episodes=request.panel_episodes,
                    save_freq=request.save_freq,
                    seed=request.seed,
                ),
                load=_parent(stage),
                fixed={n: v for n, v in request.injected.items() if n not in trial.assignment},
                default=trial.assignment,
                overrides=request.overrides,
                stage_dir=str(request.stage_dir) if request.stage_dir else None,
                handoff=stage.winner.checkpoint.kind,
                device=request.device,
                trust=request.trust,
            ),
        )


def _check_unchanged(
    state: SweepState,
    stage: StageState,
    request: TrialRequest,
    *,
    root: Path,
    registry: Registry,
) -> None:
    from mesosweep.settings.found_stage_changes import changes_since

    found = changes_since(
        state,
        stage.stage,
        registry=registry,
        overrides=request.overrides,
        stage_dir=str(request.stage_dir) if request.stage_dir else None,
    )
    if found:
        more = f" and {len(found) - 1} more" if len(found) > 1 else ""
        raise PlanMismatch(
            f"{root}: {state.species} has changed since the sweep (then → now): {found[0]}{more}.",
            hint="What is trained now could not be compared with what was searched. Install that "
            "version again, or sweep anew.",
        )


def check_can_be(request: TrialRequest, steps: int, *, registry: Registry) -> None:
    """Raise UsageError where the trial cannot be trained for so many steps."""
    from mesosweep.plugins import ALGORITHMS, SPECIES
    from mesosweep.settings.parameters import Vocabulary
    from mesosweep.settings.stages import load_curriculum
    from mesosweep.settings.trial import resolve_trial

    species = registry.get(SPECIES, request.species)
    algorithm = registry.get(ALGORITHMS, request.algorithm)
    curriculum = load_curriculum(species, request.stage_dir, registry=registry)
    try:
        resolve_trial(
            Vocabulary.of(species, algorithm, curriculum, registry),
            stage=request.stage,
            timesteps=steps,
            n_envs=request.n_envs,
            overrides=request.overrides,
            injected=request.injected,
        )
    except UsageError as cause:
        raise UsageError(
            f"--timesteps {steps}: the configurations of stage {request.stage} cannot be trained "
            f"for so many: {cause}",
            hint=cause.hint,
        ) from cause


def verification_folder(root: Path, *, stage: int, steps: int) -> Path:
    """Return where runs of so many steps lie; no name below it is that of a stage's folder."""
    return root / "verify" / f"stage{stage}-{steps}"


def _parent(stage: StageState) -> Checkpoint | None:
    return Checkpoint(stage.parent, "best", "") if stage.parent is not None else None


def _words(folder: Path) -> list[str]:
    """Return argv of a trial, `trial` its first word, as it was ordered."""
    path = folder / "order.json"
    try:
        command = json.loads(path.read_text(encoding="utf-8"))["command"]
        return [str(word) for word in command[1:]]
    except FileNotFoundError:
        raise UsageError(
            f"{folder}: how this trial was run is not on record here (order.json).",
            hint="Only trials that were run on a machine, not in the cloud, can be verified.",
        ) from None
    except (OSError, ValueError, KeyError, TypeError) as cause:
        raise StateDamaged(f"{path}: cannot be believed: {cause!r}.") from cause
