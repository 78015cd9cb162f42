"""The rehearsed Cloud Storage answers Google's own client as the real one does."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("google.cloud.storage")

from google.api_core import exceptions
from google.cloud import storage

from mesosweep.domain.errors import SettingsError, StoreError
from mesosweep.rehearsal.storage import LocalStorage
from mesosweep.rehearsal.storage_faults import StorageFault, StorageScript
from mesosweep.testing.clock import FakeClock

BUCKET = "sweeps-of-mine"


@contextmanager
def connected(address: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", address)
    # Else the client asks for the bucket as well, in a thread of its own, at any moment.
    monkeypatch.setenv("DISABLE_GCS_PYTHON_CLIENT_OTEL_BUCKET_METADATA", "true")
    client = storage.Client(project="nobody")
    yield client
    client.close()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def served(tmp_path: Path, clock: FakeClock) -> Iterator[LocalStorage]:
    with LocalStorage(tmp_path / "root", clock=clock) as served:
        served.make_bucket(BUCKET)
        yield served


@pytest.fixture
def client(served: LocalStorage, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    with connected(served.address, monkeypatch) as client:
        yield client


@pytest.fixture
def bucket(client: Any) -> Any:
    return client.bucket(BUCKET)


def put(bucket: Any, name: str, content: bytes | str = b"x", **how: Any) -> Any:
    blob = bucket.blob(name)
    blob.upload_from_string(content, retry=None, **how)
    return blob


def statuses(served: LocalStorage, method: str) -> list[int | None]:
    return [call.status for call in served.calls if call.method == method]


# What was put is what is got


@pytest.mark.parametrize("name", ["state.json", "a/b/c.txt", "odd name, ü+%#?&=.txt", "a.b/…"])
def test_content_comes_back_with_its_hashes(bucket: Any, name: str) -> None:
    put(bucket, name, b"one two three", content_type="text/plain")

    found = bucket.get_blob(name)

    assert found.download_as_bytes(checksum="md5") == b"one two three"
    assert found.download_as_bytes(checksum="crc32c") == b"one two three"
    assert found.md5_hash == base64.b64encode(hashlib.md5(b"one two three").digest()).decode()
    assert (found.size, found.content_type, found.metageneration) == (13, "text/plain", 1)
    assert found.updated == found.time_created == FakeClock().start


def test_an_empty_object_is_an_object(bucket: Any) -> None:
    put(bucket, "empty", b"")

    assert bucket.blob("empty").download_as_bytes() == b""


def test_metadata_goes_with_the_content(bucket: Any) -> None:
    blob = bucket.blob("state.json")
    blob.metadata = {"writer": "pid 1 – Zoë"}
    blob.upload_from_string("{}", retry=None)

    assert bucket.get_blob("state.json").metadata == {"writer": "pid 1 – Zoë"}


def test_changed_metadata_is_the_same_generation_one_metageneration_on(bucket: Any) -> None:
    before = put(bucket, "state.json")
    before.metadata = {"seen": "yes"}
    before.patch(retry=None)

    after = bucket.get_blob("state.json")

    assert (after.generation, after.metageneration) == (before.generation, 2)
    assert after.metadata == {"seen": "yes"}


@pytest.mark.parametrize("size", [0, 1, 256 * 1024, 1024 * 1024 + 17])
def test_an_upload_in_pieces_is_whole_at_its_end_and_not_before(
    served: LocalStorage, bucket: Any, size: int
) -> None:
    content = bytes(range(256)) * (size // 256) + b"\x01" * (size % 256)
    blob = bucket.blob("big/zip", chunk_size=256 * 1024)

    # Without a size the client cannot but send it piece by piece.
    blob.upload_from_file(BytesIO(content), retry=None)

    assert bucket.get_blob("big/zip").download_as_bytes() == content
    assert len(statuses(served, "uploads.chunk")) == size // (256 * 1024) + 1
    assert set(statuses(served, "uploads.chunk")[:-1]) <= {308}


def test_a_wrong_hash_is_refused(bucket: Any) -> None:
    blob = bucket.blob("state.json")
    blob.md5_hash = base64.b64encode(hashlib.md5(b"other").digest()).decode()

    with pytest.raises(exceptions.BadRequest, match="doesn't match"):
        blob.upload_from_string("this", retry=None, checksum=None)

    assert not blob.exists(retry=None)


def test_ranges(bucket: Any) -> None:
    blob = put(bucket, "progress.jsonl", b"0123456789")

    assert blob.download_as_bytes(start=2, end=4) == b"234"
    assert blob.download_as_bytes(start=7) == b"789"
    assert blob.download_as_bytes(start=-3) == b"789"
    with pytest.raises(exceptions.RequestRangeNotSatisfiable):
        blob.download_as_bytes(start=10, retry=None)


def test_a_generation_that_is_gone_is_absent(bucket: Any) -> None:
    old = put(bucket, "state.json", b"old").generation
    put(bucket, "state.json", b"new")

    with pytest.raises(exceptions.NotFound):
        bucket.blob("state.json", generation=old).download_as_bytes(retry=None)


# Preconditions, on every method that has them

HOLDS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    # what is asked → (of an object of generation G and metageneration 1), (of none)
    "the generation": ({"if_generation_match": "G"}, {"if_generation_match": 0}),
    "the metageneration": ({"if_metageneration_match": 1}, {"if_metageneration_match": 0}),
    "another generation": ({"if_generation_not_match": 5}, {"if_generation_not_match": 5}),
    "some generation": ({"if_generation_not_match": 0}, {}),
    "another metageneration": ({"if_metageneration_not_match": 2}, {}),
}
FAILS: dict[str, tuple[dict[str, Any], type[Exception]]] = {
    "an older generation": ({"if_generation_match": 5}, exceptions.PreconditionFailed),
    "none, and there is one": ({"if_generation_match": 0}, exceptions.PreconditionFailed),
    "another metageneration": ({"if_metageneration_match": 2}, exceptions.PreconditionFailed),
    "not this generation": ({"if_generation_not_match": "G"}, exceptions.NotModified),
    "not this metageneration": ({"if_metageneration_not_match": 1}, exceptions.NotModified),
}


def upload(bucket: Any, **asked: Any) -> None:
    bucket.blob("it").upload_from_string(b"new", retry=None, **asked)


def resume(bucket: Any, **asked: Any) -> None:
    bucket.blob("it").upload_from_file(BytesIO(b"new"), retry=None, **asked)


def patch(bucket: Any, **asked: Any) -> None:
    blob = bucket.blob("it")
    blob.metadata = {"a": "b"}
    blob.patch(retry=None, **asked)


def delete(bucket: Any, **asked: Any) -> None:
    bucket.blob("it").delete(retry=None, **asked)


def read(bucket: Any, **asked: Any) -> None:
    bucket.blob("it").download_as_bytes(retry=None, **asked)


def look(bucket: Any, **asked: Any) -> None:
    bucket.blob("it").reload(retry=None, **asked)


def copy_here(bucket: Any, **asked: Any) -> None:
    bucket.copy_blob(bucket.blob("source"), bucket, "it", retry=None, **asked)


def rewrite_here(bucket: Any, **asked: Any) -> None:
    bucket.blob("it").rewrite(bucket.blob("source"), retry=None, **asked)


def copy_from(bucket: Any, **asked: Any) -> None:
    of_source = {name.replace("if_", "if_source_"): value for name, value in asked.items()}
    bucket.copy_blob(bucket.blob("it"), bucket, "elsewhere", retry=None, **of_source)


WRITES = [upload, resume, copy_here, rewrite_here]
NEEDS_ONE = [patch, delete, read, look, copy_from]


def told(asked: dict[str, Any], generation: int) -> dict[str, Any]:
    return {name: generation if value == "G" else value for name, value in asked.items()}


@pytest.mark.parametrize("act", [*WRITES, *NEEDS_ONE])
@pytest.mark.parametrize("what", HOLDS)
def test_a_condition_that_holds_lets_it_happen(bucket: Any, act: Any, what: str) -> None:
    put(bucket, "source", b"new")
    generation = put(bucket, "it", b"old").generation

    act(bucket, **told(HOLDS[what][0], generation))


@pytest.mark.parametrize("act", [*WRITES, *NEEDS_ONE])
@pytest.mark.parametrize("what", FAILS)
def test_a_condition_that_fails_leaves_everything_as_it_was(
    bucket: Any, act: Any, what: str
) -> None:
    put(bucket, "source", b"new")
    generation = put(bucket, "it", b"old").generation
    asked, error = FAILS[what]

    with pytest.raises(error):
        act(bucket, **told(asked, generation))

    found = bucket.get_blob("it")
    assert (found.generation, found.metageneration) == (generation, 1)
    assert found.download_as_bytes() == b"old"
    assert not bucket.blob("elsewhere").exists(retry=None)


@pytest.mark.parametrize("act", WRITES)
@pytest.mark.parametrize("what", [what for what in HOLDS if HOLDS[what][1]])
def test_an_absent_object_has_generation_zero(bucket: Any, act: Any, what: str) -> None:
    put(bucket, "source", b"new")

    act(bucket, **HOLDS[what][1])

    assert bucket.blob("it").download_as_bytes() == b"new"


@pytest.mark.parametrize("act", NEEDS_ONE)
@pytest.mark.parametrize("asked", [{}, {"if_generation_match": 0}, {"if_generation_match": 5}])
def test_what_needs_an_object_does_not_find_it(bucket: Any, act: Any, asked: Any) -> None:
    with pytest.raises(exceptions.NotFound):
        act(bucket, **asked)


def test_a_resumable_upload_is_judged_at_its_end(bucket: Any) -> None:
    blob = bucket.blob("it", chunk_size=256 * 1024)
    upload, transport = blob._initiate_resumable_upload(
        None, BytesIO(b"x" * 300_000), None, None, if_generation_match=0
    )
    upload.transmit_next_chunk(transport)
    put(bucket, "it", b"meanwhile")

    with pytest.raises(Exception, match="412"):
        upload.transmit_next_chunk(transport)

    assert bucket.blob("it").download_as_bytes() == b"meanwhile"


def test_of_twenty_racing_writers_one_wins(bucket: Any) -> None:
    won, lost = [], []

    def write(number: int) -> None:
        try:
            put(bucket, "it", str(number), if_generation_match=0)
            won.append(number)
        except exceptions.PreconditionFailed:
            lost.append(number)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (len(won), len(lost)) == (1, 19)
    assert bucket.blob("it").download_as_bytes() == str(won[0]).encode()


# Listing


@pytest.fixture
def tree(bucket: Any) -> Any:
    for name in ("s/1/metrics.json", "s/1/log", "s/10/metrics.json", "s/2/metrics.json", "t"):
        put(bucket, name)
    return bucket


@pytest.mark.parametrize("page_size", [None, 1, 2, 5])
def test_a_prefix_is_listed_in_order_whatever_the_pages(tree: Any, page_size: int | None) -> None:
    found = [blob.name for blob in tree.list_blobs(prefix="s/", page_size=page_size)]

    assert found == ["s/1/log", "s/1/metrics.json", "s/10/metrics.json", "s/2/metrics.json"]


@pytest.mark.parametrize("page_size", [None, 1])
def test_a_delimiter_folds(tree: Any, page_size: int | None) -> None:
    listed = tree.list_blobs(prefix="s/", delimiter="/", page_size=page_size)

    assert list(listed) == []
    assert listed.prefixes == {"s/1/", "s/10/", "s/2/"}


@pytest.mark.parametrize(
    ("glob", "count"),
    [("s/*/metrics.json", 3), ("**", 5), ("**/log", 1), ("s/{1,2}/*", 3), ("s/?/*", 3), ("*", 1)],
)
def test_a_glob_crosses_slashes_only_when_doubled(tree: Any, glob: str, count: int) -> None:
    assert len(list(tree.list_blobs(match_glob=glob))) == count


def test_at_most_so_many(tree: Any) -> None:
    assert len(list(tree.list_blobs(max_results=2))) == 2


# Buckets


def test_a_bucket_that_is_not_there(client: Any) -> None:
    missing = client.bucket("not-there")

    assert not missing.exists(retry=None)
    for act in (upload, read, delete):
        with pytest.raises(exceptions.NotFound, match="bucket does not exist"):
            act(missing)
    with pytest.raises(exceptions.NotFound, match="bucket does not exist"):
        list(missing.list_blobs(retry=None))


def test_buckets_are_made_listed_and_removed(client: Any) -> None:
    client.create_bucket("another-one", retry=None)

    assert [bucket.name for bucket in client.list_buckets()] == ["another-one", BUCKET]
    with pytest.raises(exceptions.Conflict):
        client.create_bucket("another-one", retry=None)
    put(client.bucket("another-one"), "deep/down")
    with pytest.raises(exceptions.Conflict, match="not empty"):
        client.bucket("another-one").delete(retry=None)
    client.bucket("another-one").delete_blob("deep/down", retry=None)
    client.bucket("another-one").delete(retry=None)
    assert client.lookup_bucket("another-one", retry=None) is None


def test_permissions_are_granted(bucket: Any) -> None:
    wanted = ["storage.objects.create", "storage.objects.get"]

    assert bucket.test_iam_permissions(wanted, retry=None) == wanted


# Files and objects meet


def test_an_object_is_a_file(served: LocalStorage, bucket: Any) -> None:
    put(bucket, "a/b.txt", b"as a file")

    assert (served.root / BUCKET / "a" / "b.txt").read_bytes() == b"as a file"


def test_a_file_is_an_object_and_a_changed_file_a_later_generation(
    served: LocalStorage, bucket: Any
) -> None:
    file = served.root / BUCKET / "trial" / "metrics.json"
    file.parent.mkdir()
    file.write_text("{}")
    first = bucket.get_blob("trial/metrics.json").generation
    file.write_text('{"a": 1}')

    second = bucket.get_blob("trial/metrics.json")

    assert second.generation > first
    assert second.download_as_bytes() == b'{"a": 1}'
    file.unlink()
    assert list(bucket.list_blobs()) == []


def test_a_name_that_can_be_no_file_is_refused_with_the_reason(bucket: Any) -> None:
    for name in ("../out", "a//b", "folder/"):
        with pytest.raises(exceptions.BadRequest, match="objects as files"):
            put(bucket, name)
    put(bucket, "a", b"file")
    with pytest.raises(exceptions.BadRequest, match="objects as files"):
        put(bucket, "a/b")


def test_generations_go_on_when_the_folder_is_served_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    generations: list[int] = []
    for text in ("first", "second"):
        # Each time the clock begins anew, yet no generation is given twice.
        with LocalStorage(tmp_path, clock=FakeClock()) as served:
            served.make_bucket(BUCKET)
            with connected(served.address, monkeypatch) as client:
                bucket = client.bucket(BUCKET)
                if generations:
                    assert bucket.get_blob("it").generation == generations[-1]
                    bucket.blob("it").delete(retry=None)
                generations.append(put(bucket, "it", text, if_generation_match=0).generation)

    assert generations[1] > generations[0]


# Faults


def test_a_call_is_refused_before_anything_is_done(served: LocalStorage, bucket: Any) -> None:
    served.play(StorageScript(calls=(StorageFault("objects.insert", status=503, call=2),)))

    put(bucket, "one")
    with pytest.raises(exceptions.ServiceUnavailable):
        put(bucket, "two")
    put(bucket, "three")

    assert [blob.name for blob in bucket.list_blobs()] == ["one", "three"]


def test_a_lost_reply_leaves_the_object_written(served: LocalStorage, bucket: Any) -> None:
    served.play(StorageScript(calls=(StorageFault("objects.insert", lost_reply=True, call=1),)))

    with pytest.raises(exceptions.ServiceUnavailable):
        put(bucket, "it", b"written", if_generation_match=0)

    assert bucket.blob("it").download_as_bytes() == b"written"
    # So the client's own second try meets what its first one wrote.
    with pytest.raises(exceptions.PreconditionFailed):
        put(bucket, "it", b"written", if_generation_match=0)


@pytest.mark.parametrize("lost", [False, True])
def test_a_connection_that_is_closed_without_a_word(
    served: LocalStorage, bucket: Any, lost: bool
) -> None:
    fault = StorageFault("objects.insert", status=None, lost_reply=lost, call=1)
    served.play(StorageScript(calls=(fault,)))

    with pytest.raises(OSError, match="onnection"):
        put(bucket, "it")

    assert bucket.blob("it").exists(retry=None) is lost


def test_a_piece_of_an_upload_may_come_again(served: LocalStorage, bucket: Any) -> None:
    served.play(StorageScript(calls=(StorageFault("uploads.chunk", lost_reply=True, call=1),)))
    retry = storage.retry.DEFAULT_RETRY.with_delay(initial=0.001, maximum=0.001)
    content = b"0123456789" * 60_000

    blob = bucket.blob("it", chunk_size=256 * 1024)
    blob.upload_from_file(BytesIO(content), if_generation_match=0, retry=retry)

    assert bucket.blob("it").download_as_bytes() == content


def test_an_object_takes_one_write_a_second(
    served: LocalStorage, bucket: Any, clock: FakeClock
) -> None:
    served.play(StorageScript(write_interval_s=1.0))
    put(bucket, "it", b"1")
    put(bucket, "other")

    with pytest.raises(exceptions.TooManyRequests, match="rate limit"):
        put(bucket, "it", b"2")
    clock.sleep(1.0)
    put(bucket, "it", b"3")

    assert bucket.blob("it").download_as_bytes() == b"3"


def test_listings_are_late_and_reading_is_not(
    served: LocalStorage, bucket: Any, clock: FakeClock
) -> None:
    put(bucket, "gone")
    put(bucket, "kept", b"old")
    clock.sleep(60)
    served.play(StorageScript(late_listing_s=5))
    bucket.blob("gone").delete(retry=None)
    put(bucket, "kept", b"newer")
    put(bucket, "new")

    assert [(b.name, b.size) for b in bucket.list_blobs()] == [("gone", 1), ("kept", 3)]
    assert bucket.blob("new").exists(retry=None)
    clock.sleep(5)
    assert [(b.name, b.size) for b in bucket.list_blobs()] == [("kept", 5), ("new", 1)]


def test_nothing_can_be_reached(served: LocalStorage, bucket: Any) -> None:
    served.play(StorageScript(unreachable=True))

    with pytest.raises(OSError, match="onnection"):
        bucket.blob("it").exists(retry=None)


def test_chances_are_the_same_in_every_run_of_a_seed(served: LocalStorage, bucket: Any) -> None:
    def fates(seed: int) -> list[int | None]:
        served.play(StorageScript(seed, calls=(StorageFault(status=500, probability=0.5),)))
        before = len(served.calls)
        for _ in range(20):
            with suppress(exceptions.InternalServerError):
                bucket.blob("it").exists(retry=None)
        return [call.status for call in served.calls[before:]]

    assert fates(1) == fates(1)
    assert fates(1) != fates(2)
    assert set(fates(1)) == {404, 500}


@pytest.mark.parametrize(
    ("told", "says"),
    [
        ({"calls": [{"metod": "*"}]}, "metod: unknown key"),
        ({"calls": [{"method": "objects.inset", "call": 1}]}, "objects.inset: no method"),
        ({"calls": [{"method": "*"}]}, "either call or probability"),
        ({"calls": [{"method": "*", "probability": 2}]}, r"\[0, 1\]"),
        ({"calls": [{"method": "*", "call": 0}]}, "count from 1"),
        ({"calls": [{"method": "*", "call": 1, "status": 200}]}, r"\[400, 599\]"),
        ({"late_listing": 5}, "late_listing: unknown key"),
    ],
)
def test_a_script_that_makes_no_sense_is_refused(told: dict[str, Any], says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        StorageScript.read(told)


def test_a_port_that_is_taken_is_a_sentence(served: LocalStorage, tmp_path: Path) -> None:
    port = int(served.address.rpartition(":")[2])

    with pytest.raises(StoreError, match=f"Port {port}"):
        LocalStorage(tmp_path / "other", port=port)


# As a process


def test_a_process_tells_its_address_and_ends_with_its_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults = tmp_path / "faults.json"
    faults.write_text('{"calls": [{"method": "objects.get", "status": 403, "call": 1}]}')
    argv = [sys.executable, "-m", "mesosweep.rehearsal.storage", "--port", "0", "--bucket", BUCKET]
    child = subprocess.Popen(
        [*argv, "--root", tmp_path / "root", "--faults", faults],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    address = json.loads(child.stdout.readline())["address"]

    with connected(address, monkeypatch) as client:
        put(client.bucket(BUCKET), "it", b"there")
        with pytest.raises(exceptions.Forbidden):
            client.bucket(BUCKET).blob("it").exists(retry=None)
    child.communicate("")

    assert child.returncode == 0
    assert (tmp_path / "root" / BUCKET / "it").read_bytes() == b"there"


def test_a_process_refuses_a_script_with_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "faults.json").write_text('{"seeed": 1}')
    argv = [sys.executable, "-m", "mesosweep.rehearsal.storage", "--root", str(tmp_path / "root")]

    ended = subprocess.run(
        [*argv, "--faults", str(tmp_path / "faults.json")],
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == 2
    assert "seeed: unknown key" in ended.stderr
