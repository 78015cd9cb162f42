"""One trial resolved: species, overrides and injected parameters become what is built."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from mesosweep.domain.curriculum import Settings, Stage
from mesosweep.domain.errors import SettingsError
from mesosweep.domain.score import Gate
from mesosweep.domain.space import Value
from mesosweep.plugins import Algorithm
from mesosweep.settings.overrides import Override, overlay, parse_overrides
from mesosweep.settings.parameters import Place, Vocabulary, laid_over, twin
from mesosweep.settings.values import fit, net_arch, read

RAMPED = "forward_vel_weight"
"""The training weight that the reward ramp raises."""
DEFAULT_N_ENVS = 4
_PARTS = {"warmup": "warm-up", "ramp": "ramp"}


@dataclass(frozen=True, slots=True)
class TrialPlan:
    """Everything about one trial that its stage, overrides and parameters decide."""

    species: str
    algorithm: str
    stage: int
    stage_name: str
    timesteps: int
    n_envs: int
    reference: Settings
    """Env settings that the trial is judged on."""
    training: Settings
    """Env settings that it trains on."""
    hyperparameters: Mapping[str, Any]
    """The algorithm's own, by kind: layer widths are lists, schedules stay data."""
    curriculum: Settings
    """Warm-up and ramp, fitted into the budget. Applied only after a warm start."""
    gate: Gate
    parameters: Mapping[str, Value]
    """All of the above flat, e.g. `ppo.gamma`, `env.alive_bonus` (training's value)."""
    ramp_end: float | None = None
    """The weight that a reward ramp ends at; None where there is none to ramp."""
    notes: tuple[str, ...] = ()


def resolve_trial(
    vocabulary: Vocabulary,
    *,
    stage: int,
    timesteps: int | None = None,
    n_envs: int | None = None,
    overrides: Iterable[str] = (),
    injected: Mapping[str, str] | None = None,
) -> TrialPlan:
    """Resolve one trial of a stage.

    `injected` holds parameters by name as text, e.g. `ppo_gamma` → `0.99`; they
    beat overrides, which beat the stage file, which beats the algorithm's
    defaults. Injected `env_*` change what is trained on, never what is judged.

    Raises:
        SettingsError: no such stage, an unknown parameter, a value that cannot be.
    """
    lesson = overlaid(vocabulary, stage, parse_overrides(overrides, vocabulary))
    algorithm = vocabulary.algorithm
    steps = timesteps or lesson.timesteps
    envs = n_envs or lesson.n_envs or DEFAULT_N_ENVS
    training = {**lesson.env, **lesson.env_train}
    chosen: dict[str, Value] = {}
    steering: dict[str, Value] = {}
    notes = []
    given: dict[str, str] = {}
    for name, text in (injected or {}).items():
        place, value = _injected(vocabulary, name, text)
        same = twin(place.name) if place.section != "env" else None
        for known in (place.name, same):
            if known in given:
                raise SettingsError(f"--{name}: sets the same as --{given[known]}.")
        given[place.name] = name
        if place.name != name:
            notes.append(f"{name} means {place.name} for {vocabulary.species.name}.")
        target = {"env": training, "curriculum": steering}.get(place.section, chosen)
        target[place.key] = value
    hyperparameters = laid_over(own_hyperparameters(algorithm, lesson), chosen)
    curriculum, said = fitted(laid_over(lesson.curriculum, steering), steps)
    check_batch(hyperparameters, n_envs=envs, timesteps=steps, where=f"stage{stage}")
    check_ramp(curriculum, training, timesteps=steps, where=f"stage{stage} → curriculum")
    return TrialPlan(
        species=vocabulary.species.name,
        algorithm=algorithm.name,
        stage=stage,
        stage_name=lesson.name,
        timesteps=steps,
        n_envs=envs,
        reference=lesson.env,
        training=training,
        hyperparameters={
            name: net_arch(str(value)) if algorithm.hyperparameters[name] == "net_arch" else value
            for name, value in hyperparameters.items()
        },
        curriculum=curriculum,
        gate=lesson.gate,
        parameters={
            **{f"{algorithm.name}.{name}": value for name, value in hyperparameters.items()},
            **{f"env.{name}": value for name, value in training.items()},
            **{f"curriculum.{name}": value for name, value in curriculum.items()},
        },
        ramp_end=_weight(training),
        notes=(*notes, *said),
    )


def overlaid(vocabulary: Vocabulary, stage: int, overrides: Iterable[Override]) -> Stage:
    """Return a stage under the overrides that apply to it; raises SettingsError."""
    numbers = [s.number for s in vocabulary.curriculum.stages]
    if stage not in numbers:
        raise SettingsError(
            f"--stage {stage}: {vocabulary.species.name} has no such stage.",
            hint=f"There are {', '.join(map(str, numbers))}.",
        )
    mine = [o for o in overrides if o.stage in (None, stage)]
    mine.sort(key=lambda o: o.stage is not None)
    return overlay(vocabulary.curriculum.stage(stage), mine)


