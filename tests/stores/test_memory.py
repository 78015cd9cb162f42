"""The store that other tests use keeps the promises of a real one."""

from __future__ import annotations

from mesosweep.ports import Store
from mesosweep.testing.store import MemoryStore, StoreSuite


class TestMemoryStore(StoreSuite):
    def setup_method(self) -> None:
        self.store = MemoryStore()

    def open_store(self) -> Store:
        return self.store
