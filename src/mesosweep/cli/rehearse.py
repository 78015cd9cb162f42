"""`mesosweep rehearse COMMAND`: the whole cloud path on this machine, and nothing is billed."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from mesosweep.domain.errors import SettingsError, UsageError, did_you_mean

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
    seed: Annotated[int, typer.Option("--seed", help="Of what the rehearsed service draws.")] = 0,
    real_waits: Annotated[
        bool, typer.Option("--real-waits", help="Wait as long as with the real cloud.")
    ] = False,
) -> int:
    """Run a cloud command against a cloud on this machine: real trials, nothing billed.

    No project, bucket, image or credentials are needed. The cloud goes on when this command
    is killed; it ends with a sweep that is finished, and by `mesosweep rehearse stop`.
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
    script = _script(faults, preempt or (), lose_reply or ())
    if cloud is None:
        say("Starting a cloud on this machine …")
        cloud = rehearsing.started(folder, faults=json.dumps(script), seed=seed)
    elif script:
        raise UsageError(
            f"A rehearsed cloud is served already (pid {cloud.pid}), with faults of its own.",
            hint="Leave the faults out to go on with it, or end it: mesosweep rehearse stop",
        )
    hurry = 1.0 if real_waits else rehearsing.HURRY
    say(
        "REHEARSAL: jobs, buckets and trials are on this machine; nothing is billed."
        + ("" if real_waits else f" Waits are {hurry:.0f} times shorter.")
    )
    prefix = ("rehearse", *_own(folder, real_waits=real_waits))
    rehearsal = rehearsing.Rehearsal(folder, hurry, prefix)
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


def _script(
    path: Path | None, preempted: Sequence[str], lost: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """Return what goes wrong, as `rehearsal.cloud` reads it; empty when nothing does."""
    script: dict[str, Any] = {}
    if path is not None:
        try:
            script = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as cause:
            raise SettingsError(f"--faults {path}: cannot be read as JSON: {cause}.") from None
        if not isinstance(script, dict):
            raise SettingsError(f"--faults {path}: must hold one JSON object.")
    service = dict(script.get("service", {}))
    hits = [{"trial": trial, "after_reports": 1} for trial in preempted]
    calls = [{"method": method, "call": 1, "lost_reply": True} for method in lost]
    if hits or calls:
        service["preemptions"] = [*service.get("preemptions", []), *hits]
        service["calls"] = [*service.get("calls", []), *calls]
        script["service"] = service
    return script