def own_hyperparameters(algorithm: Algorithm, stage: Stage) -> dict[str, Value]:
    """Return the stage's hyperparameters over the algorithm's defaults, each of its kind.

    Layer widths stay text: a preset, or `[64, 64]`. What is None by default is left out.
    """
    typed: dict[str, Value] = {}
    table = stage.algorithms.get(algorithm.name, {})
    untyped: Mapping[str, Any] = laid_over(algorithm.defaults, table)
    for name, value in untyped.items():
        if value is None:
            continue
        try:
            typed[name] = fit(value, algorithm.hyperparameters[name])
        except ValueError as cause:
            raise SettingsError(
                f"stage{stage.number} → {algorithm.name} → {name}: {cause}."
            ) from None
    return typed


def fitted(curriculum: Settings, timesteps: int) -> tuple[Settings, tuple[str, ...]]:
    """Return warm-up and ramp fitted into the budget, and a note if they were shortened.

    Steps are usually written for a longer run: together they are shortened, in
    proportion, to at most half of the budget, so that a trial also trains on the
    full weight. Shares of the budget are obeyed.

    Raises:
        SettingsError: shares that add up to more than the budget.
    """
    lengths = lengths_of(curriculum, timesteps)
    asked, room = sum(lengths.values()), room_for(curriculum, timesteps)
    if asked <= room:
        return curriculum, ()
    if room == timesteps:
        raise SettingsError(
            "curriculum: warmup_fraction and ramp_fraction add up to more than 1.",
            hint="Lower one of them.",
        )
    lengths = {part: steps * room // asked for part, steps in lengths.items()}
    said = " and ".join(f"{_PARTS[part]} {steps:,}" for part, steps in lengths.items())
    rest = {k: v for k, v in curriculum.items() if not k.endswith(("_timesteps", "_fraction"))}
    note = (
        f"Warm-up and ramp ask for {asked:,} steps of a budget of {timesteps:,}; "
        f"shortened to {said}."
    )
    return {**{f"{part}_timesteps": steps for part, steps in lengths.items()}, **rest}, (note,)


def lengths_of(curriculum: Settings, timesteps: int) -> dict[str, int]:
    """Return the steps that warm-up and ramp ask for, where they are set."""
    lengths = {}
    for part in _PARTS:
        if f"{part}_fraction" in curriculum:
            lengths[part] = round(float(curriculum[f"{part}_fraction"]) * timesteps)
        elif f"{part}_timesteps" in curriculum:
            lengths[part] = int(curriculum[f"{part}_timesteps"])
    return lengths


def room_for(curriculum: Settings, timesteps: int) -> int:
    """Return the steps that warm-up and ramp may have: half, or all where both are shares."""
    is_absolute = any(f"{part}_timesteps" in curriculum for part in _PARTS)
    return timesteps // 2 if is_absolute else timesteps


def check_ramp(curriculum: Settings, training: Settings, *, timesteps: int, where: str) -> None:
    """Raise SettingsError when there is a ramp and no weight that it could raise."""
    if lengths_of(curriculum, timesteps).get("ramp") and _weight(training) is None:
        raise SettingsError(
            f"{where}: there is a ramp, but no env.{RAMPED} that it could raise.",
            hint=f"Remove the ramp, or set env.{RAMPED}.",
        )


def check_batch(
    hyperparameters: Mapping[str, Value], *, n_envs: int, timesteps: int, where: str
) -> None:
    """Raise SettingsError when a mini-batch is larger than the rollout that it is cut from."""
    n_steps, batch = hyperparameters.get("n_steps"), hyperparameters.get("batch_size")
    # With a replay buffer `n_steps` means the length of returns; nothing is cut from a rollout.
    replays = "buffer_size" in hyperparameters
    if replays or not (isinstance(n_steps, int) and isinstance(batch, int)):
        return
    rollout = min(n_steps * n_envs, timesteps)
    if batch > rollout:
        raise SettingsError(
            f"{where}: batch_size {batch} is larger than a rollout of {rollout} steps "
            f"(n_steps {n_steps} × n_envs {n_envs}, at most timesteps {timesteps}).",
            hint="Lower batch_size, or raise n_steps, n_envs or timesteps.",
        )


def _injected(vocabulary: Vocabulary, name: str, text: str) -> tuple[Place, Value]:
    place = vocabulary.parameter(name, where=f"--{name}")
    try:
        return place, read(text, place.kind)
    except ValueError as cause:
        raise SettingsError(f"--{name}: {cause}.") from None


def _weight(training: Settings) -> float | None:
    weight = training.get(RAMPED)
    return float(weight) if isinstance(weight, int | float) else None
