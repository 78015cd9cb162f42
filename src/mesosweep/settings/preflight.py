"""What can be known of a stage before anything is built: does it fit, what does judging cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mesosweep.domain.curriculum import Settings, Stage
from mesosweep.domain.errors import SettingsError
from mesosweep.domain.plan import StagePlan
from mesosweep.domain.space import Assignment, Categorical, SearchSpace, Value
from mesosweep.domain.study import TrialSettings
from mesosweep.settings.parameters import laid_over
from mesosweep.settings.trial import check_batch, check_ramp, fitted, lengths_of, room_for


@dataclass(frozen=True, slots=True)
class Judging:
    """Env steps that one trial spends on being judged, at most."""

    evaluations: int
    """During training, the last one included."""
    evaluation_steps: int
    panel_steps: int
    training_steps: int

    @property
    def share(self) -> float:
        """Judging over training: 1.0 means as many steps again."""
        return (self.evaluation_steps + self.panel_steps) / self.training_steps


def judging(settings: TrialSettings, *, horizon: int) -> Judging:
    """Return what judging a trial costs when every episode lasts `horizon` control steps."""
    # A last evaluation always happens, so a rest of the budget earns one of its own.
    evaluations = max(1, -(-settings.timesteps // settings.eval_freq))
    return Judging(
        evaluations=evaluations,
        evaluation_steps=evaluations * settings.eval_episodes * horizon,
        panel_steps=settings.panel_episodes * horizon,
        training_steps=settings.timesteps,
    )


def corner_trials(stage: StagePlan) -> tuple[Assignment, ...]:
    """Return the assignments to build before a stage runs: every extreme, and the default."""
    default = () if stage.default is None else (stage.default,)
    return (*default, *stage.space.corners(), *stage.enqueued)


def check_rollouts(
    space: SearchSpace,
    own: Mapping[str, Value],
    *,
    algorithm: str,
    settings: TrialSettings,
    where: str,
) -> None:
    """Raise SettingsError when some point of the space asks for too large a mini-batch.

    `own` holds the hyperparameters where nothing is swept.
    """
    worst = dict(own)
    for key, extreme in (("batch_size", max), ("n_steps", min)):
        numbers = _numbers(space, f"{algorithm}_{key}")
        if numbers:
            worst[key] = int(extreme(numbers))
    check_batch(worst, n_envs=settings.n_envs, timesteps=settings.timesteps, where=where)


def check_curriculum(
    space: SearchSpace, stage: Stage, *, timesteps: int, where: str
) -> tuple[str, ...]:
    """Check the longest warm-up and ramp that a warm-started trial may ask for.

    Returns a note when they will be shortened.

    Raises:
        SettingsError: shares beyond the budget, or a ramp of a weight that is not there.
    """
    for name in space:
        numbers = _numbers(space, name)
        if name.startswith("curriculum_") and numbers:
            key = name.removeprefix("curriculum_")
            if key.endswith("_fraction") and not 0 <= min(numbers) <= max(numbers) <= 1:
                raise SettingsError(f"{where} → {name}: is a share of the budget, from 0 to 1.")
            if key.endswith("_timesteps") and min(numbers) < 0:
                raise SettingsError(f"{where} → {name}: must not be below 0.")
    curriculum = _longest(space, stage)
    swept_env = {name.removeprefix("env_"): 1.0 for name in space if name.startswith("env_")}
    training = {**stage.env, **stage.env_train, **swept_env}
    check_ramp(curriculum, training, timesteps=timesteps, where=where)
    asked, room = sum(lengths_of(curriculum, timesteps).values()), room_for(curriculum, timesteps)
    if asked <= room:
        return ()
    fitted(curriculum, timesteps)
    note = (
        f"{where}: warm-up and ramp may ask for {asked:,} steps of a budget of {timesteps:,}; "
        f"where they ask for more than {room:,}, both are shortened in proportion."
    )
    return (note,)


def grace(space: SearchSpace, stage: Stage, *, timesteps: int) -> int:
    """Return the steps within which some warm-started trial may still warm up or ramp."""
    curriculum = _longest(space, stage)
    asked = sum(lengths_of(curriculum, timesteps).values())
    return min(asked, room_for(curriculum, timesteps))


def _longest(space: SearchSpace, stage: Stage) -> Settings:
    """Return the curriculum with every swept number of it at its largest."""
    longest: dict[str, Value] = {
        name.removeprefix("curriculum_"): max(numbers)
        for name in space
        if name.startswith("curriculum_") and (numbers := _numbers(space, name))
    }
    return laid_over(stage.curriculum, longest)


def _numbers(space: SearchSpace, name: str) -> list[int | float]:
    """Return the extremes of a swept number; empty when it is not swept."""
    parameter = space.get(name)
    if parameter is None or isinstance(parameter, Categorical):
        return []
    return list(parameter.corners())
