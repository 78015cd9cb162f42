"""A backend reads and writes objects by their addresses, and absence is never guessed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("google.cloud.storage")

from mesosweep.domain.errors import Refused, StoreUnreachable
from mesosweep.rehearsal.storage import LocalStorage
from mesosweep.rehearsal.storage_direct import direct_client
from mesosweep.rehearsal.storage_faults import StorageFault, StorageScript
from mesosweep.rehearsal.storage_service import StorageService
from mesosweep.stores.gcs_objects import Objects
from mesosweep.testing.bucket import BucketSuite, MemoryBucket
from mesosweep.testing.clock import FakeClock

STAGE = "gs://sweeps-of-mine/sweeps/ratite/ppo/stage1"


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalStorage]:
    with LocalStorage(tmp_path / "cloud", clock=FakeClock()) as served:
        served.make_bucket("sweeps-of-mine")
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", served.address)
        yield served


@pytest.fixture
def objects(served: LocalStorage) -> Objects:
    return Objects(clock=FakeClock())


class TestObjects(BucketSuite):
    @pytest.fixture(autouse=True)
    def _place(self, served: LocalStorage) -> None:
        served.make_bucket("a-bucket")

    def open_bucket(self) -> Objects:
        return Objects(clock=FakeClock())


class TestObjectsWithoutASocket(BucketSuite):
    @pytest.fixture(autouse=True)
    def _place(self, tmp_path: Path) -> None:
        self.service = StorageService(tmp_path, FakeClock(), StorageScript())
        self.service.shelf.make_bucket("a-bucket")

    def open_bucket(self) -> Objects:
        return Objects(clock=FakeClock(), client=direct_client(self.service))


class TestMemoryBucket(BucketSuite):
    @pytest.fixture(autouse=True)
    def _place(self) -> None:
        self.bucket = MemoryBucket()

    def open_bucket(self) -> MemoryBucket:
        return self.bucket


def test_what_was_written_is_read(objects: Objects) -> None:
    objects.write(f"{STAGE}/study.json", b"{}")

    assert objects.read(f"{STAGE}/study.json") == b"{}"
    assert objects.read(f"{STAGE}/other.json") is None


@pytest.mark.parametrize(
    ("content", "tail"), [(b"", b""), (b"12", b"12"), (b"1234", b"234"), (b"123", b"123")]
)
def test_the_end_of_an_object_is_one_call(
    served: LocalStorage, objects: Objects, content: bytes, tail: bytes
) -> None:
    objects.write(f"{STAGE}/1/progress.jsonl", content)
    before = len(served.calls)

    assert objects.read(f"{STAGE}/1/progress.jsonl", tail=3) == tail
    assert len(served.calls) == before + 1


def test_the_end_of_nothing_is_absent(objects: Objects) -> None:
    assert objects.read(f"{STAGE}/1/progress.jsonl", tail=3) is None


def test_a_stage_is_not_another_attempt_at_it(objects: Objects) -> None:
    for folder in (STAGE, f"{STAGE}_a1"):
        objects.write(f"{folder}/1/metrics.json", b"{}")

    assert list(objects.names(f"{STAGE}/")) == [f"{STAGE}/1/metrics.json"]
    assert len(objects.names(STAGE)) == 2


def test_a_listing_of_many_pages_is_whole(served: LocalStorage, objects: Objects) -> None:
    folder = served.root / "sweeps-of-mine" / "many"
    folder.mkdir()
    for number in range(1001):
        (folder / f"{number:04}").touch()

    assert len(objects.names("gs://sweeps-of-mine/many/")) == 1001


def test_unreachable_and_refused_are_not_absent(served: LocalStorage, objects: Objects) -> None:
    with pytest.raises(Refused, match="no such bucket"):
        objects.read("gs://not-there/study.json")
    served.play(StorageScript(calls=(StorageFault("objects.list", status=403, probability=1.0),)))
    with pytest.raises(Refused, match="permission denied"):
        objects.names(STAGE)
    served.play(StorageScript(unreachable=True))
    with pytest.raises(StoreUnreachable):
        objects.read(f"{STAGE}/study.json")
