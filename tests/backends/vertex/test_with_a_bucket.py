"""The backend over a rehearsed service and a rehearsed bucket, both asked by Google's clients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("google.cloud.aiplatform_v1")
pytest.importorskip("google.cloud.storage")

from mesosweep.domain.errors import Transient
from mesosweep.domain.events import SweepFinished
from mesosweep.domain.plan import SweepPlan
from mesosweep.domain.study import Study
from mesosweep.engine import run
from mesosweep.rehearsal.storage import LocalStorage
from mesosweep.testing.clock import FakeClock
from mesosweep.testing.plans import FakeJudge
from mesosweep.testing.store import MemoryStore


def test_a_whole_sweep_lies_where_the_table_of_names_says(
    cloud: Any,
    open_vertex: Callable[..., Any],
    plan: SweepPlan,
    clock: FakeClock,
    storage: LocalStorage,
) -> None:
    walking = run(
        plan, backend=open_vertex(cloud), store=MemoryStore(), judge=FakeJudge(), clock=clock
    )
    *_, last = walking

    assert isinstance(last, SweepFinished)
    sweep = storage.root / "a-bucket/sweeps/counting/count"
    for stage in ("stage1", "stage2", "stage3"):
        assert (sweep / stage / "study.json").is_file()
        assert {path.parent.name for path in (sweep / stage).glob("*/metrics.json")} == set("123")


def test_a_bucket_that_does_not_answer_is_waited_for_like_the_service(
    cloud: Any, open_vertex: Callable[..., Any], study: Study, storage: LocalStorage
) -> None:
    backend = open_vertex(cloud)
    job = backend.submit(backend.prepare(study))

    storage.close()

    with pytest.raises(Transient):
        backend.poll(job)
