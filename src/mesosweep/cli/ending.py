"""What a sweep says last: its winners, what is next, or what becomes of a job that was left."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from mesosweep.cli.faults import say

if TYPE_CHECKING:
    from mesosweep.cli.argv import Words
    from mesosweep.domain.plan import SweepPlan
    from mesosweep.domain.study import JobRef
    from mesosweep.report.picture import Picture


def submitted(job: JobRef, plan: SweepPlan, words: Words) -> None:
    """Tell of a job that was submitted and left to itself."""
    rehearse = words.rehearsal.words if words.rehearsal else ()
    stage = ("--stage", str(plan.stages[0].number))
    print(job.name)
    if job.url and not rehearse:
        print(f"watch it       {job.url}")
    print(f"how it stands  {line([*rehearse, 'status', plan.root, *stage])}")
    # Beginning anew once more would pay for a second job.
    again = [word for word in words.argv if word != "--no-resume"]
    print(f"follow it up   {line([*again, '--wait'])}")
    if plan.max_cost_usd is not None:
        say("--max-cost ends the job only while somebody follows it.")


def collecting(plan: SweepPlan, words: Words) -> str | None:
    """Return what to do with a sweep in a bucket once it is finished."""
    if not plan.root.startswith("gs://"):
        return None
    rehearse = words.rehearsal.words if words.rehearsal else ()
    command = line([*rehearse, "collect-results", plan.root, "--plot"])
    return f"{command}   # every trial in one table"


def conclude(picture: Picture, again: Sequence[str], *, collect: str | None = None) -> None:
    """Show the winners and the most useful command; `collect` is that of a whole sweep elsewhere."""
    from mesosweep.cli.screen import output
    from mesosweep.report.summary import gate_was_missed, show, summary, what_next

    is_whole = all(stage.status == "finished" for stage in picture.state.stages)
    following = what_next(picture.state, again=again)
    if collect is not None and is_whole and not gate_was_missed(picture.state):
        following = collect
    show(output(), summary(picture, next_command=following))


def line(argv: Sequence[str]) -> str:
    return shlex.join(["mesosweep", *argv])


def tell(fates: Iterable[str]) -> None:
    """Say what becomes of jobs, now that the screen is free."""
    for fate in fates:
        say(fate)
