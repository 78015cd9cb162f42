"""Studies as the lines of an Optuna journal; imported when there is something to write.

The lines are Optuna's own: its `JournalStorage` is given a backend that keeps what it
would have stored (`BaseJournalBackend` is there to be derived from), so that whatever
Optuna reads the file with, wrote it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.storages.journal import BaseJournalBackend
from optuna.trial import FrozenTrial, TrialState

from mesosweep.domain.space import Categorical, Discrete, Double, Integer, Parameter, SearchSpace
from mesosweep.domain.trial import Trial
from mesosweep.samplers.quiet import quiet_optuna
from mesosweep.samplers.tpe import lesson


@dataclass(frozen=True, slots=True)
class ShownTrial:
    """One trial as the dashboard shows it."""

    trial: Trial
    started: datetime
    ended: datetime | None
    """None while it runs."""
    evaluations: Mapping[int, float] = field(default_factory=dict)
    """Step → mean reward, as trained so far."""


@dataclass(frozen=True, slots=True)
class ShownStudy:
    """One stage and attempt as the dashboard shows it."""

    name: str
    space: SearchSpace
    attributes: Mapping[str, Any]
    """JSON-able."""
    trials: tuple[ShownTrial, ...]


class JournalText:
    """Writes studies as a journal. A trial that has ended is put into words once."""

    def __init__(self) -> None:
        self._kept = _Kept()
        with quiet_optuna():
            self._storage = optuna.storages.JournalStorage(self._kept)
        self._studies: dict[str, Any] = {}  # Optuna's; in the order in which it numbers them
        self._created: dict[str, str] = {}
        self._attributes: dict[str, tuple[Mapping[str, Any], str]] = {}
        self._ended: dict[tuple[str, tuple[int, str]], str] = {}

    def of(self, studies: Iterable[ShownStudy]) -> str:
        """Return the journal of these studies, whole.

        A study that was given once must be given again: their order is how the lines
        of trials name them.
        """
        with quiet_optuna():
            lines = {study.name: self._lines(study) for study in studies}
        return "".join(lines[name] for name in self._studies)

    def _lines(self, study: ShownStudy) -> str:
        if study.name not in self._studies:
            # It suggests nothing; the simplest sampler is the quickest to make.
            sampler = optuna.samplers.RandomSampler()
            self._studies[study.name] = optuna.create_study(
                storage=self._storage, study_name=study.name, direction="maximize", sampler=sampler
            )
            self._created[study.name] = self._kept.take()
        distributions = {name: _distribution(parameter) for name, parameter in study.space.items()}
        trials = [self._trial(study, shown, distributions) for shown in study.trials]
        return "".join((self._created[study.name], self._attributes_of(study), *trials))

    def _attributes_of(self, study: ShownStudy) -> str:
        known = self._attributes.get(study.name)
        if known is None or known[0] != study.attributes:
            theirs = self._studies[study.name]
            theirs.set_metric_names(["mean reward"])
            for name, value in study.attributes.items():
                theirs.set_user_attr(name, value)
            known = self._attributes[study.name] = (study.attributes, self._kept.take())
        return known[1]

    def _trial(
        self, study: ShownStudy, shown: ShownTrial, distributions: Mapping[str, BaseDistribution]
    ) -> str:
        key = (study.name, shown.trial.identity)
        if key in self._ended:
            return self._ended[key]
        self._studies[study.name].add_trial(_frozen(shown, study.space, distributions))
        line = self._kept.take()
        if shown.trial.has_ended:
            self._ended[key] = line
        return line


class _Kept(BaseJournalBackend):  # type: ignore[misc]  # Optuna comes without types
    """Keeps what Optuna would have stored, as lines of a journal file."""

    def __init__(self) -> None:
        self._logs: list[dict[str, Any]] = []
        self._taken = 0

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        self._logs += logs

    def read_logs(self, log_number_from: int) -> list[dict[str, Any]]:
        return self._logs[log_number_from:]

    def take(self) -> str:
        """Return the lines since the last call, as Optuna's own file backend writes them."""
        fresh, self._taken = self._logs[self._taken :], len(self._logs)
        return "".join(f"{json.dumps(log, separators=(',', ':'))}\n" for log in fresh)


def _frozen(
    shown: ShownTrial, space: SearchSpace, distributions: Mapping[str, BaseDistribution]
) -> FrozenTrial:
    trial = shown.trial
    state, value = _outcome(trial)
    params = {
        name: _told(space[name], chosen)
        for name, chosen in trial.assignment.items()
        # A known point may leave out what the species decides.
        if name in space and space[name].contains(chosen)
    }
    return FrozenTrial(
        number=-1,
        trial_id=-1,
        state=state,
        value=value,
        datetime_start=shown.started,
        datetime_complete=shown.ended if state.is_finished() else None,
        params=params,
        distributions={name: distributions[name] for name in params},
        user_attrs=_facts(trial),
        system_attrs={},
        intermediate_values=dict(shown.evaluations),
    )


def _outcome(trial: Trial) -> tuple[TrialState, float | None]:
    """Return Optuna's word for how the trial ended, and what it taught the sampler."""
    if not trial.has_ended:
        return TrialState.RUNNING, None
    value = lesson(trial)
    if trial.status == "stopped":
        return TrialState.PRUNED, value
    return (TrialState.FAIL, None) if value is None else (TrialState.COMPLETE, value)


def _facts(trial: Trial) -> dict[str, Any]:
    """Return what else a reader of the dashboard wants to know; what is not known is left out."""
    panel = trial.panel if trial.panel and trial.panel.is_finite else None
    facts = {
        "trial": trial.trial_id,
        "attempt": trial.attempt,
        "status": trial.status,
        "origin": trial.origin,
        "reason": trial.reason,
        "best_mean_reward": trial.objective("best_mean_reward"),
        "panel_mean_reward": panel.mean_reward if panel else None,
        "panel_half_width": panel.half_width if panel else None,
        "gate": None if trial.verdict is None else "passed" if trial.passed else "not passed",
        "seed": trial.seed,
        "steps_trained": trial.steps_trained,
        "checkpoint": trial.checkpoint.uri if trial.checkpoint else None,
    }
    return {name: fact for name, fact in facts.items() if fact is not None}


def _distribution(parameter: Parameter) -> BaseDistribution:
    match parameter:
        case Double(low, high, scale):
            return FloatDistribution(low, high, log=scale == "log")
        case Integer(low, high, scale):
            return IntDistribution(low, high, log=scale == "log")
        case Discrete(values) if (step := _even_step(values)) is not None:
            return IntDistribution(values[0], values[-1], step=step)
        case Discrete(values) | Categorical(values):
            return CategoricalDistribution(values)


def _even_step(values: tuple[int | float, ...]) -> int | None:
    """Return the step of whole numbers that lie evenly, so that a plot puts them on an axis."""
    if not all(isinstance(value, int) for value in values):
        return None
    steps = {int(after - before) for before, after in pairwise(values)}
    return steps.pop() if len(steps) == 1 else None


def _told(parameter: Parameter, value: Any) -> Any:  # what Optuna keeps is its own affair
    match parameter:
        case Discrete(values):
            # As the space writes it: 64 and 64.0 are one choice.
            return next(known for known in values if known == value)
        case Integer():
            return int(value)
        case Double():
            return float(value)
        case Categorical():
            return value
