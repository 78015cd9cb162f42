"""A store that lives in memory."""

from __future__ import annotations

from mesosweep.domain.errors import StoreConflict
from mesosweep.domain.state import SweepState


class MemoryStore:
    """State in a dictionary; counts saves, keeps what was set aside."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[SweepState, str]] = {}
        self.saves = 0
        self.set_aside_states: list[SweepState] = []

    def load(self, sweep_key: str) -> tuple[SweepState, str] | None:
        return self._kept.get(sweep_key)

    def save(self, sweep_key: str, state: SweepState, *, replacing: str | None) -> str:
        known = self._kept.get(sweep_key)
        if (known[1] if known else None) != replacing:
            raise StoreConflict(f"{sweep_key} was changed by somebody else since it was read.")
        self.saves += 1
        version = str(self.saves)
        self._kept[sweep_key] = (state, version)
        return version

    def set_aside(self, sweep_key: str) -> None:
        if sweep_key in self._kept:
            self.set_aside_states.append(self._kept.pop(sweep_key)[0])
