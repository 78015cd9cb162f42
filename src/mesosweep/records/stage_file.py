"""A stage as the text of a stage file, which `--stage-dir` reads back as the same stage."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from typing import Any

from mesosweep.domain.curriculum import Stage


def stage_file_name(stage: Stage) -> str:
    """Return how the file is called, e.g. `stage1_balance.toml`."""
    return f"stage{stage.number}_{stage.name}.toml"


def stage_text(stage: Stage, *, comments: Iterable[str] = ()) -> str:
    """Return the file's text; `comments` stand above it, a line each."""
    return "\n".join(_lines(stage, comments)) + "\n"


def _lines(stage: Stage, comments: Iterable[str]) -> Iterator[str]:
    yield from (f"# {comment}" for comment in comments)
    yield from _pairs(
        {
            "name": stage.name,
            "description": stage.description,
            "timesteps": stage.timesteps,
            **({"n_envs": stage.n_envs} if stage.n_envs is not None else {}),
        }
    )
    yield from _table("env", stage.env)
    yield from _table("env.train", stage.env_train)
    for name, settings in stage.algorithms.items():
        yield from _table(name, settings)
    yield from _table("curriculum", stage.curriculum)
    gate = {name: value for name, value in asdict(stage.gate).items() if value is not None}
    yield from _table("curriculum.gate", gate)


def _table(name: str, settings: Mapping[str, Any]) -> Iterator[str]:
    if settings:
        yield f"\n[{name}]"
        yield from _pairs(settings)


def _pairs(settings: Mapping[str, Any]) -> Iterator[str]:
    yield from (f"{key} = {_value(value)}" for key, value in settings.items())


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    text = str(value)
    # Widths of layers are kept as text, and written as the list that they are.
    return text if _is_widths(text) else json.dumps(text, ensure_ascii=False)


def _is_widths(text: str) -> bool:
    try:
        widths = json.loads(text)
    except ValueError:
        return False
    return isinstance(widths, list) and all(type(width) is int for width in widths)
