"""What lies in the bucket can be read here, as it was at one moment, and is brought only once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("google.cloud.storage")

from mesosweep.domain.errors import Refused, StoreError, StoreUnreachable
from mesosweep.domain.trial import Trial
from mesosweep.records.bundle import open_bundle, publish_bundle
from mesosweep.records.layout import TrialFolder, pending_of
from mesosweep.records.metrics import Circumstances, read_trial, write_metrics
from mesosweep.records.progress import latest_progress
from mesosweep.rehearsal.storage import LocalStorage
from mesosweep.rehearsal.storage_faults import StorageFault, StorageScript
from mesosweep.stores.gcs_address import Address
from mesosweep.stores.gcs_bucket import Bucket
from mesosweep.stores.gcs_mirror import Mirror
from mesosweep.stores.gcs_publish import Publisher
from mesosweep.testing.clock import FakeClock

ROOT = Address("sweeps-of-mine", "sweeps/ratite/ppo")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def served(
    tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> Iterator[LocalStorage]:
    with LocalStorage(tmp_path / "cloud", clock=clock) as served:
        served.make_bucket(ROOT.bucket)
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", served.address)
        yield served


@pytest.fixture
def mounted(served: LocalStorage) -> TrialFolder:
    """Return a trial's folder as its worker sees the bucket."""
    return TrialFolder(served.root / ROOT.bucket / ROOT.name / "stage1" / "3")


@pytest.fixture
def mirror(served: LocalStorage, clock: FakeClock, tmp_path: Path) -> Mirror:
    return Mirror(Bucket(ROOT.bucket, clock=clock), root=ROOT, folder=tmp_path / "here")


def end_trial(folder: TrialFolder, reward: float = 1.0) -> None:
    trial = Trial("3", 0, "finished", {}, best_mean_reward=reward)
    write_metrics(folder.metrics, trial, Circumstances("ratite", "ppo", 1))


def save_best(folder: TrialFolder, text: str) -> None:
    def save(policy: Path) -> None:
        policy.write_text(text)
        policy.with_name("best_model.vecnormalize.npz").write_text(f"statistics of {text}")

    publish_bundle(folder.best, save, step=len(text))


def downloads(served: LocalStorage) -> list[str]:
    return [call.name for call in served.calls if call.method == "objects.download"]


def test_a_trial_is_read_here_as_where_it_ran(mounted: TrialFolder, mirror: Mirror) -> None:
    end_trial(mounted, reward=7.0)
    mounted.progress.write_text('{"step": 5}\n')

    mirror.bring("stage1")

    here = TrialFolder(mirror.folder / "stage1" / "3")
    trial = read_trial(here.metrics)
    progress = latest_progress(here.progress)
    assert isinstance(trial, Trial)
    assert trial.best_mean_reward == 7.0
    assert progress is not None
    assert progress.step == 5


def test_only_what_changed_is_fetched_by_the_next_process_too(
    served: LocalStorage, mounted: TrialFolder, mirror: Mirror, clock: FakeClock
) -> None:
    end_trial(mounted)
    mounted.progress.write_text('{"step": 5}\n')
    mirror.bring("stage1")
    mounted.progress.write_text('{"step": 6, "more": 1}\n')
    before = len(downloads(served))

    again = Mirror(Bucket(ROOT.bucket, clock=clock), root=ROOT, folder=mirror.folder)
    changed = again.bring("stage1")

    assert [path.name for path in changed] == ["progress.jsonl"]
    assert len(downloads(served)) == before + 1
    assert again.bring("stage1") == ()


def test_models_stay_where_they_are_until_they_are_asked_for(
    mounted: TrialFolder, mirror: Mirror
) -> None:
    save_best(mounted, "good")
    end_trial(mounted)

    mirror.bring("stage1")
    assert not (mirror.folder / "stage1/3/models").exists()
    policy = mirror.bring_bundle((ROOT / "stage1/3/models/best_model.zip").uri)

    assert policy == mirror.folder / "stage1/3/models/best_model.zip"
    assert open_bundle(policy).step == len("good")


def test_a_bundle_that_was_replaced_is_replaced_here(mounted: TrialFolder, mirror: Mirror) -> None:
    uri = (ROOT / "stage1/3/models/best_model.zip").uri
    for text in ("good", "better", "best of all"):
        save_best(mounted, text)

        assert open_bundle(mirror.bring_bundle(uri)).step == len(text)


