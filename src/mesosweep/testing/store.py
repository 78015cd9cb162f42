"""A store that lives in memory, and the promises that every store keeps."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mesosweep.domain.errors import StoreConflict
from mesosweep.domain.state import StageState, SweepState
from mesosweep.ports import Store

KEY = "sweep_state_ratite_ppo"


def a_state(*, stages: int = 3, fingerprint: str = "3f9c2a000000") -> SweepState:
    """Return the state of a sweep that has not begun."""
    return SweepState(
        species="ratite",
        algorithm="ppo",
        fingerprint=fingerprint,
        comparables={"species": "ratite", "seed": 42},
        attempt=0,
        stages=tuple(StageState(n, f"lesson {n}") for n in range(1, stages + 1)),
    )


class MemoryStore:
    """States by key; versions count upwards."""

    def __init__(self) -> None:
        self.states: dict[str, tuple[SweepState, str]] = {}
        self.aside: list[SweepState] = []
        self.saves = 0

    def load(self, sweep_key: str) -> tuple[SweepState, str] | None:
        return self.states.get(sweep_key)

    def save(self, sweep_key: str, state: SweepState, *, replacing: str | None) -> str:
        known = self.states.get(sweep_key)
        if (None if known is None else known[1]) != replacing:
            raise StoreConflict(f"{sweep_key}: somebody else changed the saved state.")
        self.saves += 1
        version = str(self.saves)
        self.states[sweep_key] = (state, version)
        return version

    def set_aside(self, sweep_key: str) -> None:
        if (known := self.states.pop(sweep_key, None)) is not None:
            self.aside.append(known[0])


class StoreSuite:
    """Derive a test class, and give it `open_store`: each call opens the same place anew."""

    def open_store(self) -> Store:
        raise NotImplementedError

    def test_an_empty_store_has_no_state(self) -> None:
        assert self.open_store().load(KEY) is None

    def test_what_was_saved_is_loaded_by_the_next_who_opens_it(self) -> None:
        version = self.open_store().save(KEY, a_state(), replacing=None)

        assert self.open_store().load(KEY) == (a_state(), version)

    def test_the_latest_version_may_be_replaced(self) -> None:
        store = self.open_store()
        first = store.save(KEY, a_state(), replacing=None)
        moved_on = replace(a_state(), attempt=1)

        second = store.save(KEY, moved_on, replacing=first)

        assert store.load(KEY) == (moved_on, second)
        assert second != first

    def test_an_older_version_may_not(self) -> None:
        store = self.open_store()
        first = store.save(KEY, a_state(), replacing=None)
        self.open_store().save(KEY, replace(a_state(), attempt=1), replacing=first)

        with pytest.raises(StoreConflict):
            store.save(KEY, replace(a_state(), attempt=2), replacing=first)

        loaded = store.load(KEY)
        assert loaded is not None
        assert loaded[0].attempt == 1

    def test_a_first_save_replaces_nobody_elses(self) -> None:
        self.open_store().save(KEY, a_state(), replacing=None)

        with pytest.raises(StoreConflict):
            self.open_store().save(KEY, a_state(), replacing=None)

    def test_a_state_that_vanished_is_not_replaced(self) -> None:
        store = self.open_store()
        version = store.save(KEY, a_state(), replacing=None)
        self.open_store().set_aside(KEY)

        with pytest.raises(StoreConflict):
            store.save(KEY, a_state(), replacing=version)

    def test_sweeps_do_not_meet(self) -> None:
        store = self.open_store()
        store.save(KEY, a_state(), replacing=None)

        assert store.load("sweep_state_ratite_sac") is None

    def test_set_aside_makes_room_for_another(self) -> None:
        store = self.open_store()
        store.save(KEY, a_state(), replacing=None)

        store.set_aside(KEY)
        store.set_aside(KEY)

        assert store.load(KEY) is None
        store.save(KEY, replace(a_state(), attempt=1), replacing=None)
