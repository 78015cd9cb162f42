"""`mesosweep bench`: what this machine can do with an animal, and what to make of it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from mesosweep.cli.options import AsJson
from mesosweep.cli.taking import takes
from mesosweep.settings.flags import Flags

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mesosweep.domain.space import Value
    from mesosweep.worker.bench import Subject

EXAMPLES = (
    "mesosweep bench --species velociraptor\n\n"
    "mesosweep bench --species velociraptor --algorithm sac --stage 2 --quick --json"
)


@takes(("species", "algorithm", "stage"))
def bench(
    flags: Flags,
    *,
    quick: Annotated[
        bool, typer.Option("--quick", help="Measure less: a quarter of a minute, not a whole one.")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Measure how fast this machine trains, and say which --n-envs and --parallel suit it.

    With several numbers of environments, and with several processes side by side. `plan` takes
    what was found into its estimate of the time.
    """
    from mesosweep.cli.screen import output
    from mesosweep.report.bench import bench_document, bench_view, next_command
    from mesosweep.report.summary import show
    from mesosweep.settings.advice import advise
    from mesosweep.settings.plan import usable_cores
    from mesosweep.worker.bench import QUICK, Effort, measured
    from mesosweep.worker.bench_kept import remember
    from mesosweep.worker.bench_process import BenchProcess, free_memory_bytes

    subject, hyperparameters, stage_name = _subject(flags)
    with _telling(f"Measuring {subject.species} with {subject.algorithm}") as told:
        found = measured(
            subject,
            effort=QUICK if quick else Effort(),
            told=told,
            cores=usable_cores(),
            memory_bytes=free_memory_bytes(),
            open_bencher=BenchProcess,
        )
    remember(subject, found)
    advice = advise(found, hyperparameters)
    following = next_command(subject.species, subject.algorithm, advice, own_envs=subject.own_envs)
    if as_json:
        of = {"species": subject.species, "algorithm": subject.algorithm, "stage": subject.stage}
        document = bench_document(found, advice, of=of, next_command=following)
        print(json.dumps(document, indent=2, allow_nan=False))
        return 0
    title = f"{subject.species} · {subject.algorithm} · stage {subject.stage} {stage_name}"
    show(output(), bench_view(found, advice, title=title, next_command=following))
    return 0


def _subject(flags: Flags) -> tuple[Subject, Mapping[str, Value], str]:
    """Return what to measure, its own hyperparameters and its stage's name; raises UsageError."""
    from mesosweep.plugins import Registry
    from mesosweep.settings.comparables import species_code
    from mesosweep.settings.desk import Desk
    from mesosweep.settings.trial import DEFAULT_N_ENVS, overlaid, own_hyperparameters
    from mesosweep.worker.bench import Subject

    desk = Desk.open(flags, Registry(), os.environ)
    vocabulary = desk.vocabulary
    stage = overlaid(vocabulary, flags.stage or 1, ())
    subject = Subject(
        species=desk.species,
        algorithm=desk.algorithm,
        stage=stage.number,
        own_envs=stage.n_envs or DEFAULT_N_ENVS,
        code=species_code(vocabulary.species),
    )
    return subject, own_hyperparameters(vocabulary.algorithm, stage), stage.name


@contextmanager
def _telling(what: str) -> Iterator[Callable[[str], None]]:
    """Show what is going on: one line that changes for a person, a line each for everyone else."""
    import sys

    from mesosweep.cli.faults import say
    from mesosweep.cli.screen import is_repaintable, progress

    if not is_repaintable(sys.stderr):
        say(f"{what} …")
        yield say
        return
    with progress(f"{what} …") as show:
        yield lambda text: show(f"{what} … {text}")
