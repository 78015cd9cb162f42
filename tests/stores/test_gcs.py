"""A state in a bucket is whole, is the latest, and is never lost to a reply that was."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("google.cloud.storage")

from mesosweep.domain.errors import (
    Refused,
    SettingsError,
    StateDamaged,
    StoreConflict,
    StoreUnreachable,
)
from mesosweep.domain.state import StageState, SweepState
from mesosweep.domain.trial import Checkpoint, Trial
from mesosweep.domain.winner import Winner
from mesosweep.ports import Store
from mesosweep.rehearsal.storage import LocalStorage
from mesosweep.rehearsal.storage_faults import StorageFault, StorageScript
from mesosweep.stores.file import FileStore
from mesosweep.stores.gcs import GcsStore, LocalCopy, check_access
from mesosweep.stores.gcs_address import Address
from mesosweep.stores.gcs_bucket import Bucket
from mesosweep.stores.gcs_client import PAUSES_S
from mesosweep.testing.clock import FakeClock
from mesosweep.testing.store import KEY, StoreSuite, a_state

ROOT = Address("sweeps-of-mine", "sweeps/ratite/ppo")
STATE = f"{ROOT.name}/_sweep_state.json"


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


def open_store(clock: FakeClock, **more: Any) -> GcsStore:
    return GcsStore(ROOT, bucket=Bucket(ROOT.bucket, clock=clock), **more)


@pytest.fixture
def store(served: LocalStorage, clock: FakeClock) -> GcsStore:
    return open_store(clock)


def attempt(number: int) -> SweepState:
    return replace(a_state(), attempt=number)


class TestGcsStore(StoreSuite):
    @pytest.fixture(autouse=True)
    def _place(self, served: LocalStorage, clock: FakeClock) -> None:
        self.clock = clock
        # As strict as the real service: a suite that passes here keeps to its pace.
        served.play(StorageScript(write_interval_s=1.0))

    def open_store(self) -> Store:
        self.clock.sleep(1)  # another process is never here at the same moment
        return open_store(self.clock)


# Names


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("sweep_state_ratite_ppo", "_sweep_state.json"),
        ("sweep_state_ratite_ppo_stage2", "_sweep_state_stage2.json"),
    ],
)
def test_a_sweep_lies_where_scripts_look_for_it(
    served: LocalStorage, store: GcsStore, key: str, name: str
) -> None:
    store.save(key, a_state(), replacing=None)

    assert (served.root / ROOT.bucket / ROOT.name / name).is_file()


def test_checkpoints_are_told_from_the_sweeps_place_so_that_it_can_be_copied(
    served: LocalStorage, clock: FakeClock
) -> None:
    kept = Checkpoint(f"{ROOT.uri}/stage1/3/models/best_model.zip", "best", "3")
    trial = Trial("3", 0, "finished", {}, checkpoint=kept)
    winner = Winner(trial=trial, objective=1.0, checkpoint=kept, gate_passed=True)
    first = StageState(1, "balance", trials=(trial,), winner=winner, parent="/home/me/start.zip")
    second = StageState(2, "locomotion", parent=kept.uri)
    state = replace(a_state(), stages=(first, second))
    open_store(clock).save(KEY, state, replacing=None)
    other = served.make_bucket("another-bucket") / ROOT.name
    other.parent.mkdir(parents=True)
    (served.root / ROOT.bucket / ROOT.name).rename(other)

    moved_to = Address("another-bucket", ROOT.name)
    moved = GcsStore(moved_to, bucket=Bucket("another-bucket", clock=clock)).load(KEY)

    assert moved is not None
    assert moved[0].stages[1].parent == f"{moved_to.uri}/stage1/3/models/best_model.zip"
    assert moved[0].stages[0].parent == "/home/me/start.zip"


def test_a_root_that_is_no_bucket_is_a_sentence(clock: FakeClock) -> None:
    with pytest.raises(SettingsError, match="no place in a bucket"):
        GcsStore.open("out/sweeps/ratite/ppo", clock=clock)


# Own writes and others'


@pytest.mark.parametrize("status", [503, 500, 429, 408, None])
def test_a_save_whose_reply_was_lost_is_no_conflict(
    served: LocalStorage, store: GcsStore, status: int | None
) -> None:
    first = store.save(KEY, attempt(0), replacing=None)
    fault = StorageFault("objects.insert", status=status, lost_reply=True, call=1)
    served.play(StorageScript(calls=(fault,)))

    second = store.save(KEY, attempt(1), replacing=first)

    assert store.load(KEY) == (attempt(1), second)
    assert store.save(KEY, attempt(2), replacing=second)


@pytest.mark.parametrize("status", [503, None])
def test_a_save_that_was_not_carried_out_is_made_again(
    served: LocalStorage, store: GcsStore, status: int | None
) -> None:
    served.play(StorageScript(calls=(StorageFault("objects.insert", status=status, call=1),)))

    version = store.save(KEY, a_state(), replacing=None)

    assert store.load(KEY) == (a_state(), version)


def test_who_lost_a_race_is_told_who_won_even_when_replies_are_lost(
    served: LocalStorage, clock: FakeClock
) -> None:
    first = open_store(clock).save(KEY, attempt(0), replacing=None)
    open_store(clock, writer="pid 7 on alpha").save(KEY, attempt(1), replacing=first)
    served.play(StorageScript(calls=(StorageFault("objects.insert", call=1),)))

    with pytest.raises(StoreConflict, match="pid 7 on alpha wrote it at 2026-01-01") as refused:
        open_store(clock).save(KEY, attempt(2), replacing=first)

    assert refused.value.exit_code == 5


def test_of_twenty_writers_one_wins_and_nineteen_are_told_who(
    served: LocalStorage, clock: FakeClock
) -> None:
    served.play(StorageScript(write_interval_s=1.0))
    won: list[str] = []
    told: list[str] = []

    def write(name: str) -> None:
        store = open_store(clock, writer=name)
        start.wait()
        try:
            store.save(KEY, a_state(), replacing=None)
            won.append(name)
        except StoreConflict as refused:
            told.append(str(refused))

    start = threading.Barrier(20)
    names = [f"pid {number} on host-{number}" for number in range(20)]
    threads = [threading.Thread(target=write, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(won) == 1
    assert [won[0] in sentence for sentence in told] == [True] * 19


@pytest.mark.parametrize("is_same", [True, False], ids=["the same", "a later one"])
def test_a_save_that_was_given_up_and_made_all_the_same_is_no_conflict(
    served: LocalStorage, store: GcsStore, *, is_same: bool
) -> None:
    first = store.save(KEY, attempt(0), replacing=None)
    tries = len(PAUSES_S) + 1
    lost = StorageFault("objects.insert", lost_reply=True, call=1, times=tries)
    served.play(StorageScript(calls=(lost,)))
    with pytest.raises(StoreUnreachable):
        store.save(KEY, attempt(1), replacing=first)

    state = attempt(1) if is_same else attempt(2)
    second = store.save(KEY, state, replacing=first)

    assert store.load(KEY) == (state, second)
    assert store.save(KEY, attempt(3), replacing=second)


@pytest.mark.parametrize("made", [0, 1, 2])
def test_of_several_saves_that_were_given_up_any_may_have_been_made(
    served: LocalStorage, store: GcsStore, made: int
) -> None:
    first = store.save(KEY, attempt(0), replacing=None)
    tries = len(PAUSES_S) + 1
    for number in range(3):
        lost = StorageFault("objects.insert", lost_reply=True, call=1)
        silent = StorageFault("objects.insert", call=1, times=tries)
        served.play(StorageScript(calls=(lost, silent) if number == made else (silent,)))
        with pytest.raises(StoreUnreachable):
            store.save(KEY, attempt(number + 1), replacing=first)
    served.play(StorageScript())

    last = store.save(KEY, attempt(9), replacing=first)

    assert store.load(KEY) == (attempt(9), last)


def test_a_save_that_was_given_up_does_not_hide_what_somebody_wrote_since(
    served: LocalStorage, store: GcsStore, clock: FakeClock
) -> None:
    first = store.save(KEY, attempt(0), replacing=None)
    served.play(StorageScript(unreachable=True))
    with pytest.raises(StoreUnreachable):
        store.save(KEY, attempt(1), replacing=first)
    served.play(StorageScript())
    open_store(clock, writer="pid 7 on alpha").save(KEY, attempt(9), replacing=first)

    with pytest.raises(StoreConflict, match="pid 7 on alpha wrote it"):
        store.save(KEY, attempt(1), replacing=first)


def test_a_state_that_was_removed_is_said_to_be(store: GcsStore, clock: FakeClock) -> None:
    version = store.save(KEY, a_state(), replacing=None)
    open_store(clock).set_aside(KEY)

    with pytest.raises(StoreConflict, match="somebody else removed it"):
        store.save(KEY, a_state(), replacing=version)


# Pace


def test_an_object_is_changed_at_most_once_a_second(
    served: LocalStorage, store: GcsStore, clock: FakeClock
) -> None:
    served.play(StorageScript(write_interval_s=1.0))

    version = store.save(KEY, attempt(0), replacing=None)
    for number in range(1, 4):
        version = store.save(KEY, attempt(number), replacing=version)

    assert [call.status for call in served.calls if call.method == "objects.insert"] == [200] * 4
    assert clock.slept == [1.0, 1.0, 1.0]


def test_a_save_after_a_pause_does_not_wait(store: GcsStore, clock: FakeClock) -> None:
    version = store.save(KEY, attempt(0), replacing=None)
    clock.sleep(5.0)

    store.save(KEY, attempt(1), replacing=version)

    assert clock.slept == [5.0]


# Unreachable is not absent


@pytest.mark.parametrize("status", [503, 429, None])
def test_no_answer_is_not_taken_for_absence(
    served: LocalStorage, store: GcsStore, clock: FakeClock, status: int | None
) -> None:
    fault = StorageFault(status=status, probability=1.0)
    served.play(StorageScript(calls=(fault,)))

    with pytest.raises(StoreUnreachable, match="did not answer") as refused:
        store.load(KEY)

    assert clock.slept == list(PAUSES_S)
    assert refused.value.exit_code == 5
    with pytest.raises(StoreUnreachable, match="did not answer") as refused:
        store.save(KEY, a_state(), replacing=None)
    assert "Run the same command again" in (refused.value.hint or "")


def test_no_server_at_all_is_not_absence(
    served: LocalStorage, store: GcsStore, clock: FakeClock
) -> None:
    served.close()

    with pytest.raises(StoreUnreachable):
        store.load(KEY)


def test_a_missing_bucket_is_not_an_absent_state(served: LocalStorage, clock: FakeClock) -> None:
    store = GcsStore(Address("not-there", ROOT.name), bucket=Bucket("not-there", clock=clock))

    for act in (
        lambda: store.load(KEY),
        lambda: store.save(KEY, a_state(), replacing=None),
        lambda: store.set_aside(KEY),
        lambda: check_access(Bucket("not-there", clock=clock)),
    ):
        with pytest.raises(Refused, match="gs://not-there: there is no such bucket") as refused:
            act()
        assert refused.value.exit_code == 4
        assert "gcloud storage buckets create" in (refused.value.hint or "")
    assert clock.slept == []


@pytest.mark.parametrize(
    ("status", "says"),
    [(401, "no valid credentials"), (403, "permission denied"), (400, "refused: objects")],
)
def test_a_no_is_told_at_once(
    served: LocalStorage, store: GcsStore, clock: FakeClock, status: int, says: str
) -> None:
    served.play(StorageScript(calls=(StorageFault(status=status, probability=1.0),)))

    with pytest.raises(Refused, match=says):
        store.load(KEY)
    with pytest.raises(Refused, match=says):
        store.save(KEY, a_state(), replacing=None)

    assert clock.slept == []
    served.play(StorageScript())
    assert store.load(KEY) is None


def test_access_is_checked_by_writing_and_leaves_nothing(
    served: LocalStorage, clock: FakeClock
) -> None:
    check_access(Bucket(ROOT.bucket, clock=clock))

    assert list((served.root / ROOT.bucket).iterdir()) == []


# Damage, and what is set aside


@pytest.mark.parametrize("content", [b"", b"half of a sta", b"\xff\xfe\x00garbage"])
def test_what_is_no_state_is_refused(served: LocalStorage, store: GcsStore, content: bytes) -> None:
    file = served.root / ROOT.bucket / STATE
    file.parent.mkdir(parents=True)
    file.write_bytes(content)

    with pytest.raises(StateDamaged, match=f"{ROOT.uri}/_sweep_state.json: .*cannot be believed"):
        store.load(KEY)
    store.set_aside(KEY)

    assert store.load(KEY) is None
    assert file.with_name("_sweep_state.1.json").read_bytes() == content


def test_what_was_set_aside_is_never_overwritten(served: LocalStorage, store: GcsStore) -> None:
    for number in (1, 2, 3):
        store.save(KEY, attempt(number), replacing=None)
        store.set_aside(KEY)

    kept = [store._bucket.read(f"{ROOT.name}/_sweep_state.{n}.json") for n in (1, 2, 3)]
    assert [b'"attempt": %d' % n in found[0] for n, found in enumerate(kept, 1) if found] == [
        True,
        True,
        True,
    ]


@pytest.mark.parametrize("method", ["objects.copy", "objects.delete", "objects.get"])
@pytest.mark.parametrize("lost", [False, True])
def test_setting_aside_happens_once_whatever_is_lost(
    served: LocalStorage, store: GcsStore, method: str, lost: bool
) -> None:
    store.save(KEY, a_state(), replacing=None)
    fault = StorageFault(method, lost_reply=lost, call=1)
    served.play(StorageScript(calls=(fault,), write_interval_s=1.0))

    store.set_aside(KEY)

    folder = served.root / ROOT.bucket / ROOT.name
    assert [path.name for path in folder.iterdir()] == ["_sweep_state.1.json"]


# The copy here


@pytest.fixture
def warned() -> list[str]:
    return []


@pytest.fixture
def copied(served: LocalStorage, clock: FakeClock, tmp_path: Path, warned: list[str]) -> GcsStore:
    return open_store(clock, copy=LocalCopy(tmp_path / "here", warned.append))


def test_the_copy_here_tells_of_checkpoints_in_the_bucket(copied: GcsStore, tmp_path: Path) -> None:
    kept = Checkpoint(f"{ROOT.uri}/stage1/3/models/best_model.zip", "best", "3")
    trial = Trial("3", 0, "finished", {}, checkpoint=kept)
    state = replace(a_state(), stages=(StageState(1, "balance", trials=(trial,)),))

    copied.save(KEY, state, replacing=None)

    loaded = FileStore(tmp_path / "here").load(KEY)
    assert loaded is not None
    assert loaded[0] == state


def test_the_copy_is_never_ahead_of_the_bucket(
    served: LocalStorage, copied: GcsStore, tmp_path: Path
) -> None:
    version = copied.save(KEY, attempt(0), replacing=None)
    served.play(StorageScript(calls=(StorageFault("objects.insert", probability=1.0),)))

    with pytest.raises(StoreUnreachable):
        copied.save(KEY, attempt(1), replacing=version)

    loaded = FileStore(tmp_path / "here").load(KEY)
    assert loaded is not None
    assert loaded[0] == attempt(0)


def test_a_copy_that_cannot_be_written_stops_nothing_and_is_told(
    copied: GcsStore, tmp_path: Path, warned: list[str]
) -> None:
    (tmp_path / "here").write_text("in the way")

    version = copied.save(KEY, a_state(), replacing=None)

    assert copied.load(KEY) == (a_state(), version)
    assert "the copy of the state cannot be written" in warned[0]
    assert ROOT.uri in warned[0]


def test_the_copy_is_set_aside_too(copied: GcsStore, tmp_path: Path) -> None:
    copied.save(KEY, a_state(), replacing=None)

    copied.set_aside(KEY)

    assert [path.name for path in (tmp_path / "here").iterdir()] == [f"{KEY}.1.json"]


def test_the_copy_is_no_answer_where_the_bucket_gives_none(
    served: LocalStorage, copied: GcsStore, tmp_path: Path
) -> None:
    copied.save(KEY, attempt(1), replacing=None)
    served.play(StorageScript(unreachable=True))

    with pytest.raises(StoreUnreachable):
        copied.load(KEY)

    # It is there to be shown, as what it is; `load` is what a sweep goes on from.
    assert FileStore(tmp_path / "here").load(KEY) is not None


def test_where_the_state_was_removed_the_copy_is_kept_and_the_way_back_told(
    served: LocalStorage, copied: GcsStore, clock: FakeClock, tmp_path: Path, warned: list[str]
) -> None:
    copied.save(KEY, attempt(7), replacing=None)
    (served.root / ROOT.bucket / STATE).unlink()
    assert copied.load(KEY) is None

    copied.save(KEY, attempt(8), replacing=None)

    kept = tmp_path / "here" / f"{KEY}.1.json"
    assert '"attempt": 7' in kept.read_text()
    (told,) = warned
    assert f"gcloud storage cp {kept} {ROOT.uri}/_sweep_state.json" in told
    # What is told brings it back.
    (served.root / ROOT.bucket / STATE).write_bytes(kept.read_bytes())
    assert (open_store(clock).load(KEY) or [None])[0] == attempt(7)


# All of it at once


def test_in_any_weather_what_was_saved_is_a_chain_and_none_is_lost(
    served: LocalStorage, clock: FakeClock
) -> None:
    """12 runs of 2 writers and 12 saves; seeds 0 to 11."""
    saved = 0
    for seed in range(12):
        calls = (
            StorageFault("objects.*", lost_reply=True, probability=0.2),
            StorageFault("objects.*", status=None, probability=0.1),
            StorageFault("objects.*", status=429, probability=0.1),
        )
        served.play(StorageScript(seed, calls=calls, write_interval_s=1.0))
        dice = random.Random(seed)
        key = f"{KEY}_stage{seed}"
        writers = [open_store(clock, writer=f"writer {number}") for number in range(2)]
        known: list[str | None] = [None, None]
        chain: list[tuple[str | None, str]] = []
        for number in range(12):
            place = dice.randrange(2)
            if dice.random() < 0.4:
                loaded = writers[place].load(key)
                known[place] = loaded[1] if loaded else None
            if known[place] != (chain[-1][1] if chain else None):
                with pytest.raises(StoreConflict, match=f"writer {1 - place} wrote it"):
                    writers[place].save(key, attempt(number), replacing=known[place])
                continue
            version = writers[place].save(key, attempt(number), replacing=known[place])
            chain.append((known[place], version))
            known[place] = version
        saved += len(chain)
        assert [before for before, _ in chain] == [None, *(after for _, after in chain[:-1])]

    assert saved > 60
