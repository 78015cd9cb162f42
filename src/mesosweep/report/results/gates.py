"""What a stage asks of its trials, from whichever file tells it, and who meets that."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from mesosweep.domain.score import Gate, Score
from mesosweep.domain.trial import LOST
from mesosweep.records.scores import score_from
from mesosweep.report.results.folders import StageFolder
from mesosweep.report.results.loose import json_object, mapping
from mesosweep.report.results.rows import finite

_NAMES = tuple(field.name for field in fields(Gate))
_PANEL_EPISODES = 30
"""Episodes behind a success rate whose record does not say how many they were."""


class Gates:
    """Thresholds of stages. What lies beside the stages is read once."""

    def __init__(self) -> None:
        self._states: dict[Path, list[dict[str, Any]]] = {}
        self._studies: dict[Path, Gate | None] = {}

    def of(self, config: Mapping[str, Any], stage: StageFolder) -> Gate | None:
        """Return a trial's gate; None where nothing tells it, which is not "no gate".

        Asked in this order: the trial's own `stage_config.json`, the study's `study.json`,
        the sweep's saved state.
        """
        curriculum = mapping(config.get("curriculum"))
        for told in (config.get("gate"), curriculum.get("gate"), curriculum):
            if isinstance(told, Mapping) and _speaks_of_it(told):
                return gate_from(told)
        if stage.path not in self._studies:
            self._studies[stage.path] = self._of_study(stage)
        return self._studies[stage.path]

    def _of_study(self, stage: StageFolder) -> Gate | None:
        study = json_object(stage.path / "study.json")
        told = mapping(study.get("config")).get("gate")
        if isinstance(told, Mapping):
            return gate_from(told)
        folder = stage.path.parent
        if folder not in self._states:
            # The one in use comes before those that were set aside (`….1.json`).
            paths = sorted(
                folder.glob("*sweep_state*.json"), key=lambda path: (len(path.name), path.name)
            )
            self._states[folder] = [state for path in paths if (state := json_object(path))]
        found = [
            (_attempt_of(state, stage) == stage.attempt, gate_from(told))
            for state in self._states[folder]
            if isinstance(told := _planned(state, stage.stage).get("gate"), Mapping)
        ]
        # max() keeps the first of equals.
        return max(found, key=lambda pair: pair[0])[1] if found else None


def gate_from(told: Mapping[str, Any]) -> Gate:
    """Read thresholds; what is none is left out."""
    return Gate(**{name: finite(told.get(name)) for name in _NAMES})


def verdict(record: Mapping[str, Any], gate: Gate | None) -> tuple[bool | None, tuple[str, ...]]:
    """Return whether a trial passed, and what it lacks; None where it cannot be told.

    The gate's word in the record stands: it was given on the panel, when the trial ended.
    A record without one is judged by what it measured.
    """
    status = record.get("status", "finished")
    if status in LOST:
        return False, (f"{str(status).replace('_', ' ')}: no result",)
    if status == "stopped":
        return False, ("stopped early: no panel",)
    told = record.get("gate")
    if isinstance(told, Mapping) and isinstance(told.get("passed"), bool):
        reasons = told.get("reasons")
        return told["passed"], tuple(map(str, reasons)) if isinstance(reasons, list) else ()
    if gate is None:
        passed = record.get("stage_passed")
        return (passed if isinstance(passed, bool) else None), ()
    found = gate.admits(_measured(record))
    return found.passed, found.reasons


def panel_of(record: Mapping[str, Any]) -> Score | None:
    """Return the panel's score; None where there is none that can be read."""
    try:
        return score_from(record.get("panel"))
    except (KeyError, TypeError, ValueError):
        return None


def _measured(record: Mapping[str, Any]) -> Score:
    """Return what a gate is asked about: the panel, else what training saw."""
    if (panel := panel_of(record)) is not None:
        return panel
    speed = finite(record.get("mean_forward_vel"))
    return Score(
        episodes=_PANEL_EPISODES,
        mean_reward=_number(record.get("best_mean_reward")),
        std_reward=math.nan,
        mean_length=_number(record.get("best_mean_episode_length")),
        full_length_rate=math.nan,
        success_rate=finite(record.get("mean_success_rate")),
        metrics={} if speed is None else {"forward_velocity": speed},
    )


def _number(value: object) -> float:
    found = finite(value)
    return math.nan if found is None else found


def _planned(state: Mapping[str, Any], stage: int) -> Mapping[str, Any]:
    return mapping(mapping(mapping(state.get("comparables")).get("stages")).get(str(stage)))


def _attempt_of(state: Mapping[str, Any], stage: StageFolder) -> int | None:
    stages = state.get("stages")
    for told in stages if isinstance(stages, list) else ():
        if isinstance(told, Mapping) and told.get("stage") == stage.stage:
            attempt = told.get("attempt")
            return attempt if isinstance(attempt, int) else None
    return None


def _speaks_of_it(told: Mapping[str, Any]) -> bool:
    return any(name in told for name in _NAMES)
