"""A checkpoint bundle is whole or it is an error."""

from __future__ import annotations

import json
import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from mesosweep.domain.errors import CheckpointDamaged, StoreError
from mesosweep.records import bundle as module
from mesosweep.records.bundle import finish_publishing, open_bundle, publish_bundle
from mesosweep.records.files import place
from mesosweep.records.layout import manifest_of


def saving(text: str) -> Callable[[Path], None]:
    def save(path: Path) -> None:
        path.write_text(f"policy {text}")
        path.with_name(f"{path.stem}.vecnormalize.npz").write_text(f"statistics {text}")

    return save


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    return tmp_path / "models" / "best_model.zip"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_bundle_is_its_parts_and_a_manifest(policy: Path) -> None:
    published = publish_bundle(policy, saving("one"), step=300, meta={"stage": 1})

    assert names(policy.parent) == [
        "best_model.manifest.json",
        "best_model.vecnormalize.npz",
        "best_model.zip",
    ]
    assert open_bundle(policy) == published
    assert published.step == 300
    assert published.meta == {"stage": 1}
    assert set(published.parts) == {"best_model.zip", "best_model.vecnormalize.npz"}


def test_a_new_version_replaces_the_old_one(policy: Path) -> None:
    one = publish_bundle(policy, saving("one"), step=1)

    two = publish_bundle(policy, saving("two"), step=2)

    assert open_bundle(policy) == two
    assert policy.read_text() == "policy two"
    assert one.identity != two.identity


def test_equal_content_has_an_equal_identity_wherever_it_lies(policy: Path, tmp_path: Path) -> None:
    here = publish_bundle(policy, saving("one"), step=1)
    there = publish_bundle(tmp_path / "other" / "best_model.zip", saving("one"), step=1)

    assert here.identity == there.identity


@pytest.mark.parametrize("part", ["best_model.zip", "best_model.vecnormalize.npz"])
def test_a_missing_part_is_named(policy: Path, part: str) -> None:
    publish_bundle(policy, saving("one"), step=1)
    policy.with_name(part).unlink()

    with pytest.raises(CheckpointDamaged, match=part.replace(".", r"\.")):
        open_bundle(policy)


@pytest.mark.parametrize("part", ["best_model.zip", "best_model.vecnormalize.npz"])
def test_a_changed_part_is_named(policy: Path, part: str) -> None:
    publish_bundle(policy, saving("one"), step=1)
    policy.with_name(part).write_text("something else")

    with pytest.raises(CheckpointDamaged, match="SHA-256 differs") as caught:
        open_bundle(policy)

    assert part in str(caught.value)
    assert caught.value.exit_code == 5


def test_without_a_manifest_there_is_no_bundle(policy: Path) -> None:
    publish_bundle(policy, saving("one"), step=1)
    manifest_of(policy).unlink()

    with pytest.raises(CheckpointDamaged, match=r"best_model\.manifest\.json"):
        open_bundle(policy)


def test_what_is_not_there_is_named_itself(policy: Path) -> None:
    with pytest.raises(CheckpointDamaged, match=r"best_model\.zip"):
        open_bundle(policy)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"format": 1, "step": 1, "meta": {}, "parts": {}}']
)
def test_a_damaged_manifest_is_damage(policy: Path, text: str) -> None:
    publish_bundle(policy, saving("one"), step=1)
    manifest_of(policy).write_text(text)

    with pytest.raises(CheckpointDamaged, match="manifest"):
        open_bundle(policy)


def test_a_manifest_cannot_point_out_of_its_folder(policy: Path) -> None:
    publish_bundle(policy, saving("one"), step=1)
    told = json.loads(manifest_of(policy).read_text())
    told["parts"]["../secret"] = told["parts"]["best_model.zip"]
    manifest_of(policy).write_text(json.dumps(told))

    with pytest.raises(CheckpointDamaged, match="not a manifest"):
        open_bundle(policy)


