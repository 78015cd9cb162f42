"""The cloud of this machine: started when it is needed, found again, ended by its pid."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

from mesosweep.domain.errors import BackendError, MesosweepError, SettingsError, UsageError

HURRY = 30.0
"""Waits are so many times shorter: 60 s become 2 s."""
_WHERE = "cloud.json"
_ENDS_S = 30.0
PROJECT, BUCKET = "rehearsal", "rehearsal"
IMAGE = "localhost/mesosweep/trainer:rehearsal"


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What a command needs to know of the cloud that it speaks to."""

    folder: Path
    hurry: float
    words: tuple[str, ...]
    """How a command that belongs to it begins, e.g. `rehearse`."""
    faults: tuple[str, ...] = ()
    """The words by which this one was told what goes wrong, and the seed."""

    @property
    def again(self) -> tuple[str, ...]:
        """How the same command begins when it is given once more."""
        return (*self.words, *self.faults)


@dataclass(frozen=True, slots=True)
class Begun:
    """What a cloud is begun with; what a command leaves out is None, and agrees with anything."""

    preempt: list[str] | None = None
    lose_reply: list[str] | None = None
    faults: Mapping[str, Any] | None = None
    """What the file of `--faults` held."""
    seed: int | None = None

    def differences(self, cloud: Begun) -> list[str]:
        """Say in what these words are not those that a cloud was begun with."""
        told = []
        for name, now in asdict(self).items():
            then = getattr(cloud, name)
            if name == "seed":
                then = then or 0
            if now is None or now == then:
                continue
            flag = f"--{name.replace('_', '-')}"
            if name == "faults":
                told.append(f"what {flag} holds is not what it was begun with")
            else:
                told.append(f"it was begun {_with(flag, then)}, not {_with(flag, now)}")
        return told


def _with(flag: str, value: object) -> str:
    values = value if isinstance(value, list) else [value]
    said = " ".join(f"{flag} {each}" for each in values if each is not None)
    return f"with {said}" if said else f"without {flag}"


@dataclass(frozen=True, slots=True)
class LocalCloud:
    """A cloud that is served now."""

    pid: int
    endpoint: str
    storage: str
    rest_endpoint: str = ""
    begun: Mapping[str, Any] = field(default_factory=dict)
    """See `Begun`."""

    def check(self, said: Begun, *, end: str) -> None:
        """Return where this cloud is the one that is meant; `end` is the command that ends it.

        Raises:
            UsageError: it was begun with other words.
        """
        if found := said.differences(Begun(**self.begun)):
            raise UsageError(
                f"A rehearsed cloud is served already (pid {self.pid}): {'; '.join(found)}.",
                hint=f"Leave the flag out to go on with it, or end it first: {end}",
            )

    def make_bucket(self, name: str) -> None:
        """Make a bucket where there is none."""
        from google.api_core.exceptions import BadRequest, Conflict

        from mesosweep.stores.gcs_client import open_client

        with suppress(Conflict):
            try:
                open_client(PROJECT).create_bucket(name)
            except BadRequest as cause:
                raise SettingsError(f"--bucket {name}: {cause.message}") from None

    def end(self) -> None:
        """End it, with all its jobs; returns when it is gone."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGTERM)
        deadline = time.monotonic() + _ENDS_S
        while _is_alive(self.pid):
            if time.monotonic() > deadline:
                with suppress(ProcessLookupError):
                    os.kill(self.pid, signal.SIGKILL)
            time.sleep(0.05)


def found(folder: Path) -> LocalCloud | None:
    """Return the cloud that is served from a folder now, if there is one."""
    try:
        told: Mapping[str, Any] = json.loads((folder / _WHERE).read_text(encoding="utf-8"))
        cloud = LocalCloud(**told)
        with urlopen(f"{cloud.storage}/storage/v1/b?project={PROJECT}", timeout=5):  # noqa: S310  # our own address
            return cloud
    except (OSError, ValueError, TypeError, URLError):
        return None


def started(folder: Path, *, faults: str, begun: Begun) -> LocalCloud:
    """Start a cloud in a session of its own, so that it outlives this process.

    `faults` is all that goes wrong, in JSON, as `begun` says it.

    Raises:
        MesosweepError: it did not start; says why.
    """
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "mesosweep.rehearsal.cloud", f"--folder={folder}"]
    with (folder / "cloud.log").open("ab") as log:
        process = subprocess.Popen(  # noqa: S603  # our own interpreter and our own words
            [
                *command,
                f"--faults={faults}",
                f"--seed={begun.seed or 0}",
                f"--begun={json.dumps(asdict(begun))}",
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,
            env={**os.environ, "GRPC_VERBOSITY": "ERROR"},
        )
    assert process.stdout is not None
    with process.stdout as answer:
        line = answer.readline()
    told = _answer(line)
    if "endpoint" not in told:
        process.wait()
        raise _said(told, folder / "cloud.log")
    # Nobody waits for it: it is ended by its pid, or ends by itself.
    process.returncode = 0
    return LocalCloud(**told)


@contextmanager
def spoken_to(cloud: LocalCloud, *, folder: Path, bucket: str | None) -> Iterator[None]:
    """Have commands of this process speak to a cloud, and to no other, within the block."""
    told = {
        "STORAGE_EMULATOR_HOST": cloud.storage,
        "MESOSWEEP_VERTEX_ENDPOINT": cloud.endpoint,
        "MESOSWEEP_QUOTA_ENDPOINT": cloud.rest_endpoint,
        "GRPC_VERBOSITY": "ERROR",
    }
    usual = {
        "MESOSWEEP_PROJECT": PROJECT,
        "MESOSWEEP_IMAGE": IMAGE,
        "MESOSWEEP_BUCKET": BUCKET,
        "MESOSWEEP_OUTPUT_DIR": str(folder),
    }
    told |= {name: value for name, value in usual.items() if not os.environ.get(name)}
    before = {name: os.environ.get(name) for name in told}
    os.environ.update(told)
    try:
        cloud.make_bucket(bucket or os.environ["MESOSWEEP_BUCKET"])
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _is_alive(pid: int) -> bool:
    with suppress(ChildProcessError):
        # A child of ours would stay a zombie for as long as we live.
        os.waitpid(pid, os.WNOHANG)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _answer(line: bytes) -> Mapping[str, Any]:
    try:
        told: Mapping[str, Any] = json.loads(line)
    except ValueError:
        return {}
    return told


def _said(told: Mapping[str, Any], log: Path) -> MesosweepError:
    """Return why a cloud did not start, as far as it said so."""
    if "error" not in told:
        return BackendError("The rehearsed cloud did not start.", hint=f"Why is in {log}")
    kinds = {2: UsageError, 4: BackendError}
    return kinds.get(told["code"], MesosweepError)(told["error"], hint=told["hint"])
