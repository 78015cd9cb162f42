"""A path is a path, wherever it lies."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("google.cloud.storage")

from mesosweep.domain.errors import CheckpointDamaged, StoreUnreachable
from mesosweep.records.bundle import open_bundle, publish_bundle
from mesosweep.rehearsal.storage import LocalStorage
from mesosweep.rehearsal.storage_faults import StorageFault, StorageScript
from mesosweep.stores import reach
from mesosweep.testing.clock import FakeClock

URI = "gs://a-bucket/stage1/3/models/best_model.zip"
NAMES = (URI, URI.replace("gs://", "/gcs/"))


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def cloud(
    tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> Iterator[LocalStorage]:
    with LocalStorage(tmp_path / "cloud", clock=clock) as served:
        served.make_bucket("a-bucket")
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", served.address)
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        monkeypatch.setenv("MESOSWEEP_GCS_ROOT", str(tmp_path / "no mounts here"))
        yield served


def save_best(cloud: LocalStorage, text: str) -> None:
    def save(policy: Path) -> None:
        policy.write_text(text)
        policy.with_name("best_model.vecnormalize.npz").write_text(f"statistics of {text}")

    policy = cloud.root / "a-bucket/stage1/3/models/best_model.zip"
    publish_bundle(policy, save, step=len(text))


@pytest.mark.parametrize("name", NAMES)
def test_a_bundle_is_brought_from_a_bucket_that_is_not_mounted(
    cloud: LocalStorage, clock: FakeClock, name: str
) -> None:
    save_best(cloud, "good")

    brought = open_bundle(reach.bundle(name, clock=clock))

    assert brought.step == len("good")
    assert not brought.policy.is_relative_to(cloud.root)


@pytest.mark.parametrize("name", NAMES)
def test_where_it_is_mounted_it_is_read_in_place(
    cloud: LocalStorage, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("MESOSWEEP_GCS_ROOT", str(cloud.root))
    save_best(cloud, "good")

    policy = reach.bundle(name)

    assert policy == cloud.root / "a-bucket/stage1/3/models/best_model.zip"
    assert cloud.calls == ()


def test_a_path_of_this_machine_stays_what_it_is(tmp_path: Path) -> None:
    assert reach.bundle("somewhere/best_model.zip") == Path("somewhere/best_model.zip")
    assert reach.folder(str(tmp_path)) == tmp_path
    (tmp_path / "study.json").write_text("{}")
    assert reach.read(str(tmp_path / "study.json")) == b"{}"
    assert reach.read(str(tmp_path / "another.json")) is None


def test_a_bundle_that_was_replaced_is_brought_again(cloud: LocalStorage, clock: FakeClock) -> None:
    for text in ("good", "better"):
        save_best(cloud, text)

        assert reach.bundle(URI, clock=clock).read_text() == text


def test_a_bundle_that_is_not_there_is_for_its_reader_to_miss(
    cloud: LocalStorage, clock: FakeClock
) -> None:
    with pytest.raises(CheckpointDamaged, match="no such file"):
        open_bundle(reach.bundle(URI, clock=clock))


def test_a_whole_folder_can_be_brought(cloud: LocalStorage, clock: FakeClock) -> None:
    folder = cloud.root / "a-bucket" / "my stages"
    folder.mkdir()
    (folder / "stage1.toml").write_text("one")

    brought = reach.folder("gs://a-bucket/my stages", clock=clock)

    assert {path.name: path.read_text() for path in brought.glob("*.toml")} == {
        "stage1.toml": "one"
    }


def test_a_document_is_read_and_missed(cloud: LocalStorage, clock: FakeClock) -> None:
    (cloud.root / "a-bucket" / "study.json").write_text("{}")

    assert reach.read("gs://a-bucket/study.json", clock=clock) == b"{}"
    assert reach.read("/gcs/a-bucket/another.json", clock=clock) is None


def test_what_is_unreachable_is_not_absent(cloud: LocalStorage, clock: FakeClock) -> None:
    cloud.play(StorageScript(calls=(StorageFault(probability=1.0),)))

    with pytest.raises(StoreUnreachable):
        reach.read("gs://a-bucket/study.json", clock=clock)
