"""What the service says of jobs and trials, and what we make of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesosweep.backends.vertex.parse import machine_s, phase_of, reason_of, trials_of, typed
from mesosweep.domain.space import Discrete, Double, Integer, SearchSpace
from mesosweep.domain.study import Study
from mesosweep.domain.trial import Trial

STEPS = 100
"""What every trial of the test's study is asked for."""


def message(trial_id: str = "1", state: str = "SUCCEEDED", **others: Any) -> dict[str, Any]:
    return {"id": trial_id, "state": state, **others}


def measured(value: object, *, step: int = STEPS) -> dict[str, Any]:
    metrics = [{"metricId": "best_mean_reward", "value": value}]
    return {"finalMeasurement": {"stepCount": str(step), "metrics": metrics}}


def only(study: Study, told: dict[str, Any], *, state: str = "RUNNING", **job: Any) -> Trial:
    (trial,) = trials_of({"state": f"JOB_STATE_{state}", "trials": [told], **job}, study, attempt=0)
    return trial


class TestAssignments:
    def test_numbers_come_as_floats_and_leave_as_our_space_has_them(
        self, space_of_four: SearchSpace
    ) -> None:
        told = {
            "count_rate": 0.0001,
            "count_batch": 128.0,
            "count_depth": 3.0,
            "count_net_arch": "large",
        }

        found = typed(space_of_four, told)

        assert found == told
        assert [type(value) for value in found.values()] == [float, int, int, str]

    def test_what_the_space_does_not_hold_stays_as_it_came(
        self, space_of_four: SearchSpace
    ) -> None:
        told = {"count_batch": 100.0, "foreign": 1.5, "count_net_arch": "huge"}

        assert typed(space_of_four, told) == told

    def test_a_parameter_that_is_not_there_is_not_made_up(self, study: Study) -> None:
        assert only(study, message()).assignment == {}

    @given(st.integers(-(2**53), 2**53), st.integers(1, 1_000))
    def test_every_whole_number_comes_back_whole(self, low: int, span: int) -> None:
        space = SearchSpace({"n": Integer(low, low + span)})

        assert typed(space, {"n": float(low)}) == {"n": low} or abs(low) >= 2**53

    @given(st.floats(-1e300, 1e300), st.floats(-1e300, 1e300))
    def test_every_double_comes_back_to_the_last_bit(self, one: float, other: float) -> None:
        low, high = sorted((one, other))
        if low == high:
            return
        assert typed(SearchSpace({"x": Double(low, high)}), {"x": one}) == {"x": one}

    @given(st.lists(st.integers(-10_000, 10_000), min_size=1, unique=True))
    def test_every_discrete_value_comes_back_as_declared(self, values: list[int]) -> None:
        space = SearchSpace({"d": Discrete(tuple(values))})

        for value in values:
            (found,) = typed(space, {"d": float(value)}).values()
            assert (found, type(found)) == (value, int)


