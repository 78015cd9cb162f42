"""A bucket that lives in memory, the promises that every bucket keeps, and what trials leave in one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest

from mesosweep.domain.errors import StoreConflict
from mesosweep.domain.score import Gate, Score
from mesosweep.domain.trial import Checkpoint, Trial, TrialStatus
from mesosweep.records.metrics import Circumstances, metrics_of

if TYPE_CHECKING:
    from mesosweep.backends.vertex.recorded import Bucket

ROOT = "gs://a-bucket/sweeps/counting/count"
DOCUMENT = f"{ROOT}/stage1/study.json"


@dataclass
class MemoryBucket:
    """Objects by their address; versions count upwards over all of them."""

    objects: dict[str, bytes] = field(default_factory=dict)
    """May be changed by hand."""
    writes: int = 0
    _made: dict[str, tuple[int, str]] = field(default_factory=dict)
    """Address → version and token of the last write."""

    def read(self, uri: str, *, tail: int | None = None) -> bytes | None:
        content = self.objects.get(uri)
        return content if content is None or tail is None else content[-tail:]

    def seen(self, uri: str) -> tuple[bytes, str] | None:
        if uri not in self.objects:
            return None
        return self.objects[uri], str(self._version(uri)[0])

    def replace(
        self, uri: str, content: bytes, *, version: str | None, token: str, writer: str
    ) -> str:
        now, known = self._version(uri)
        if now != int(version or 0):
            if token and known == token:
                return str(now)
            raise StoreConflict(f"{uri}: somebody wrote it since {writer} read it.")
        self._put(uri, content, token)
        return str(self.writes)

    def write(self, uri: str, content: bytes) -> None:
        self._put(uri, content, "")

    def names(self, prefix: str) -> list[str]:
        return [uri for uri in self.objects if uri.startswith(prefix)]

    def _put(self, uri: str, content: bytes, token: str) -> None:
        self.writes += 1
        self.objects[uri] = content
        self._made[uri] = self.writes, token

    def _version(self, uri: str) -> tuple[int, str]:
        if uri not in self.objects:
            return 0, ""
        return self._made.get(uri, (1, ""))


def put(bucket: Bucket, content: bytes, *, over: str | None, by: str) -> str:
    """Replace a version of the one document that the suite is about."""
    return bucket.replace(DOCUMENT, content, version=over, token=by, writer=by)


class Mount:
    """The bucket as the machines of trials see it, a folder; they reach it when we do not."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def write(self, uri: str, content: bytes) -> None:
        path = self._root / uri.removeprefix("gs://")
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = path.with_name(f".{path.name}.aside")
        aside.write_bytes(content)
        aside.replace(path)


class BucketSuite:
    """Derive a test class, and give it `open_bucket`: each call opens the same bucket anew."""

    def open_bucket(self) -> Bucket:
        raise NotImplementedError  # whoever derives from this says it

    def test_what_was_written_is_read_by_the_next_who_opens_it(self) -> None:
        self.open_bucket().write(f"{ROOT}/stage1/a.json", b"12345")

        bucket = self.open_bucket()
        assert bucket.read(f"{ROOT}/stage1/a.json") == b"12345"
        assert bucket.read(f"{ROOT}/stage1/a.json", tail=2) == b"45"
        assert bucket.read(f"{ROOT}/stage1/b.json") is None
        assert bucket.seen(f"{ROOT}/stage1/b.json") is None

    def test_a_stage_is_not_another_attempt_at_it(self) -> None:
        bucket = self.open_bucket()
        for folder in ("stage1", "stage1_a1"):
            bucket.write(f"{ROOT}/{folder}/1/metrics.json", b"{}")

        assert list(bucket.names(f"{ROOT}/stage1/")) == [f"{ROOT}/stage1/1/metrics.json"]

    def test_what_must_not_be_there_yet_is_written_once(self) -> None:
        first = put(self.open_bucket(), b"1", over=None, by="a")

        with pytest.raises(StoreConflict):
            put(self.open_bucket(), b"2", over=None, by="b")

        assert self.open_bucket().seen(DOCUMENT) == (b"1", first)

    def test_a_version_is_replaced_once(self) -> None:
        first = put(self.open_bucket(), b"1", over=None, by="a")
        second = put(self.open_bucket(), b"2", over=first, by="b")

        with pytest.raises(StoreConflict):
            put(self.open_bucket(), b"3", over=first, by="c")

        assert self.open_bucket().seen(DOCUMENT) == (b"2", second)
        assert second != first

    def test_ones_own_write_is_known_again_when_its_reply_was_lost(self) -> None:
        first = put(self.open_bucket(), b"1", over=None, by="a")

        again = put(self.open_bucket(), b"1", over=None, by="a")

        assert again == first

    def test_what_anybody_wrote_has_another_version(self) -> None:
        bucket = self.open_bucket()
        first = put(bucket, b"1", over=None, by="a")
        bucket.write(DOCUMENT, b"2")

        with pytest.raises(StoreConflict):
            put(bucket, b"3", over=first, by="b")


class Writable(Protocol):
    """The part of a bucket that a trial's machine needs."""

    def write(self, uri: str, content: bytes) -> None: ...


def leave_record(
    bucket: Writable,
    folder: str,
    *,
    words: Mapping[str, str],
    reward: float | None,
    status: TrialStatus = "finished",
    reason: str | None = None,
) -> None:
    """Write into a bucket what a worker leaves when its trial has ended.

    `folder` is the trial's, in the bucket; `words` are those of its command, by name.
    """
    timesteps, stage = int(words["timesteps"]), int(words["stage"])
    trial_id = folder.rpartition("/")[2]
    # A record speaks of the folder in which its worker wrote it.
    place = Path("/disk") / trial_id
    best, final = place / "models/best_model.zip", place / f"models/stage{stage}_final.zip"
    score = None
    if reward is not None and status == "finished":
        score = Score(30, reward, 1.0, mean_length=100.0, full_length_rate=1.0)
    trial = Trial(
        trial_id=trial_id,
        attempt=int(words["attempt"]),
        status=status,
        assignment={},
        best_mean_reward=reward,
        panel=score,
        verdict=Gate().admits(score) if score else None,
        checkpoint=Checkpoint(str(best), "best", trial_id) if score else None,
        final_checkpoint=Checkpoint(str(final), "final", trial_id) if score else None,
        steps_asked=timesteps,
        steps_trained=timesteps if score else timesteps // 2,
        duration_s=60.0,
        reason=reason,
    )
    about = Circumstances(words["species"], words["algorithm"], stage)
    told = json.dumps(metrics_of(trial, about, folder=place))
    bucket.write(f"{folder}/metrics.json", told.encode())
