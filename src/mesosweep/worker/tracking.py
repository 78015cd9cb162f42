"""A trial's curve goes to its trackers, and their troubles stay theirs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from mesosweep.domain.trial import Evaluation
from mesosweep.plugins import TRACKERS, Registry
from mesosweep.ports import Tracker


@contextmanager
def tracking(
    names: Sequence[str], order: Mapping[str, Any], *, registry: Registry | None = None
) -> Iterator[Callable[[Evaluation], None]]:
    """Open the named trackers for one trial, and yield what tells an evaluation to all of them.

    Raises:
        PluginError: a tracker does not exist. Once open, one that raises is let go with
            a line in the log: a trial does not fail because a dashboard did.
    """
    registry = registry or Registry()
    trackers: list[Tracker] = [registry.get(TRACKERS, name) for name in names]
    with ExitStack() as stack:
        told = [stack.enter_context(tracker(order)) for tracker in trackers]

        def track(evaluation: Evaluation) -> None:
            for tell in list(told):
                try:
                    tell(evaluation)
                except Exception as cause:  # noqa: BLE001  # whatever a third party's service does
                    print(f"A tracker was let go: {cause!r}", file=sys.stderr)
                    told.remove(tell)

        yield track
