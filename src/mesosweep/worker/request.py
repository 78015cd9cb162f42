"""What one trial is asked to be: the words of `mesosweep trial`, understood."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn, get_args

from mesosweep.domain.errors import UsageError
from mesosweep.domain.seeds import training_seed
from mesosweep.domain.study import TrialSettings
from mesosweep.domain.trial import CheckpointKind
from mesosweep.plugins import Registry
from mesosweep.settings.arguments import take_injected
from mesosweep.settings.parameters import injected_prefixes
from mesosweep.stores.gcs_address import Address, is_remote

LOCAL_ID = "local"
"""Id of a trial that nobody numbered."""
_DEFAULTS = TrialSettings(timesteps=0, n_envs=0)
_ALONE = Path("trials")
_EVERY = ("eval-freq", "eval-episodes", "panel-episodes", "save-freq")


@dataclass(frozen=True, slots=True)
class TrialRequest:
    """One trial as it was asked for, before its species or algorithm was looked at."""

    species: str
    algorithm: str
    stage: int
    timesteps: int | None = None
    """None for the stage's own, as in the other Nones."""
    n_envs: int | None = None
    eval_freq: int = _DEFAULTS.eval_freq
    eval_episodes: int = _DEFAULTS.eval_episodes
    panel_episodes: int = _DEFAULTS.panel_episodes
    save_freq: int = _DEFAULTS.save_freq
    seed: int = _DEFAULTS.seed
    """The sweep's."""
    attempt: int = 0
    device: str = "cpu"
    load: str | None = None
    """Policy zip of the bundle to start from; it may lie in a bucket."""
    study: str | None = None
    """The study's document: what the trial must be able to be, or it is not begun."""
    stage_dir: Path | None = None
    trust: bool = False
    passes: int = 0
    """So many evaluations in a row must pass the gate, up to the checkpoint that is handed on."""
    handoff: CheckpointKind = "best"
    trackers: tuple[str, ...] = ()
    overrides: tuple[str, ...] = ()
    injected: Mapping[str, str] = field(default_factory=dict)
    """Swept parameters as text, e.g. `ppo_gamma` → `0.99`."""
    output_dir: Path = _ALONE
    """In a bucket: as a container sees it, `/gcs/…`."""
    trial_id: str = LOCAL_ID

    @property
    def folder(self) -> Path:
        return self.output_dir / self.trial_id

    @property
    def is_in_bucket(self) -> bool:
        return is_remote(str(self.output_dir))

    @property
    def training_seed(self) -> int:
        number = int(self.trial_id) if self.trial_id.isdigit() else 0
        return training_seed(
            sweep_seed=self.seed, stage=self.stage, attempt=self.attempt, trial=number
        )


def folder_at(text: str) -> Path:
    """Return a folder that may lie in a bucket; a path would swallow a slash of `gs://`."""
    return Path(Address.parse(text).mount) if is_remote(text) else Path(text)


def output_folder(said: str | None, environ: Mapping[str, str], *, trial_id: str) -> Path:
    """Return where the trial's folder is to be made.

    Nothing being said, a job on Vertex AI has a place for it, `…/<trial id>/model/` in
    AIP_MODEL_DIR: the trial's own files lie beside that.
    """
    if said:
        return folder_at(said)
    if not environ.get("AIP_MODEL_DIR"):
        return _ALONE
    place = environ["AIP_MODEL_DIR"].rstrip("/").removesuffix("/model")
    return folder_at(place.removesuffix(f"/{trial_id}"))


def parse_request(
    argv: Sequence[str], *, registry: Registry, environ: Mapping[str, str] = os.environ
) -> TrialRequest:
    """Understand the argv of `mesosweep trial`, its first word included.

    Raises:
        UsageError: a word is unknown, malformed or missing.
    """
    words, injected = take_injected(argv[1:], injected_prefixes(registry))
    told = vars(_parser().parse_args(words))
    trial_id = environ.get("CLOUD_ML_TRIAL_ID") or LOCAL_ID
    return TrialRequest(
        **{
            **{name: value for name, value in told.items() if value is not None},
            "trackers": tuple(told["trackers"]),
            "overrides": tuple(told["overrides"]),
            "injected": injected,
            "output_dir": output_folder(told["output_dir"], environ, trial_id=trial_id),
            "trial_id": trial_id,
        }
    )


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"mesosweep trial: {message}", hint="See: mesosweep trial --help")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="mesosweep trial", add_help=False, allow_abbrev=False)
    for name in ("--species", "--algorithm"):
        parser.add_argument(name, required=True)
    parser.add_argument("--stage", type=int, required=True)
    for name in ("timesteps", "n-envs", *_EVERY):
        parser.add_argument(f"--{name}", type=_positive)
    for name in ("seed", "attempt", "passes"):
        parser.add_argument(f"--{name}", type=int)
    parser.add_argument("--handoff", choices=get_args(CheckpointKind))
    for name in ("device", "load", "study", "output-dir"):
        parser.add_argument(f"--{name}")
    parser.add_argument("--stage-dir", type=folder_at)
    parser.add_argument("--trust", action="store_true")
    parser.add_argument("--tracker", action="append", default=[], dest="trackers")
    parser.add_argument("--override", action="append", default=[], dest="overrides")
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1 (got {text})")
    return number
