"""One stage as it will be searched: its space, its known points, what every trial shares."""

from __future__ import annotations

from collections.abc import Mapping

from mesosweep.domain.curriculum import Stage
from mesosweep.domain.errors import SettingsError
from mesosweep.domain.plan import StagePlan
from mesosweep.domain.space import (
    Assignment,
    Categorical,
    Discrete,
    Double,
    Integer,
    SearchSpace,
    Value,
)
from mesosweep.domain.study import TrialSettings
from mesosweep.settings.desk import Desk
from mesosweep.settings.overrides import narrow
from mesosweep.settings.parameters import twin
from mesosweep.settings.preflight import check_curriculum, check_rollouts, grace
from mesosweep.settings.sources import DEFAULT, FLAG
from mesosweep.settings.sweepfile import Block
from mesosweep.settings.trial import check_batch, overlaid, own_hyperparameters

DEFAULT_TRIALS, DEFAULT_PARALLEL = 20, 5


def searched(desk: Desk, number: int, *, warm_starts: bool) -> StagePlan:
    """Return the plan of one stage; notes go to the desk.

    Raises:
        SettingsError: something that was said of the stage is unknown or impossible.
    """
    stage = overlaid(desk.vocabulary, number, desk.overrides)
    settings = desk.trial_settings(stage)
    space = _given(desk, number)
    space = _without_locked(desk, space, number)
    if warm_starts:
        space = _without_carried(desk, space, number)
    if not space:
        raise SettingsError(f"stage{number}: nothing is left to search.")
    own = own_hyperparameters(desk.vocabulary.algorithm, stage)
    label = f"stage{number}"
    check_rollouts(space, own, algorithm=desk.algorithm, settings=settings, where=label)
    if warm_starts:
        desk.notes += check_curriculum(space, stage, timesteps=settings.timesteps, where=label)
    else:
        _note_idle(desk, space, number)
    _note_replaced(desk, space, number, warm_starts=warm_starts)
    no_default = desk.sources.truth("no_default_trial", default=False)
    return StagePlan(
        number=number,
        name=stage.name,
        space=space,
        trials=desk.sources.number("trials", number, default=DEFAULT_TRIALS),
        parallel=desk.sources.number("parallel", number, default=DEFAULT_PARALLEL),
        settings=settings,
        gate=stage.gate,
        overrides=narrow(desk.overrides, number),
        default=None if no_default else _own_point(desk, space, stage, own, settings),
        enqueued=_enqueued(desk, space, number, warm_starts=warm_starts),
        warm_starts=warm_starts,
        grace_steps=grace(space, stage, timesteps=settings.timesteps) if warm_starts else 0,
    )


def _given(desk: Desk, number: int) -> SearchSpace:
    """Return the space that was asked for: inline, else the file's, else the algorithm's own."""
    algorithm = desk.vocabulary.algorithm
    origin, parameters = DEFAULT, algorithm.default_space.parameters
    where = Block(f"{algorithm.name}'s default space").where
    for file in (desk.inline, desk.sources.file):
        block = file.block(number) if file else None
        if file and block and block.parameters:
            origin = FLAG if file is desk.inline else f"file {file.source}"
            parameters, where = block.parameters, block.where
            break
    space, notes = desk.vocabulary.space(parameters, where)
    desk.sources.origins[f"stage{number}.space"] = origin
    desk.notes += notes
    return space


def _without_locked(desk: Desk, space: SearchSpace, number: int) -> SearchSpace:
    """Drop what an override fixes, since a flag beats a file.

    Not so in `env`: there an override moves the ground that trials are judged on,
    and the search goes on over what they train on.
    """
    locked: set[str] = set()
    for override in desk.overrides:
        place = override.place
        if override.stage not in (None, number) or place.section == "env":
            continue
        locked |= {place.name, twin(place.name) or place.name}
    for name in space:
        if name in locked:
            desk.notes.append(f"stage{number}: {name} is not searched; --override fixes it.")
    return space.without(locked)


