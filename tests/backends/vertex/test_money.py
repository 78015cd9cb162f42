"""The ledger of jobs, and a limit that holds over interruptions."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

pytest.importorskip("google.cloud.aiplatform_v1")

from mesosweep.backends.prices import load_prices
from mesosweep.backends.vertex.client import GoogleJobs
from mesosweep.backends.vertex.labels import EVERY
from mesosweep.backends.vertex.ledger import entries_of, spent_usd, unknown_jobs
from mesosweep.backends.vertex.money import CappedBackend, costs_of, quote_of
from mesosweep.backends.vertex.settings import JobSettings, Service
from mesosweep.domain.errors import BudgetReached, SettingsError
from mesosweep.domain.plan import SweepPlan
from mesosweep.domain.study import Study
from mesosweep.testing.clock import FakeClock

SETTINGS = JobSettings(project="my-project", image="host/repo/trainer:1")
QUOTE = quote_of(SETTINGS, price_file=None)
HOURLY = QUOTE.usd_per_hour or 0.0


@pytest.fixture
def backend(cloud: Any, open_vertex: Callable[..., Any]) -> Any:
    return open_vertex(cloud)


def settle(backend: Any, job: Any, clock: FakeClock) -> Any:
    for _ in range(100):
        snapshot = backend.poll(job)
        if snapshot.state != "running":
            return snapshot
        backend.wait(job, clock)
    raise AssertionError("never settled")


def test_a_job_is_in_the_ledger_before_it_is_sent(
    cloud: Any, open_vertex: Callable[..., Any], study: Study, plan: SweepPlan, bucket: Any
) -> None:
    from mesosweep.rehearsal.faults import CallFault, FaultScript

    cloud.script = FaultScript(calls=(CallFault("Create*", code="PERMISSION_DENIED", call=1),))
    backend = open_vertex(cloud)

    with pytest.raises(Exception, match="injected"):
        backend.submit(backend.prepare(study))

    (entry,) = entries_of(plan.root, bucket)
    assert (entry.study, entry.stage, entry.attempt, entry.trials) == (study.key, 1, 0, 4)
    assert entry.job is None
    assert (entry.machine, entry.strategy) == ("n1-standard-8", "STANDARD")


def test_it_records_what_a_job_took(
    backend: Any, study: Study, plan: SweepPlan, bucket: Any, clock: FakeClock
) -> None:
    job = backend.submit(backend.prepare(study))
    settle(backend, job, clock)

    (entry,) = entries_of(plan.root, bucket)

    assert entry.job == job.name
    assert entry.is_over
    assert entry.machine_s == 4 * 60
    assert entry.usd == pytest.approx(4 * 60 / 3_600 * HOURLY)
    assert spent_usd([entry], sweep=plan.sweep_key, since=0) == entry.usd
    assert spent_usd([entry], sweep=plan.sweep_key, since=1) == 0.0
    assert spent_usd([entry], sweep="another", since=0) == 0.0


def test_jobs_that_no_entry_knows_are_found(
    cloud: Any, open_vertex: Callable[..., Any], study: Study, plan: SweepPlan, bucket: Any
) -> None:
    backend = open_vertex(cloud)
    backend.submit(backend.prepare(study))
    jobs = GoogleJobs(Service("my-project", endpoint=cloud.endpoint)).list(EVERY)

    entries = entries_of(plan.root, bucket)

    assert unknown_jobs(jobs, entries) == ()
    # The reply may be lost before the name is known: then the folder tells.
    assert unknown_jobs(jobs, [replace(entries[0], job=None)]) == ()
    assert unknown_jobs(jobs, []) == tuple(jobs)


def test_an_object_that_is_no_entry_is_passed_over(plan: SweepPlan, bucket: Any) -> None:
    bucket.write(f"{plan.root}/_ledger/stage1.json", b"{")
    bucket.write(f"{plan.root}/_ledger/stage2.json", json.dumps({"stage": 2}).encode())

    assert entries_of(plan.root, bucket) == ()


@pytest.fixture
def capped(
    cloud: Any, open_vertex: Callable[..., Any], plan: SweepPlan, bucket: Any
) -> Callable[..., CappedBackend]:
    def capped(most_usd: float, *, trial_usd: float = 0.0) -> CappedBackend:
        return CappedBackend(
            open_vertex(cloud),
            plan=replace(plan, max_cost_usd=most_usd),
            since=0,
            bucket=bucket,
            quote=QUOTE,
            trial_usd={1: trial_usd} if trial_usd else {},
        )

    return capped


def test_nothing_is_submitted_that_is_expected_to_pass_the_limit(
    capped: Callable[..., CappedBackend], study: Study, cloud: Any
) -> None:
    backend = capped(1.0, trial_usd=0.3)

    assert backend.find(study) is None
    with pytest.raises(BudgetReached, match=r"\$1.20 more"):
        backend.submit(backend.prepare(study))

    assert cloud.jobs.faults.calls["CreateHyperparameterTuningJob"] == 0


def test_a_job_is_cancelled_before_it_passes_the_limit(
    capped: Callable[..., CappedBackend], study: Study, clock: FakeClock, bucket: Any
) -> None:
    minute = HOURLY / 60
    backend = capped(3 * minute)
    job = backend.submit(backend.prepare(study))

    with pytest.raises(BudgetReached, match="was cancelled") as caught:
        settle(backend, job, clock)

    assert "running trials" in str(caught.value)
    assert backend.spent_usd() <= 3 * minute
    # What was spent stays spent: the same command does not go on.
    again = capped(3 * minute, trial_usd=minute)
    with pytest.raises(BudgetReached, match="Nothing was submitted"):
        again.submit(again.prepare(study))


def test_a_job_that_the_service_deleted_and_whose_files_are_gone_was_paid_for_all_the_same(
    *,
    capped: Callable[..., CappedBackend],
    study: Study,
    clock: FakeClock,
    bucket: Any,
    cloud: Any,
    plan: SweepPlan,
) -> None:
    minute = HOURLY / 60
    backend = capped(1_000.0)
    first = backend.submit(backend.prepare(study))
    settle(backend, first, clock)
    cloud.jobs.service.jobs._jobs.clear()
    for uri in bucket.names(f"{plan.root}/stage"):
        del bucket.objects[uri]

    again = capped(6 * minute)
    second = again.submit(again.prepare(study))

    assert {entry.job for entry in entries_of(plan.root, bucket)} == {first.name, second.name}
    assert again.spent_usd() == pytest.approx(4 * minute)
    # Two more minutes may be spent, and not six.
    with pytest.raises(BudgetReached, match="was cancelled"):
        settle(again, second, clock)
    assert again.spent_usd() <= 6 * minute


def test_a_job_that_is_passed_over_counts_while_the_next_one_is_watched(
    *,
    capped: Callable[..., CappedBackend],
    study: Study,
    clock: FakeClock,
    bucket: Any,
    plan: SweepPlan,
) -> None:
    minute = HOURLY / 60
    backend = capped(1_000.0)
    settle(backend, backend.submit(backend.prepare(study)), clock)
    for uri in bucket.names(f"{plan.root}/stage"):
        del bucket.objects[uri]

    again = capped(6 * minute)
    with pytest.raises(BudgetReached, match="was cancelled"):
        settle(again, again.submit(again.prepare(study)), clock)

    assert again.spent_usd() <= 6 * minute


def test_within_its_limit_it_is_the_backend_that_it_watches(
    capped: Callable[..., CappedBackend], study: Study, clock: FakeClock
) -> None:
    backend = capped(1_000.0, trial_usd=1.0)

    job = backend.submit(backend.prepare(study))

    assert settle(backend, job, clock).state == "succeeded"
    assert backend.find(study) == job


def test_costs_are_told_by_stage(plan: SweepPlan) -> None:
    costs = costs_of(plan, QUOTE, trial_s={1: 3_600.0, 2: 7_200.0}, steps_per_s={1: 10, 2: 10})

    assert costs[1].usd == pytest.approx(3 * HOURLY)
    assert costs[1].wall_s == 2 * 3_600
    assert 3 not in costs


def test_prices_of_ones_own_come_first(tmp_path: Any) -> None:
    file = tmp_path / "prices.toml"
    file.write_text(
        "checked = 2026-11-01\n[[price]]\nlocation = 'us-central1'\nitem = 'n1-standard-8'\n"
        "strategy = 'STANDARD'\nusd_per_hour = 1.0\nbasis = 'quoted'\nsource = 'my contract'\n"
    )

    assert quote_of(SETTINGS, price_file=str(file)).usd_per_hour == 1.0
    assert load_prices().checked > quote_of(SETTINGS, price_file=str(file)).checked
    with pytest.raises(SettingsError, match="--price-file"):
        quote_of(SETTINGS, price_file=str(tmp_path / "none.toml"))
