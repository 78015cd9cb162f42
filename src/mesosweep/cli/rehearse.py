"""`mesosweep rehearse COMMAND`: the whole cloud path on this machine, and nothing is billed."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mesosweep.domain.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from mesosweep.cli.rehearsing import Begun

EXAMPLES = (
    "mesosweep rehearse run-all --species velociraptor --algorithm ppo --trials 3 "
    "--parallel 2 --timesteps 20000\n\n"
    "mesosweep rehearse --preempt 2 --lose-reply CreateHyperparameterTuningJob "
    "run-all --species velociraptor --trials 3\n\n"
    "mesosweep rehearse stop"
)
COMMANDS = (
    *("run-all", "launch-all", "launch", "plan", "status", "jobs", "logs"),
    *("collect-results", "doctor", "stop"),
)
CONTEXT: dict[str, Any] = {"allow_interspersed_args": False}
"""What follows the command is its own."""


def rehearse(
    command: Annotated[
        list[str],
        typer.Argument(metavar="COMMAND ...", help=f"One of {', '.join(COMMANDS)}, and its words."),
    ],
    *,
    folder: Annotated[
        Path,
        typer.Option("--folder", metavar="DIR", help="Where the cloud's buckets and logs lie."),
    ] = Path("rehearsal"),
    preempt: Annotated[
        list[str] | None,
        typer.Option(
            "--preempt",
            metavar="TRIAL",
            help="Take the machine away from this trial of every job, once. May be repeated.",
        ),
    ] = None,
    lose_reply: Annotated[
        list[str] | None,
        typer.Option(
            "--lose-reply",
            metavar="METHOD",
            help="Carry out this method's first call and lose the answer. May be repeated.",
        ),
    ] = None,
    faults: Annotated[
        Path | None,
        typer.Option(
            "--faults", metavar="FILE", help="All that goes wrong, as JSON; see docs/vertex.md."
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option("--seed", help="Of what the rehearsed service draws (default 0)."),
    ] = None,
    real_waits: Annotated[
        bool, typer.Option("--real-waits", help="Wait as long as with the real cloud.")
    ] = False,
) -> int:
    """Run a cloud command against a cloud on this machine: real trials, nothing billed.

    No project, bucket, image or credentials are needed. The cloud goes on when this command
    is killed, and the same command finds it again, faults and all; it ends with a sweep that is
    finished, and by `mesosweep rehearse stop`.
    """
    from mesosweep.cli import rehearsing
    from mesosweep.cli.faults import say

    words = _checked(command)
    cloud = rehearsing.found(folder)
    if words[0] == "stop":
        if cloud is None:
            say(f"No rehearsed cloud is served from {folder}.")
            return 0
        cloud.end()
        say(f"The rehearsed cloud (pid {cloud.pid}) has ended, with all its jobs.")
        return 0
    own = ("rehearse", *_own(folder, real_waits=real_waits))
    begun = rehearsing.Begun(
        sorted(preempt or ()) or None, sorted(lose_reply or ()) or None, _read(faults), seed
    )
    if cloud is None:
        say("Starting a cloud on this machine …")
        cloud = rehearsing.started(folder, faults=json.dumps(_script(begun)), begun=begun)
    else:
        cloud.check(begun, end=shlex.join(["mesosweep", *own, "stop"]))
    hurry = 1.0 if real_waits else rehearsing.HURRY
    say(
        "REHEARSAL: jobs, buckets and trials are on this machine; nothing is billed."
        + ("" if real_waits else f" Waits are {hurry:.0f} times shorter.")
    )
    said = tuple(_said(preempt, lose_reply, faults, seed))
    rehearsal = rehearsing.Rehearsal(folder, hurry, own, faults=said)
    with rehearsing.spoken_to(cloud, folder=folder, bucket=_bucket(words)):
        return _run(words, rehearsal, cloud)


def _run(words: Sequence[str], rehearsal: Any, cloud: Any) -> int:
    from mesosweep.cli.app import run
    from mesosweep.cli.faults import say

    code, is_over = 1, False
    try:
        code = run(words, rehearsal=rehearsal)
        is_over = words[0] in ("run-all", "launch-all") and code in (0, 3)
        return code
    finally:
        if is_over:
            cloud.end()
        else:
            end = shlex.join(["mesosweep", *rehearsal.words, "stop"])
            say(f"The rehearsed cloud (pid {cloud.pid}) stays for an hour; to end it now: {end}")


def _checked(command: Sequence[str]) -> list[str]:
    words = list(command)
    if words[0] not in COMMANDS:
        raise UsageError(
            f"rehearse: '{words[0]}' is no command that can be rehearsed.",
            hint=f"{did_you_mean(words[0], COMMANDS)}There are: {', '.join(COMMANDS)}.",
        )
    if any(word.partition("=")[0] == "--api-endpoint" for word in words):
        raise UsageError("rehearse: --api-endpoint would lead out of the rehearsal; leave it out.")
    return words


def _own(folder: Path, *, real_waits: bool) -> list[str]:
    told = [] if folder == Path("rehearsal") else ["--folder", str(folder)]
    return [*told, "--real-waits"] if real_waits else told


def _bucket(words: Sequence[str]) -> str | None:
    """Return the bucket that the words name, without what follows it."""
    for place, word in enumerate(words):
        name, equals, value = word.partition("=")
        if name == "--bucket":
            value = value if equals else words[place + 1] if place + 1 < len(words) else ""
            return value.removeprefix("gs://").partition("/")[0] or None
    return None


def _said(
    preempt: Sequence[str] | None, lost: Sequence[str] | None, faults: Path | None, seed: int | None
) -> Iterator[str]:
    """Yield the words by which it was said what goes wrong."""
    for flag, values in (
        ("--preempt", preempt or ()),
        ("--lose-reply", lost or ()),
        ("--faults", () if faults is None else (str(faults),)),
        ("--seed", () if seed is None else (str(seed),)),
    ):
        for value in values:
            yield from (flag, value)


def _read(path: Path | None) -> dict[str, Any] | None:
    from mesosweep.rehearsal.json_file import read_object

    return None if path is None else read_object(path, where=f"--faults {path}")


def _script(begun: Begun) -> dict[str, Any]:
    """Return what goes wrong, as `rehearsal.cloud` reads it; empty when nothing does."""
    script: dict[str, Any] = dict(begun.faults or {})
    service = dict(script.get("service", {}))
    hits = [{"trial": trial, "after_reports": 1} for trial in begun.preempt or ()]
    calls = [{"method": method, "call": 1, "lost_reply": True} for method in begun.lose_reply or ()]
    if hits or calls:
        service["preemptions"] = [*service.get("preemptions", []), *hits]
        service["calls"] = [*service.get("calls", []), *calls]
        script["service"] = service
    return script
