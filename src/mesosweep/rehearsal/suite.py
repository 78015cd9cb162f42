"""What clients rely on, whoever serves JobService: the same tests for a rehearsal and the real one.

Derive a test class from `JobServiceSuite`; its trials run `program.PROGRAM`. Nothing here asks for what is documented nowhere.
"""

from __future__ import annotations

import pytest
from google.api_core import exceptions
from google.cloud import aiplatform_v1 as v1

from mesosweep.rehearsal.asking import Asking
from mesosweep.rehearsal.program import STEPS


class JobServiceSuite(Asking):
    """Derive, and give it what `Asking` wants."""

    def test_a_created_job_is_told_under_its_name_and_as_it_was_asked_for(self) -> None:
        asked = self.tuning(failed=2)

        made = self.create(asked)

        location = self.parent.partition("/locations/")[2]
        assert f"/locations/{location}/hyperparameterTuningJobs/" in made.name
        assert self.get(made.name).name == made.name
        assert (made.display_name, dict(made.labels)) == (asked.display_name, dict(asked.labels))
        assert made.study_spec == asked.study_spec
        assert made.trial_job_spec.worker_pool_specs == asked.trial_job_spec.worker_pool_specs
        assert not made.end_time

    def test_a_job_ends_with_exactly_the_trials_it_asked_for(self) -> None:
        job = self.run(self.tuning(trials=5))

        assert job.state == v1.JobState.JOB_STATE_SUCCEEDED
        assert sorted(int(trial.id) for trial in job.trials) == [1, 2, 3, 4, 5]
        for trial in job.trials:
            values = {p.parameter_id: p.value for p in trial.parameters}
            assert trial.state == v1.Trial.State.SUCCEEDED
            assert 0.01 <= values["x"] <= 1.0
            assert values["n"] in (64.0, 128.0)
            assert values["word"] in ("a", "b")
            assert trial.start_time
            assert trial.end_time

    def test_the_last_measurement_counts(self) -> None:
        for trial in self.run(self.tuning(trials=2)).trials:
            assert trial.final_measurement.step_count == STEPS
            assert self.value(trial) == pytest.approx(self.x(trial) / STEPS)

    def test_the_best_measurement_counts_where_it_was_asked_for(self) -> None:
        asked = self.tuning(trials=2)
        kinds = v1.StudySpec.MeasurementSelectionType
        asked.study_spec.measurement_selection_type = kinds.BEST_MEASUREMENT

        for trial in self.run(asked).trials:
            assert trial.final_measurement.step_count == 1
            assert self.value(trial) == pytest.approx(self.x(trial))

    def test_never_more_than_parallel_trials_run(self) -> None:
        name = self.create(self.tuning(trials=5, parallel=2)).name

        while not (job := self.get(name)).end_time:
            assert sum(not trial.end_time for trial in job.trials) <= 2
            self.wait()

    def test_a_failed_trial_is_infeasible_says_why_and_blocks_nobody(self) -> None:
        job = self.run(self.tuning("fail", trials=6, failed=6))

        failed = [t for t in job.trials if t.state == v1.Trial.State.INFEASIBLE]
        assert job.state == v1.JobState.JOB_STATE_SUCCEEDED
        assert len(job.trials) == 6
        assert {t.id for t in failed} == {t.id for t in job.trials if self.x(t) > 0.5}
        assert failed
        for trial in failed:
            assert trial.infeasible_reason
            assert not trial.final_measurement.metrics

    def test_too_many_failed_trials_fail_the_job_and_finished_ones_are_kept(self) -> None:
        job = self.run(self.tuning("fail", trials=20, parallel=1, failed=2))

        states = [trial.state for trial in job.trials]
        assert job.state == v1.JobState.JOB_STATE_FAILED
        assert job.error.code
        assert states.count(v1.Trial.State.INFEASIBLE) == 2
        assert states.count(v1.Trial.State.SUCCEEDED) == len(states) - 2

    def test_a_trial_that_reports_nothing_is_infeasible(self) -> None:
        job = self.run(self.tuning("silent", trials=1))

        assert [trial.state for trial in job.trials] == [v1.Trial.State.INFEASIBLE]

    def test_a_cancelled_job_begins_no_trial_and_keeps_what_is_finished(self) -> None:
        name = self.create(self.tuning("hold", trials=40, parallel=2)).name
        while sum(t.state == v1.Trial.State.SUCCEEDED for t in self.get(name).trials) < 1:
            self.wait()

        self.client.cancel_hyperparameter_tuning_job(name=name, timeout=60)
        before = self.get(name)
        job = self.settle(name)

        assert job.state == v1.JobState.JOB_STATE_CANCELLED
        assert job.error.code == 1
        assert {t.id for t in job.trials} == {t.id for t in before.trials}
        finished = [t.id for t in before.trials if t.state == v1.Trial.State.SUCCEEDED]
        assert finished
        for trial in job.trials:
            if trial.id in finished:
                assert trial.state == v1.Trial.State.SUCCEEDED
                assert self.value(trial) == pytest.approx(self.x(trial) / STEPS)

    def test_a_job_is_found_by_label_name_state_and_time(self) -> None:
        first, second = self.create(self.tuning(trials=1)), self.create(self.tuning(trials=1))
        self.settle(first.name)

        label = f"labels.suite={first.labels['suite']}"
        at = first.create_time.rfc3339()
        for filter_ in (
            label,
            f'display_name="{first.display_name}"',
            f'{label} AND state="JOB_STATE_SUCCEEDED"',
            f'{label} AND create_time>="{at}"',
            f'NOT display_name="{second.display_name}" AND {label}',
        ):
            assert [job.name for job in self.find(filter_)] == [first.name]
        assert self.find(f'{label} AND state="JOB_STATE_FAILED"') == []
        assert self.find("labels.suite=of-nobody") == []

    def test_listings_leave_trials_out(self) -> None:
        made = self.run(self.tuning(trials=1))

        (listed,) = self.find(f"labels.suite={made.labels['suite']}")

        assert (len(made.trials), len(listed.trials)) == (1, 0)
        assert listed.state == made.state

    def test_pages_between_them_hold_every_job_once(self) -> None:
        asked = [self.tuning(trials=1) for _ in range(3)]
        for job in asked:
            job.labels = {"suite": asked[0].labels["suite"]}
        names = {self.create(job).name for job in asked}

        request = v1.ListHyperparameterTuningJobsRequest(
            parent=self.parent, filter=f"labels.suite={asked[0].labels['suite']}", page_size=2
        )
        pages = list(self.client.list_hyperparameter_tuning_jobs(request=request).pages)

        assert [len(page.hyperparameter_tuning_jobs) for page in pages] == [2, 1]
        assert {job.name for page in pages for job in page.hyperparameter_tuning_jobs} == names

    def test_a_filter_that_cannot_be_read_is_refused(self) -> None:
        with pytest.raises(exceptions.BadRequest):
            self.find('colour="red"')

    def test_what_was_never_created_is_not_found(self) -> None:
        with pytest.raises(exceptions.NotFound):
            self.get(f"{self.parent}/hyperparameterTuningJobs/12345")

    @pytest.mark.parametrize("fault", ["trials", "name", "parameters", "scale", "label", "grid"])
    def test_a_job_that_cannot_be_is_refused(self, fault: str) -> None:
        job = self.tuning()
        x = job.study_spec.parameters[0]
        match fault:
            case "trials":
                job.max_trial_count = 0
            case "name":
                job.display_name = ""
            case "parameters":
                job.study_spec.parameters = []
            case "scale":
                x.double_value_spec.min_value = -1.0
                x.scale_type = v1.StudySpec.ParameterSpec.ScaleType.UNIT_LOG_SCALE
            case "label":
                job.labels = {"suite": "Not A Label"}
            case "grid":
                job.study_spec.algorithm = v1.StudySpec.Algorithm.GRID_SEARCH

        with pytest.raises(exceptions.BadRequest):
            self.create(job)

    def test_a_grid_ends_when_every_point_was_tried(self) -> None:
        asked = self.tuning(trials=50, parallel=4)
        asked.study_spec.algorithm = v1.StudySpec.Algorithm.GRID_SEARCH
        kinds = v1.StudySpec.ParameterSpec
        asked.study_spec.parameters[0] = kinds(
            parameter_id="x", discrete_value_spec=kinds.DiscreteValueSpec(values=[0.25, 0.5])
        )

        job = self.run(asked)

        points = {tuple(parameter.value for parameter in trial.parameters) for trial in job.trials}
        assert len(points) == len(job.trials) == 8

    def test_a_deleted_job_is_gone(self) -> None:
        made = self.run(self.tuning(trials=1))

        operation = self.client.delete_hyperparameter_tuning_job(name=made.name, timeout=60)
        operation.result(timeout=60)

        with pytest.raises(exceptions.NotFound):
            self.get(made.name)

    def test_a_custom_job_succeeds_or_says_what_it_ended_with(self) -> None:
        for x, state in (
            (0.25, v1.JobState.JOB_STATE_SUCCEEDED),
            (0.75, v1.JobState.JOB_STATE_FAILED),
        ):
            spec = self.spec("fail")
            spec.worker_pool_specs[0].container_spec.args.append(f"--x={x}")
            asked = v1.CustomJob(display_name=f"x is {x}", job_spec=spec)
            job = self.client.create_custom_job(parent=self.parent, custom_job=asked, timeout=60)
            while not job.end_time:
                self.wait()
                job = self.client.get_custom_job(name=job.name, timeout=60)

            assert job.state == state
            assert bool(job.error.message) == (state == v1.JobState.JOB_STATE_FAILED)