def _without_carried(desk: Desk, space: SearchSpace, number: int) -> SearchSpace:
    for name in space:
        if name in desk.carried:
            desk.notes.append(
                f"stage{number}: {name} is not searched; "
                "the checkpoint that the stage starts from fixes it."
            )
    return space.without(desk.carried)


def _note_replaced(desk: Desk, space: SearchSpace, number: int, *, warm_starts: bool) -> None:
    """Say where another spelling takes the place of what the stage file says."""
    stage = desk.vocabulary.curriculum.stage(number)
    own, steering = stage.algorithms.get(desk.algorithm, {}), stage.curriculum
    written: dict[str, Value] = {f"{desk.algorithm}_{key}": value for key, value in own.items()}
    if warm_starts:  # else warm-up and ramp change nothing, however they are spelt
        written |= {f"curriculum_{key}": value for key, value in steering.items()}
    said = {o.place.name: "--override" for o in desk.overrides if o.stage in (None, number)}
    said |= dict.fromkeys(space, desk.sources.origins[f"stage{number}.space"])
    for name, origin in said.items():
        other = twin(name)
        if other in written:
            desk.notes.append(
                f"stage{number}: {name} ({origin}) takes the place of "
                f"the stage file's {other} = {written[other]}."
            )


def _note_idle(desk: Desk, space: SearchSpace, number: int) -> None:
    idle = [name for name in space if name.startswith("curriculum_")]
    if idle:
        desk.notes.append(
            f"stage{number}: {', '.join(idle)} change nothing: "
            "warm-up and ramp follow a warm start only (--load)."
        )


def _own_point(
    desk: Desk,
    space: SearchSpace,
    stage: Stage,
    hyperparameters: Mapping[str, Value],
    settings: TrialSettings,
) -> Assignment:
    """Return the species' own value of every swept parameter that the space can hold.

    One that is left out is not set in the trial, and so has the species' own value too.
    """
    own: dict[str, Value] = {
        **{f"{desk.algorithm}_{key}": value for key, value in hyperparameters.items()},
        **{f"env_{key}": value for key, value in {**stage.env, **stage.env_train}.items()},
        **{f"curriculum_{key}": value for key, value in stage.curriculum.items()},
    }
    label = f"stage{stage.number}"
    try:
        check_batch(
            hyperparameters, n_envs=settings.n_envs, timesteps=settings.timesteps, where=label
        )
    except SettingsError:
        # The species chose them for its own number of envs; any point of the space does fit.
        for key in ("n_steps", "batch_size"):
            name = f"{desk.algorithm}_{key}"
            value, parameter = own[name], space.get(name)
            if parameter is None or isinstance(parameter, Categorical) or isinstance(value, str):
                continue
            nearest = _nearest(parameter, value)
            if nearest != value:
                desk.notes.append(
                    f"{label}: the default trial takes {name} {nearest}; the species' own {value} "
                    f"does not fit n_envs {settings.n_envs}."
                )
                own[name] = nearest
    return {name: own[name] for name in space if name in own and space[name].contains(own[name])}


def _nearest(parameter: Double | Integer | Discrete, value: float) -> int | float:
    if parameter.contains(value):
        return value
    some = parameter.values if isinstance(parameter, Discrete) else parameter.corners()
    return min(some, key=lambda known: abs(known - value))


def _enqueued(
    desk: Desk, space: SearchSpace, number: int, *, warm_starts: bool
) -> tuple[Assignment, ...]:
    known = []
    for block in (None, number):
        label = f"{desk.flags.enqueue}: " + (f"stage{block} → " if block else "")
        for place, written in enumerate(desk.points.get(block, ()), start=1):
            where = f"{label}point {place}"
            point = desk.vocabulary.rename(written, where=where)
            if warm_starts:
                point = {n: value for n, value in point.items() if n not in desk.carried}
            problems = space.problems(point)
            if problems:
                raise SettingsError(
                    f"{where}: no point of stage{number}'s space: {'; '.join(problems)}."
                )
            known.append(point)
    return tuple(known)