class TestTrials:
    @pytest.mark.parametrize("state", ["REQUESTED", "ACTIVE", "STOPPING", "STATE_UNSPECIFIED"])
    def test_one_that_is_not_done_runs(self, study: Study, state: str) -> None:
        trial = only(study, message(state=state))

        assert (trial.status, trial.steps_trained) == ("running", None)

    def test_one_that_reached_its_last_step_has_finished(self, study: Study) -> None:
        trial = only(study, message(**measured(12.5)))

        assert (trial.status, trial.best_mean_reward) == ("finished", 12.5)
        assert (trial.steps_trained, trial.steps_asked) == (STEPS, STEPS)
        assert trial.origin == "service"

    def test_one_that_ended_before_was_stopped_early(self, study: Study) -> None:
        trial = only(study, message(**measured(12.5, step=60)))

        assert (trial.status, trial.best_mean_reward) == ("stopped", 12.5)
        assert trial.reason == "stopped early by Vertex AI at step 60"

    def test_one_that_is_infeasible_failed_for_the_reason_told(self, study: Study) -> None:
        told = message(state="INFEASIBLE", infeasibleReason="The replica\n  exited with 137.")

        trial = only(study, told)

        assert (trial.status, trial.reason) == ("failed", "The replica exited with 137")

    def test_done_without_a_measurement_is_failed_whatever_it_is_called(self, study: Study) -> None:
        trial = only(study, message(state="SUCCEEDED"))

        assert trial.status == "failed"
        assert "no best_mean_reward" in (trial.reason or "")

    @pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", float("nan")])
    def test_a_metric_that_is_not_finite_is_a_divergence(self, study: Study, value: object) -> None:
        trial = only(study, message(**measured(value)))

        assert (trial.status, trial.best_mean_reward) == ("diverged", None)

    def test_a_metric_of_zero_is_left_out_of_json_and_is_zero_all_the_same(
        self, study: Study
    ) -> None:
        told = measured(0.0)
        del told["finalMeasurement"]["metrics"][0]["value"]

        assert only(study, message(**told)).best_mean_reward == 0.0

    def test_they_are_sorted_by_number(self, study: Study) -> None:
        job = {"trials": [message(i, state="ACTIVE") for i in ("10", "9", "1")]}

        assert [t.trial_id for t in trials_of(job, study, attempt=3)] == ["1", "9", "10"]
        assert {t.attempt for t in trials_of(job, study, attempt=3)} == {3}

    @pytest.mark.parametrize("state", ["ACTIVE", "STOPPING", "INFEASIBLE"])
    @pytest.mark.parametrize(
        ("over", "how"),
        [
            ("FAILED", "the job failed"),
            ("CANCELLED", "the job was cancelled"),
            ("EXPIRED", "the job took too long"),
        ],
    )
    def test_a_job_that_ended_leaves_nobody_running(
        self, study: Study, state: str, over: str, how: str
    ) -> None:
        trial = only(study, message(state=state), state=over)

        assert (trial.status, trial.reason) == (
            "failed",
            f"interrupted: {how}",
        )

    def test_one_that_a_cancelled_job_calls_succeeded_half_way_did_not_finish(
        self, study: Study
    ) -> None:
        trial = only(study, message(**measured(5.0, step=50)), state="CANCELLED")

        assert trial.status == "failed"
        assert "step 50" in (trial.reason or "")

    def test_one_that_finished_before_its_job_failed_keeps_its_result(self, study: Study) -> None:
        trial = only(study, message(**measured(5.0)), state="FAILED")

        assert (trial.status, trial.best_mean_reward) == ("finished", 5.0)

    def test_how_long_it_took_is_from_its_start_to_its_end(self, study: Study) -> None:
        times = {"startTime": "2026-01-01T00:00:00Z", "endTime": "2026-01-01T00:01:30.500Z"}

        assert only(study, message(**measured(1.0), **times)).duration_s == 90.5


class TestJobs:
    @pytest.mark.parametrize(
        ("state", "phase"),
        [
            ("QUEUED", "going"),
            ("PENDING", "going"),
            ("RUNNING", "going"),
            ("PAUSED", "going"),
            ("UPDATING", "going"),
            ("SOMETHING_NEW", "going"),
            ("CANCELLING", "cancelling"),
            ("CANCELLED", "cancelled"),
            ("SUCCEEDED", "succeeded"),
            ("PARTIALLY_SUCCEEDED", "succeeded"),
            ("FAILED", "failed"),
            ("EXPIRED", "failed"),
        ],
    )
    def test_every_state_has_its_meaning(self, state: str, phase: str) -> None:
        assert phase_of({"state": f"JOB_STATE_{state}"}) == phase

    def test_why_it_failed_is_told_in_one_line(self) -> None:
        job = {"state": "JOB_STATE_FAILED", "error": {"code": 3, "message": "image\nnot found "}}

        assert reason_of(job) == "the job failed: image not found"

    @pytest.mark.parametrize("said", ["The job was cancelled.", ""])
    def test_a_message_that_adds_nothing_is_not_repeated(self, said: str) -> None:
        job = {"state": "JOB_STATE_CANCELLED", "error": {"message": said}}

        assert reason_of(job) == "the job was cancelled"

    def test_machine_time_adds_up_trials_side_by_side(self) -> None:
        noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
        job = {
            "trials": [
                {"startTime": "2026-01-01T11:00:00Z", "endTime": "2026-01-01T11:30:00Z"},
                {"startTime": "2026-01-01T11:00:00Z"},
                {"state": "REQUESTED"},
            ]
        }

        assert machine_s(job, now=noon) == 1_800 + 3_600
        assert machine_s({**job, "endTime": "2026-01-01T11:10:00Z"}, now=noon) == 1_800 + 600
