"""A trial's curve goes to its trackers, and their troubles stay theirs."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from mesosweep.domain.trial import Evaluation, Trial
from mesosweep.plugins import TRACKERS, Registry
from mesosweep.ports import Track, Tracker
from mesosweep.records.layout import stage_and_attempt
from mesosweep.worker.request import TrialRequest


@contextmanager
def tracking(
    names: Sequence[str], order: Mapping[str, Any], *, registry: Registry | None = None
) -> Iterator[Track]:
    """Open the named trackers for one trial, and yield what tells all of them.

    Raises:
        PluginError: a tracker does not exist. One that cannot be opened, raises or cannot
            be closed is let go with a line in the log: a trial does not fail because a
            dashboard did.
    """
    registry = registry or Registry()
    trackers: dict[str, Tracker] = {name: registry.get(TRACKERS, name) for name in names}
    tracks = _Tracks()
    for name, tracker in trackers.items():
        tracks.open(name, tracker, order)
    try:
        yield tracks
    except BaseException as cause:
        tracks.close(cause)
        raise
    tracks.close(None)


class _Tracks:
    """A `ports.Track` that is several, and that never raises."""

    def __init__(self) -> None:
        self._open: dict[str, tuple[AbstractContextManager[Track], Track]] = {}

    def open(self, name: str, tracker: Tracker, order: Mapping[str, Any]) -> None:
        try:
            context = tracker(order)
            self._open[name] = context, context.__enter__()
        except Exception as cause:  # noqa: BLE001  # whatever a third party's service does
            _let_go(name, cause)

    def evaluated(self, evaluation: Evaluation) -> None:
        self._tell(lambda track: track.evaluated(evaluation))

    def stepped(self, step: int, values: Mapping[str, float]) -> None:
        self._tell(lambda track: track.stepped(step, values))

    def ended(self, trial: Trial) -> None:
        self._tell(lambda track: track.ended(trial))

    def close(self, cause: BaseException | None) -> None:
        for name in list(self._open):
            self._close(name, cause)

    def _tell(self, tell: Callable[[Track], None]) -> None:
        for name, (_, track) in list(self._open.items()):
            try:
                tell(track)
            except Exception as cause:  # noqa: BLE001  # as above
                _let_go(name, cause)
                self._close(name, cause)

    def _close(self, name: str, cause: BaseException | None) -> None:
        context, _ = self._open.pop(name)
        try:
            context.__exit__(type(cause) if cause else None, cause, None)
        except Exception as trouble:  # noqa: BLE001  # as above
            # Most contexts raise again what they were told of; that is no news.
            if trouble is not cause:
                _let_go(name, trouble)


def sweep_of(request: TrialRequest) -> str:
    """Return a name that all trials of a sweep share, and those of no other one.

    It comes from where the sweep lies: a trial alone is a sweep of its own folder.
    """
    place = Path(request.study).parent if request.study else request.output_dir.absolute()
    root = place.parent if stage_and_attempt(place.name) is not None else place
    short = hashlib.sha256(str(root).encode()).hexdigest()[:6]
    return f"{request.species}-{request.algorithm}-{short}"


def _let_go(name: str, cause: Exception) -> None:
    told = " ".join(str(cause).split()) or type(cause).__name__
    print(f"Tracker '{name}' was let go: {told}", file=sys.stderr, flush=True)
