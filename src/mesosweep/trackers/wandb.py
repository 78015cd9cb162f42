"""A trial as a run of Weights & Biases: grouped by its sweep, its stage the job type."""

from __future__ import annotations

import json
import logging
import netrc
import os
import sys
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from mesosweep.domain.errors import ExtraMissing
from mesosweep.domain.trial import Evaluation, Trial
from mesosweep.ports import Track
from mesosweep.trackers._curve import of_evaluation, of_learner, of_trial, settings_of

NOTE = "wandb.json"
"""In the trial's folder: which run it is, so that it goes on with that one."""
PROJECT = "mesosweep"
"""Unless WANDB_PROJECT names another."""
_STEP = "global_step"
_INIT_S, _FINISH_S = 30.0, 30.0
"""So long may the service take to begin a run, and to take in the last of it. What it has not
got by then lies on disk, for `wandb sync`."""


@contextmanager
def wandb(order: Mapping[str, Any]) -> Iterator[Track]:
    """Open the trial's run, or go on with it; offline where W&B cannot be reached or has no key.

    The environment is obeyed as W&B documents it: WANDB_MODE, WANDB_PROJECT, WANDB_ENTITY, …

    Raises:
        ExtraMissing: wandb is not installed.
    """
    try:
        import wandb as client
    except ModuleNotFoundError as cause:
        raise ExtraMissing("tracker 'wandb'", cause.name or "wandb", "wandb") from cause
    # It tells its own doings at length, configuration included, in the trial's log.
    logging.getLogger("wandb").setLevel(logging.WARNING)
    run = _opened(client, order)
    run.define_metric(_STEP)
    run.define_metric("eval/*", step_metric=_STEP)
    run.define_metric("train/*", step_metric=_STEP)
    run.define_metric("eval/mean_reward", step_metric=_STEP, summary="max")
    try:
        yield _Track(run)
    except BaseException:
        _close(client, run, exit_code=1)
        raise
    _close(client, run, exit_code=0)


def _close(client: Any, run: Any, *, exit_code: int) -> None:
    run.finish(exit_code=exit_code)
    # Waits for the client's own process to put everything down; workers end abruptly.
    client.teardown()


class _Track:
    def __init__(self, run: Any) -> None:
        self._run = run

    def evaluated(self, evaluation: Evaluation) -> None:
        self._run.log({**of_evaluation(evaluation), _STEP: evaluation.step})

    def stepped(self, step: int, values: Mapping[str, float]) -> None:
        if found := of_learner(values):
            self._run.log({**found, _STEP: step})

    def ended(self, trial: Trial) -> None:
        told: dict[str, str | float] = {"result/status": trial.status, **of_trial(trial)}
        if trial.reason:
            told["result/reason"] = trial.reason
        self._run.summary.update(told)


def _opened(client: Any, order: Mapping[str, Any]) -> Any:
    mode = os.environ.get("WANDB_MODE")
    if mode is None and not _has_key(os.environ):
        mode = "offline"
        _say(f"no API key was found; the run is kept below {order['folder']}/wandb")
    try:
        return _begun(client, order, mode)
    except Exception as cause:  # a key that is refused, no network, a server that is down
        if mode == "offline":
            raise
        told = " ".join(str(cause).split())
        _say(f"{told or type(cause).__name__}; the run is kept below {order['folder']}/wandb")
        client.teardown()
        return _begun(client, order, "offline")


def _begun(client: Any, order: Mapping[str, Any], mode: str | None) -> Any:
    folder = Path(order["folder"])
    attempt = f"_a{order['attempt']}" if order.get("attempt") else ""
    stage = f"stage{order['stage']}{attempt}"
    return client.init(
        project=os.environ.get("WANDB_PROJECT") or PROJECT,
        group=os.environ.get("WANDB_RUN_GROUP") or order["sweep"],
        job_type=stage,
        name=f"{stage}/{order['trial_id']}",
        id=_run_id(folder),
        resume="allow",
        mode=mode,
        dir=str(folder),
        config=settings_of(order),
        tags=[order["species"], order["algorithm"], f"stage{order['stage']}"],
        # Nothing of the user's code or terminal is sent, and nothing is asked or printed.
        settings=client.Settings(
            silent=True,
            console="off",
            disable_git=True,
            save_code=False,
            init_timeout=_INIT_S,
            finish_timeout=_FINISH_S,
        ),
    )


def _run_id(folder: Path) -> str:
    """Return the id of the trial's run, the same in every process that works at the trial."""
    note = folder / NOTE
    try:
        return str(json.loads(note.read_text(encoding="utf-8"))["run_id"])
    except (OSError, ValueError, KeyError, TypeError):
        pass  # none yet; or one that cannot be read, and then a second run is the lesser harm
    run_id = uuid.uuid4().hex[:12]
    folder.mkdir(parents=True, exist_ok=True)
    aside = note.with_name(f".{NOTE}.{os.getpid()}")
    aside.write_text(json.dumps({"run_id": run_id}) + "\n", encoding="utf-8")
    aside.replace(note)
    return run_id


def _has_key(environ: Mapping[str, str]) -> bool:
    """Whether wandb would find a key by itself; without one it would ask at a terminal."""
    if environ.get("WANDB_API_KEY") or environ.get("WANDB_IDENTITY_TOKEN_FILE"):
        return True
    host = urlsplit(environ.get("WANDB_BASE_URL") or "https://api.wandb.ai").hostname or ""
    path = environ.get("NETRC") or Path.home() / ".netrc"
    try:
        return netrc.netrc(str(path)).authenticators(host) is not None
    except (OSError, netrc.NetrcParseError):
        return False


def _say(text: str) -> None:
    print(f"W&B: {text}. Send it later: wandb sync DIR", file=sys.stderr, flush=True)
