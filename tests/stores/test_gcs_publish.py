"""What a trial wrote outlives its machine, and can be read at every moment in between."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from mesosweep.domain.errors import CheckpointDamaged, StoreError
from mesosweep.records.bundle import open_bundle, publish_bundle
from mesosweep.records.layout import TrialFolder, manifest_of, pending_of
from mesosweep.records.periodic import latest_whole, publish_periodic
from mesosweep.stores import gcs_publish
from mesosweep.stores.gcs_order import in_order, is_manifest, pending_name
from mesosweep.stores.gcs_publish import Publisher
from mesosweep.testing.clock import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def local(tmp_path: Path) -> TrialFolder:
    return TrialFolder(tmp_path / "disk" / "3")


@pytest.fixture
def target(tmp_path: Path) -> TrialFolder:
    return TrialFolder(tmp_path / "gcs" / "bucket" / "stage1" / "3")


@pytest.fixture
def publisher(local: TrialFolder, target: TrialFolder, clock: FakeClock) -> Publisher:
    return Publisher(local.path, target.path, clock=clock)


def save_best(folder: TrialFolder, text: str) -> None:
    def save(policy: Path) -> None:
        policy.write_text(text)
        policy.with_name("best_model.vecnormalize.npz").write_text(f"statistics of {text}")

    publish_bundle(folder.best, save, step=len(text))


def files(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): path.read_text()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_names_are_those_of_the_records() -> None:
    best = Path("models/best_model.zip")

    assert pending_name(best.stem) == pending_of(best).name
    assert is_manifest(manifest_of(best).as_posix())


def test_parts_come_before_what_names_them_and_the_record_last() -> None:
    names = [
        "metrics.json",
        "models/best_model.manifest.json",
        "models/best_model.zip",
        "checkpoint/100/manifest.json",
        "checkpoint/100/model.zip",
        "progress.jsonl",
    ]

    assert in_order(names) == [
        "checkpoint/100/model.zip",
        "models/best_model.zip",
        "progress.jsonl",
        "models/best_model.manifest.json",
        "checkpoint/100/manifest.json",
        "metrics.json",
    ]


def test_what_is_published_is_what_was_written(
    publisher: Publisher, local: TrialFolder, target: TrialFolder
) -> None:
    save_best(local, "good")
    publish_periodic(local.checkpoints, lambda aside: _write(aside / "model.zip", "w"), step=100)
    _write(local.progress, '{"step": 1}\n')
    _write(local.path / "lease", "1234")
    publisher.publish()
    save_best(local, "better")
    shutil.rmtree(local.checkpoints)
    _write(local.metrics, "{}")

    publisher.publish()

    here = files(local.path)
    del here["lease"]
    assert files(target.path) == here
    assert not target.checkpoints.exists()


def test_what_did_not_change_is_not_written_again(
    publisher: Publisher, local: TrialFolder, target: TrialFolder
) -> None:
    save_best(local, "good")
    publisher.publish()
    before = target.best.stat().st_ino
    _write(local.progress, '{"step": 1}\n')

    publisher.publish()

    assert target.best.stat().st_ino == before
    assert target.progress.exists()


def test_a_file_is_written_once_a_second_at_most(
    publisher: Publisher, local: TrialFolder, clock: FakeClock
) -> None:
    for number in range(3):
        _write(local.progress, str(number))
        publisher.publish()

    assert clock.slept == [1.0, 1.0]


def test_killed_after_any_file_the_bucket_holds_a_whole_bundle_and_the_next_machine_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every single copy of replacing a bundle is cut short once."""
    copy, survived = gcs_publish._copy, 0
    for cut in range(20):
        local = TrialFolder(tmp_path / str(cut) / "disk")
        target = TrialFolder(tmp_path / str(cut) / "bucket")
        publisher = Publisher(local.path, target.path, clock=FakeClock())
        save_best(local, "old")
        publisher.publish()
        save_best(local, "newer")
        copied = 0

        def cut_short(source: Path, to: Path, cut: int = cut) -> None:
            nonlocal copied
            if copied == cut:
                raise KeyboardInterrupt  # as sudden as a machine that is taken away
            copied += 1
            copy(source, to)

        monkeypatch.setattr(gcs_publish, "_copy", cut_short)
        try:
            publisher.publish()
        except KeyboardInterrupt:
            pass
        else:
            survived = cut
            break
        finally:
            monkeypatch.setattr(gcs_publish, "_copy", copy)

        assert open_bundle(target.best).step in (len("old"), len("newer"))
        again = TrialFolder(tmp_path / str(cut) / "another disk")
        assert Publisher(again.path, target.path, clock=FakeClock()).restore()
        assert open_bundle(again.best).step in (len("old"), len("newer"))
        assert files(again.path) == files(target.path)

    # Three parts to the waiting folder, and three to their places.
    assert survived == 6


def test_a_try_that_failed_goes_on_where_nothing_is_lost(
    publisher: Publisher,
    local: TrialFolder,
    target: TrialFolder,
    clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    save_best(local, "old")
    publisher.publish()
    save_best(local, "newer")
    copy, fails = gcs_publish._copy, [4, 9, 10]
    made = 0

    def sometimes(source: Path, to: Path) -> None:
        nonlocal made
        made += 1
        if made in fails:
            raise OSError(5, "Input/output error")
        copy(source, to)

    monkeypatch.setattr(gcs_publish, "_copy", sometimes)
    with pytest.raises(StoreError, match="Input/output error"):
        publisher.publish()
    assert open_bundle(target.best).step == len("newer")

    publisher.publish_at_last()

    assert open_bundle(target.best).step == len("newer")
    assert not pending_of(target.best).exists()


def test_the_next_machine_goes_on_from_the_latest_checkpoint(
    publisher: Publisher, local: TrialFolder, target: TrialFolder, tmp_path: Path
) -> None:
    for step in (100, 200):
        publish_periodic(
            local.checkpoints, lambda aside: _write(aside / "model.zip", "w"), step=step
        )
    publisher.publish()
    (target.checkpoints / "200" / "manifest.json").unlink()

    again = TrialFolder(tmp_path / "another disk")
    assert Publisher(again.path, target.path, clock=FakeClock()).restore()

    kept, passed_over = latest_whole(again.checkpoints)
    assert kept is not None
    assert (kept.step, len(passed_over)) == (100, 1)


def test_there_is_nothing_to_bring_back_at_first(publisher: Publisher, local: TrialFolder) -> None:
    assert not publisher.restore()
    assert not local.path.exists()


def test_a_bucket_that_cannot_be_written_is_a_sentence(
    local: TrialFolder, tmp_path: Path, clock: FakeClock
) -> None:
    (tmp_path / "gcs").write_text("no mount")
    _write(local.metrics, "{}")
    publisher = Publisher(local.path, tmp_path / "gcs" / "3", clock=clock)

    with pytest.raises(StoreError, match="cannot be published"):
        publisher.publish_at_last()

    assert clock.slept == list(gcs_publish.PAUSES_S)


def test_a_bundle_is_nothing_before_its_manifest(
    publisher: Publisher,
    local: TrialFolder,
    target: TrialFolder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    save_best(local, "first")
    copy = gcs_publish._copy

    def no_manifest(source: Path, to: Path) -> None:
        if is_manifest(to.name):
            raise OSError(5, "Input/output error")
        copy(source, to)

    monkeypatch.setattr(gcs_publish, "_copy", no_manifest)
    with pytest.raises(StoreError):
        publisher.publish()

    with pytest.raises(CheckpointDamaged):
        open_bundle(target.best)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