def test_a_bundle_is_whole_here_wherever_its_worker_was_killed(
    mounted: TrialFolder, mirror: Mirror, tmp_path: Path, clock: FakeClock
) -> None:
    uri = (ROOT / "stage1/3/models/best_model.zip").uri
    local = TrialFolder(tmp_path / "disk")
    publisher = Publisher(local.path, mounted.path, clock=clock)
    save_best(local, "old")
    publisher.publish()
    mirror.bring_bundle(uri)
    save_best(local, "newer")
    # The next version waits whole, and its first part has just taken its place.
    publisher._complete_aside("models/best_model.manifest.json", _files(local.path))
    publisher._write("models/best_model.zip", "models/best_model.zip")

    assert open_bundle(mirror.bring_bundle(uri)).step == len("newer")
    publisher.publish()
    assert open_bundle(mirror.bring_bundle(uri)).step == len("newer")
    assert not list(pending_of(mirror.place(uri)).glob("*"))


def test_what_changes_while_it_is_fetched_is_fetched_again(
    served: LocalStorage, mounted: TrialFolder, clock: FakeClock, tmp_path: Path
) -> None:
    class Overtaken(Bucket):
        """Sees the trial end between listing and reading."""

        def entries(self, prefix: str) -> tuple:  # type: ignore[type-arg]
            found = super().entries(prefix)
            if not ended:
                end_trial(mounted, reward=2.0)
                ended.append(True)
            return found

    ended: list[bool] = []
    end_trial(mounted, reward=1.0)
    bucket = Overtaken(ROOT.bucket, clock=clock)
    mirror = Mirror(bucket, root=ROOT, folder=tmp_path / "here")

    mirror.bring("stage1")

    trial = read_trial(mirror.folder / "stage1/3/metrics.json")
    assert isinstance(trial, Trial)
    assert trial.best_mean_reward == 2.0


def test_what_is_gone_there_is_gone_here_and_the_rest_stays(
    mounted: TrialFolder, mirror: Mirror
) -> None:
    end_trial(mounted)
    mounted.progress.write_text("{}\n")
    mirror.bring("stage1")
    own = mirror.folder / "stage1/3/notes.txt"
    own.write_text("mine")
    mounted.progress.unlink()

    assert mirror.bring("stage1") == ()

    assert not (mirror.folder / "stage1/3/progress.jsonl").exists()
    assert own.read_text() == "mine"


def test_a_file_that_was_written_here_is_given_to_the_bucket(
    mounted: TrialFolder, mirror: Mirror
) -> None:
    end_trial(mounted)
    mirror.bring("stage1")
    here = mirror.folder / "stage1/3/metrics.json"
    here.write_text('{"test": 1}')

    mirror.give(here)

    assert mounted.metrics.read_text() == '{"test": 1}'
    assert mirror.bring("stage1") == ()
    assert mirror.uri(here) == f"{ROOT.uri}/stage1/3/metrics.json"
    assert mirror.place(mirror.uri(here)) == here


def test_no_answer_leaves_what_is_here_as_it_was(
    served: LocalStorage, mounted: TrialFolder, mirror: Mirror
) -> None:
    end_trial(mounted)
    mirror.bring("stage1")
    end_trial(mounted, reward=5.0)
    served.play(StorageScript(calls=(StorageFault("objects.download", probability=1.0),)))

    with pytest.raises(StoreUnreachable):
        mirror.bring("stage1")

    trial = read_trial(mirror.folder / "stage1/3/metrics.json")
    assert isinstance(trial, Trial)
    assert trial.best_mean_reward == 1.0


def test_a_missing_bucket_is_a_sentence(served: LocalStorage, clock: FakeClock) -> None:
    mirror = Mirror(
        Bucket("not-there", clock=clock), root=Address("not-there", "x"), folder=Path("here")
    )

    with pytest.raises(Refused, match="no such bucket"):
        mirror.bring()


def test_a_folder_that_cannot_be_written_is_a_sentence(
    mounted: TrialFolder, clock: FakeClock, tmp_path: Path
) -> None:
    end_trial(mounted)
    (tmp_path / "here").write_text("in the way")
    mirror = Mirror(Bucket(ROOT.bucket, clock=clock), root=ROOT, folder=tmp_path / "here")

    with pytest.raises(StoreError, match="cannot be written"):
        mirror.bring("stage1")


def test_a_place_of_another_sweep_is_refused(mirror: Mirror) -> None:
    with pytest.raises(StoreError, match="does not lie in"):
        mirror.place("gs://sweeps-of-mine/sweeps/ratite/sac/stage1/3/metrics.json")


def _files(folder: Path) -> dict[str, tuple[int, int, int]]:
    return {
        path.relative_to(folder).as_posix(): (0, 0, 0)
        for path in folder.rglob("*")
        if path.is_file()
    }
