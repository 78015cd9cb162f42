"""Whatever is done to objects in whatever order, generations keep their promises."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

pytest.importorskip("google_crc32c")

from mesosweep.rehearsal.storage_conditions import Conditions, Refusal
from mesosweep.rehearsal.storage_ledger import About
from mesosweep.rehearsal.storage_objects import Shelf
from mesosweep.testing.clock import FakeClock

BUCKET = "some-bucket"
NAMES = ("a", "b/c")
names = st.sampled_from(NAMES)
contents = st.binary(max_size=4)
# Small numbers stand for what was live so many changes ago.
ages = st.none() | st.integers(-1, 3)


class Objects(RuleBasedStateMachine):
    """A shelf beside the simplest thing that it could be: a dictionary."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.clock = FakeClock()
        self.shelf = Shelf(self.folder, self.clock)
        self.shelf.make_bucket(BUCKET)
        self.model: dict[str, tuple[int, int, bytes]] = {}
        self.given: list[int] = []

    def teardown(self) -> None:
        shutil.rmtree(self.folder)

    def _live(self, name: str) -> tuple[int, int]:
        generation, metageneration, _ = self.model.get(name, (0, 0, b""))
        return generation, metageneration

    def _asked(self, name: str, age: int | None) -> int | None:
        """Return a generation to ask for: the live one, none at all (0), or an older one."""
        if age is None:
            return None
        if age < 0:
            return 0
        return self._live(name)[0] if age == 0 or len(self.given) < age else self.given[-age]

    @rule(name=names, content=contents, age=ages, metageneration=st.none() | st.integers(0, 2))
    def put(self, name: str, content: bytes, age: int | None, metageneration: int | None) -> None:
        asked = Conditions(generation=self._asked(name, age), metageneration=metageneration)
        live = self._live(name)
        holds = asked.generation in (None, live[0]) and metageneration in (None, live[1])
        if not holds:
            with pytest.raises(Refusal, match="pre-conditions"):
                self.shelf.put(BUCKET, name, content, About(), asked)
            return
        made = self.shelf.put(BUCKET, name, content, About(), asked)
        self._is_new(made.generation)
        self.model[name] = (made.generation, 1, content)

    @rule(name=names, age=ages)
    def remove(self, name: str, age: int | None) -> None:
        asked, known = self._asked(name, age), name in self.model
        if known and asked in (None, self._live(name)[0]):
            self.shelf.remove(BUCKET, name, Conditions(generation=asked))
            del self.model[name]
            return
        with pytest.raises(Refusal, match="pre-conditions" if known else "No such object"):
            self.shelf.remove(BUCKET, name, Conditions(generation=asked))

    @rule(name=names)
    def patch(self, name: str) -> None:
        if name not in self.model:
            with pytest.raises(Refusal, match="No such object"):
                self.shelf.patch(BUCKET, name, About(), Conditions())
            return
        generation, metageneration, content = self.model[name]
        patched = self.shelf.patch(BUCKET, name, About(metadata={"a": "b"}), Conditions())
        assert (patched.generation, patched.metageneration) == (generation, metageneration + 1)
        self.model[name] = (generation, metageneration + 1, content)

    @rule(name=names, content=contents)
    def somebody_else_writes_the_file(self, name: str, content: bytes) -> None:
        path = self.folder / BUCKET / name
        path.parent.mkdir(exist_ok=True)
        aside = self.folder / "aside"
        aside.write_bytes(content)
        aside.replace(path)
        found = self.shelf.get(BUCKET, name, Conditions())
        self._is_new(found.generation)
        self.model[name] = (found.generation, 1, content)

    @rule(name=names)
    def somebody_else_removes_the_file(self, name: str) -> None:
        (self.folder / BUCKET / name).unlink(missing_ok=True)
        self.model.pop(name, None)

    @rule()
    def the_folder_is_served_again_by_an_earlier_clock(self) -> None:
        self.clock = FakeClock()
        self.shelf = Shelf(self.folder, self.clock)

    @rule(seconds=st.floats(0, 2))
    def time_passes(self, seconds: float) -> None:
        self.clock.sleep(seconds)

    @invariant()
    def the_shelf_holds_what_the_model_holds(self) -> None:
        listed = self.shelf.listed(BUCKET)
        assert {name: (s.generation, s.metageneration) for name, s in listed.items()} == {
            name: (generation, metageneration)
            for name, (generation, metageneration, _) in self.model.items()
        }
        for name, (generation, _, content) in self.model.items():
            found, file = self.shelf.open(BUCKET, name, Conditions(generation=generation))
            with file:
                assert file.read() == content
            assert found.size == len(content)

    def _is_new(self, generation: int) -> None:
        assert generation > max(self.given, default=0)
        self.given.append(generation)


TestObjects = Objects.TestCase
TestObjects.settings = settings(max_examples=40, stateful_step_count=20, deadline=None)