def test_a_manifest_of_a_later_mesosweep_says_so(policy: Path) -> None:
    publish_bundle(policy, saving("one"), step=1)
    told = json.loads(manifest_of(policy).read_text())
    manifest_of(policy).write_text(json.dumps({**told, "format": 99}))

    with pytest.raises(CheckpointDamaged, match="later mesosweep"):
        open_bundle(policy)


def test_a_failed_save_leaves_the_old_version(policy: Path) -> None:
    one = publish_bundle(policy, saving("one"), step=1)

    def fails(path: Path) -> None:
        saving("two")(path)
        raise OSError(28, "No space left on device")

    with pytest.raises(StoreError, match="disk is full"):
        publish_bundle(policy, fails, step=2)

    assert open_bundle(policy) == one
    assert len(names(policy.parent)) == 3


@pytest.mark.parametrize("crash_at", [0, 1, 2])
def test_a_crash_while_replacing_never_leaves_a_mixture(
    policy: Path, crash_at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_bundle(policy, saving("one"), step=1)
    copies = iter(range(10))

    def crashing(source: Path, target: Path) -> None:
        if next(copies) == crash_at:
            raise KeyboardInterrupt
        place(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(module, "place", crashing)
        with pytest.raises(KeyboardInterrupt):
            publish_bundle(policy, saving("two"), step=2)

    found = open_bundle(policy)
    assert found.step == 2
    assert found.policy.read_text() == "policy two"
    finish_publishing(policy)
    assert open_bundle(policy).policy == policy
    assert policy.with_name("best_model.vecnormalize.npz").read_text() == "statistics two"


@pytest.mark.parametrize("crash_at", [0, 1, 2])
def test_a_first_version_that_is_cut_short_is_no_bundle_and_is_cleared_away(
    policy: Path, crash_at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    placed = iter(range(10))

    def killed(source: Path, target: Path) -> None:
        if next(placed) == crash_at:
            raise KeyboardInterrupt
        place(source, target)

    with monkeypatch.context() as patch:
        # Even the clean-up does not happen: the process is gone.
        patch.setattr(shutil, "rmtree", lambda *args, **kwargs: None)
        patch.setattr(module, "place", killed)
        with pytest.raises(KeyboardInterrupt):
            publish_bundle(policy, saving("one"), step=1)

    with pytest.raises(CheckpointDamaged):
        open_bundle(policy)
    two = publish_bundle(policy, saving("two"), step=2)
    assert open_bundle(policy) == two
    assert len(names(policy.parent)) == 3


def test_publishing_syncs_each_part_once(policy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    real = os.fsync

    def counted(handle: int) -> None:
        if stat.S_ISREG(os.fstat(handle).st_mode):
            synced.append(handle)
        real(handle)

    publish_bundle(policy, saving("one"), step=1)
    monkeypatch.setattr(os, "fsync", counted)
    publish_bundle(policy, saving("two"), step=2)

    assert len(synced) == 3  # two parts and the manifest


def test_after_such_a_crash_the_next_version_can_be_published(
    policy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_bundle(policy, saving("none"), step=0)

    def killed(source: Path, target: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(module, "place", killed)
        with pytest.raises(KeyboardInterrupt):
            publish_bundle(policy, saving("one"), step=1)

    publish_bundle(policy, saving("two"), step=2)

    assert open_bundle(policy).step == 2
    assert policy.read_text() == "policy two"
    assert len(names(policy.parent)) == 3


def test_a_crash_before_the_new_version_is_whole_leaves_the_old_one(
    policy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = publish_bundle(policy, saving("one"), step=1)

    with monkeypatch.context() as patch:
        # Even the clean-up does not happen: the process is gone.
        patch.setattr(shutil, "rmtree", lambda *args, **kwargs: None)
        patch.setattr(module, "seal", _killed)
        with pytest.raises(KeyboardInterrupt):
            publish_bundle(policy, saving("two"), step=2)

    assert open_bundle(policy) == one
    assert publish_bundle(policy, saving("three"), step=3).step == 3


def _killed(*args: object, **kwargs: object) -> None:
    raise KeyboardInterrupt
