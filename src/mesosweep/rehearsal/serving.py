"""A rehearsed JobService on loopback ports: one object to open, use and close.

with LocalJobs(ScriptedRunner(course_of), clock=clock) as jobs:
    client = JobServiceClient(…, jobs.endpoint)      # time passes when `clock` sleeps
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from types import TracebackType

from mesosweep.ports import Clock
from mesosweep.rehearsal.faults import Faults, FaultScript
from mesosweep.rehearsal.grpc_server import GrpcServer
from mesosweep.rehearsal.jobs import Jobs
from mesosweep.rehearsal.rest_server import RestServer
from mesosweep.rehearsal.running import TrialRunner
from mesosweep.rehearsal.runs import Pace, Place
from mesosweep.rehearsal.service import JobService
from mesosweep.rehearsal.undocumented import BELIEVED, Undocumented

LOOK_S = 0.2
"""How often jobs of real processes are looked at between calls."""


class LocalJobs:
    """Serves from construction to `close`.

    With a `clock` of the caller's, time acts when somebody calls: everything that happened
    since the last call then happens in its order. Without one it is the machine's time, and a
    thread looks at the jobs five times a second.
    """

    def __init__(
        self,
        runner: TrialRunner,
        *,
        clock: Clock | None = None,
        script: FaultScript | None = None,
        undocumented: Undocumented = BELIEVED,
        pace: Pace | None = None,
        seed: int = 0,
        project: str | None = None,
        entry_point: tuple[str, ...] = ("mesosweep",),
        tell: Callable[[str, Mapping[str, object]], None] | None = None,
        port: int = 0,
        rest_port: int | None = None,
    ) -> None:
        """Open the gRPC port, and the REST one unless it is None; 0 takes a free port.

        Raises:
            OSError: a port is taken.
            SettingsError: the script names a method that there is not.
        """
        place = Place(
            runner,
            Faults(script),
            undocumented,
            pace or Pace(),
            entry_point,
            tell or (lambda _event, _facts: None),
        )
        self.service = JobService(Jobs(place, clock or MachineClock(), seed=seed, project=project))
        self._open = ExitStack()
        with ExitStack() as opening:
            opening.callback(self.service.close)
            grpc = GrpcServer(self.service, port=port)
            opening.callback(grpc.close)
            self.endpoint = grpc.endpoint
            """For clients of plaintext gRPC: `http://127.0.0.1:PORT`."""
            self.rest_endpoint: str | None = None
            if rest_port is not None:
                rest = RestServer(self.service, port=rest_port)
                opening.callback(rest.close)
                self.rest_endpoint = rest.endpoint
            if clock is None:
                opening.callback(_looking(self.service))
            self._open = opening.pop_all()

    @property
    def faults(self) -> Faults:
        """What went wrong so far; its `script` may be replaced."""
        return self.service.faults

    @property
    def is_at_work(self) -> bool:
        """Whether some job has not ended."""
        return self.service.jobs.is_at_work

    def close(self) -> None:
        """Stop serving and end all trials."""
        self._open.close()

    def __enter__(self) -> LocalJobs:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class MachineClock:
    """The machine's time."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


def _looking(service: JobService) -> Callable[[], None]:
    """Start a thread that lets time act; return what ends it."""
    closing = threading.Event()

    def look() -> None:
        while not closing.wait(LOOK_S):
            service.advance()

    thread = threading.Thread(target=look, name="time", daemon=True)
    thread.start()

    def end() -> None:
        closing.set()
        thread.join()

    return end
