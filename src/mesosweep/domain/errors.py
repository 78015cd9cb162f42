"""Every error that a user may meet, drawn as one tree.

    MesosweepError                 exit 1   a fault of ours
    ├── UsageError                 exit 2   fix the command or the file
    │   ├── SettingsError                   a file or flag says something impossible
    │   ├── PlanMismatch                    the folder holds another plan's sweep
    │   └── PluginError                     PluginNotFound · PluginAmbiguous · PluginBroken · PluginTooNew · ExtraMissing
    ├── StageError                 exit 3   the science said no
    │   ├── NoTrialFinished
    │   └── GateNotPassed
    ├── BackendError               exit 4   the outside said no
    │   ├── Transient                       worth another try after a while
    │   │   └── QuotaExhausted              and nothing was begun
    │   ├── Refused                         never worth another try as it stands
    │   └── RepeatedFailure                 trial after trial failed in the same way
    ├── StoreError                 exit 5   nothing on disk can be believed or written
    │   ├── StoreUnreachable · StoreConflict · SweepLocked
    │   ├── StateDamaged
    │   └── CheckpointDamaged
    ├── BudgetReached              exit 6   going on would cost more than allowed
    └── Interrupted                exit 130 the user stopped it; the same command goes on

The command line prints `str(error)` and then `error.hint`, and exits with
`error.exit_code`; only it may exit. Everybody else raises.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import ClassVar


class MesosweepError(Exception):
    """Base of all errors with a sentence for the user; never shown as a traceback."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


class UsageError(MesosweepError):
    """The command, a file or a plugin is wrong; nothing was run. The user mends it."""

    exit_code = 2


class SettingsError(UsageError):
    """A setting is unknown, malformed or impossible. The message leads with file and key."""


class PlanMismatch(UsageError):
    """The folder holds a sweep of another plan. Restore the plan or pass `--no-resume`."""


class PluginError(UsageError):
    """A plugin that was asked for by name cannot be used."""


class PluginNotFound(PluginError):
    """No installed distribution offers this name."""

    def __init__(self, kind: str, name: str, *, installed: Iterable[str]) -> None:
        known = sorted(installed)
        listed = ", ".join(known) if known else "none"
        super().__init__(
            f"No {kind} '{name}'. Installed: {listed}.",
            hint=f"{did_you_mean(name, known)}See them all: mesosweep plugins",
        )


class PluginAmbiguous(PluginError):
    """Several installed distributions offer this name; the user uninstalls all but one."""

    def __init__(self, kind: str, name: str, distributions: Sequence[str]) -> None:
        super().__init__(
            f"{kind.capitalize()} '{name}' is offered by {len(distributions)} distributions: "
            f"{', '.join(distributions)}.",
            hint="Uninstall all but one of them: pip uninstall NAME",
        )


class PluginBroken(PluginError):
    """Importing the plugin raised, or what it offers is not of its kind."""

    def __init__(self, kind: str, name: str, distribution: str, reason: str) -> None:
        super().__init__(
            f"{kind.capitalize()} '{name}' from {distribution} cannot be loaded: {reason}",
            hint=f"Reinstall or repair {distribution}; the other plugins are not affected.",
        )


class PluginTooNew(PluginError):
    """The plugin was written for a later version of the plugin contract."""

    def __init__(self, kind: str, name: str, distribution: str, *, api: int, ours: int) -> None:
        super().__init__(
            f"{kind.capitalize()} '{name}' from {distribution} speaks plugin contract {api}; "
            f"this mesosweep speaks {ours}.",
            hint="Upgrade mesosweep, or install an older release of the plugin.",
        )


class ExtraMissing(PluginError):
    """The plugin is there, the packages it works with are not."""

    def __init__(self, what: str, package: str, extra: str) -> None:
        super().__init__(
            f"{what} needs {package}, which is not installed.",
            hint=f"Install it with: pip install 'mesosweep[{extra}]'",
        )


class StageError(MesosweepError):
    """A stage ended without a winner that may go on."""

    exit_code = 3


class NoTrialFinished(StageError):
    """Not one trial of the stage produced a finite panel score."""


class GateNotPassed(StageError):
    """Trials finished, none passed the stage's gate, and the plan says to stop then."""


class BackendError(MesosweepError):
    """The place where trials run refused or failed."""

    exit_code = 4


class Transient(BackendError):
    """May pass by itself. The engine tries again after a while, then raises."""


class QuotaExhausted(Transient):
    """There is no quota for what was asked for, so it was not begun: nothing is left to look for."""


class Refused(BackendError):
    """Will fail again as it stands: credentials, permission, a bad request. Never retried."""


class RepeatedFailure(BackendError):
    """Several trials in a row failed with the same message; going on would burn the budget."""


class StoreError(MesosweepError):
    """Saved state or a checkpoint cannot be read or written."""

    exit_code = 5


class StoreUnreachable(StoreError):
    """The store did not answer. That is never taken for an absent state."""


class StoreConflict(StoreError):
    """Somebody else wrote the state since we read it. Only one operator may go on."""


class SweepLocked(StoreError):
    """Another process is running this sweep."""


class StateDamaged(StoreError):
    """The state file is there but cannot be believed. Restore it or pass `--no-resume`."""


class CheckpointDamaged(StoreError):
    """A part of a checkpoint bundle is missing, truncated or of another bundle."""


class BudgetReached(MesosweepError):
    """Going on would exceed `--max-cost`."""

    exit_code = 6


class Interrupted(MesosweepError):
    """The user stopped the sweep. Everything is saved; the same command goes on."""

    exit_code = 130


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return "Did you mean 'x'? " for the nearest known name, or an empty string."""
    near = get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"Did you mean '{near[0]}'? " if near else ""
