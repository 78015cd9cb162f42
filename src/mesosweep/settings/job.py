"""Where trials run, and what the backend there is told: by flag, by environment, by a sweep file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, cast, get_args

from mesosweep.domain.errors import SettingsError
from mesosweep.domain.stopping import EarlyStopping
from mesosweep.plugins import BACKENDS
from mesosweep.settings.desk import Desk
from mesosweep.settings.sources import FLAG

LOCAL, ELSEWHERE = "local", "vertex"
_CHOOSE = ("project", "bucket", "image")
"""Who names one of them wants trials to run elsewhere."""
_WORDS = (
    *("project", "image", "location", "machine_type", "accelerator_type"),
    *("service_account", "network", "api_endpoint"),
)
_SERVED = ("none", "median")
"""Rules of `--early-stopping` that a tuning service has, too."""
_COUNTS = ("accelerator_count", "max_failed_trials")
_TRUTHS = ("spot", "any_machine")
_BUCKET = re.compile(r"(?:gs://)?([a-z0-9][a-z0-9._-]{1,220}[a-z0-9])((?:/[^/]+)*)/?")


def chosen_backend(desk: Desk) -> str:
    """Return the backend that was named; else where `--project`, `--bucket` or `--image` point.

    Raises:
        PluginNotFound: there is no such backend.
        SettingsError: a flag is for trials that run elsewhere, and they run here.
    """
    ask = desk.sources
    usual = ELSEWHERE if any(map(ask.is_said, _CHOOSE)) else LOCAL
    backend = desk.named(BACKENDS, "backend", usual)
    if backend == LOCAL:
        for name in (*_CHOOSE, *_WORDS, *_COUNTS, *_TRUTHS, "max_cost", "price_file", "labels"):
            if getattr(desk.flags, name) not in (None, ()):
                flag = "label" if name == "labels" else name.replace("_", "-")
                raise SettingsError(
                    f"--{flag}: trials run on this machine, which takes no such setting.",
                    hint="It is for Vertex AI: give --project, --bucket and --image.",
                )
    return backend


def early_stopping(desk: Desk, backend: str) -> EarlyStopping:
    """Return the rule by which trials are ended early.

    Raises:
        SettingsError: there is no such rule, or not where trials run.
    """
    said = desk.sources.one_of("early_stopping", get_args(EarlyStopping))
    if backend != LOCAL and said not in _SERVED:
        raise SettingsError(
            f"--early-stopping {said}: only trials on this machine are ended by this rule.",
            hint=f"The service knows: {', '.join(_SERVED)}.",
        )
    return cast("EarlyStopping", said)


def job_settings(desk: Desk) -> Mapping[str, Any]:
    """Return what the backend is told, by name; what nobody said it decides itself.

    Raises:
        SettingsError: a value is not of its kind.
    """
    ask = desk.sources
    told: dict[str, Any] = {}
    for name in _WORDS:
        if (word := ask.word(name)) is not None:
            told[name] = word
    for name in _COUNTS:
        if (count := ask.count(name)) is not None:
            told[name] = count
    for name in _TRUTHS:
        if ask.truth(name, default=False):
            told[name] = True
    if (rule := early_stopping(desk, ELSEWHERE)) != "none":
        told["early_stopping"] = rule
    if labels := _labels(desk):
        told["labels"] = labels
    return told


def bucket_root(desk: Desk) -> str | None:
    """Return the address that `--bucket` names; None when nobody names one.

    Raises:
        SettingsError: no bucket can have this name.
    """
    said = desk.sources.word("bucket")
    if not said:
        return None
    return bucket_address(said)


def bucket_address(said: str) -> str:
    """Return `gs://BUCKET[/folder]` of what a user calls a bucket; raises SettingsError."""
    found = _BUCKET.fullmatch(said)
    if found is None:
        raise SettingsError(
            f"--bucket {said}: no bucket can have this name.",
            hint="Write BUCKET or gs://BUCKET/folder; lower-case letters, digits, '-', '_', '.'",
        )
    return f"gs://{found[1]}{found[2]}"


def _labels(desk: Desk) -> dict[str, str]:
    said = desk.sources.names("labels", desk.flags.labels)
    file = desk.sources.file.job.get("labels") if desk.sources.file else None
    told = dict(file) if isinstance(file, Mapping) else {}
    for word in said:
        key, equals, value = word.partition("=")
        if not equals or not key:
            raise SettingsError(f"--label {word}: must be KEY=VALUE, e.g. --label team=raptors")
        told[key] = value
    if told:
        desk.sources.origins["labels"] = FLAG if desk.flags.labels else "file or environment"
    return told
