"""How tests ask any JobService: small jobs whose trials run `program.PROGRAM`, and looks at them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

from google.cloud import aiplatform_v1 as v1

from mesosweep.rehearsal.program import METRIC, PROGRAM


class Asking:
    """A client, and what it asks for. Derive, and give it `client`, `parent`, `python` and `wait`."""

    client: v1.JobServiceClient
    parent: str
    python: Sequence[str] = ("python",)
    """What runs Python in the container."""
    _numbers = count(1)

    def wait(self) -> None:
        """Let the service get on; called between two looks at a job."""
        raise NotImplementedError  # whoever derives from this says it

    def spec(self, mode: str) -> v1.CustomJobSpec:
        container = v1.ContainerSpec(
            image_uri="docker.io/library/python:3.12-slim",
            command=[*self.python, "-c", PROGRAM],
            args=[f"--mode={mode}"],
        )
        pool = v1.WorkerPoolSpec(
            container_spec=container,
            machine_spec=v1.MachineSpec(machine_type="n1-standard-4"),
            replica_count=1,
        )
        return v1.CustomJobSpec(worker_pool_specs=[pool])

    def tuning(
        self, mode: str = "plain", *, trials: int = 4, parallel: int = 2, failed: int = 0
    ) -> v1.HyperparameterTuningJob:
        number = next(self._numbers)
        kinds = v1.StudySpec.ParameterSpec
        return v1.HyperparameterTuningJob(
            display_name=f"suite {number}",
            labels={"suite": f"number-{number}"},
            max_trial_count=trials,
            parallel_trial_count=parallel,
            max_failed_trial_count=failed,
            trial_job_spec=self.spec(mode),
            study_spec=v1.StudySpec(
                metrics=[v1.StudySpec.MetricSpec(metric_id=METRIC, goal="MAXIMIZE")],
                parameters=[
                    kinds(
                        parameter_id="x",
                        double_value_spec=kinds.DoubleValueSpec(min_value=0.01, max_value=1.0),
                        scale_type=kinds.ScaleType.UNIT_LINEAR_SCALE,
                    ),
                    kinds(
                        parameter_id="n",
                        discrete_value_spec=kinds.DiscreteValueSpec(values=[64, 128]),
                    ),
                    kinds(
                        parameter_id="word",
                        categorical_value_spec=kinds.CategoricalValueSpec(values=["a", "b"]),
                    ),
                ],
            ),
        )

    def create(self, job: v1.HyperparameterTuningJob) -> v1.HyperparameterTuningJob:
        return self.client.create_hyperparameter_tuning_job(
            parent=self.parent, hyperparameter_tuning_job=job, timeout=60
        )

    def get(self, name: str) -> v1.HyperparameterTuningJob:
        return self.client.get_hyperparameter_tuning_job(name=name, timeout=60)

    def find(self, filter_: str) -> list[v1.HyperparameterTuningJob]:
        request = v1.ListHyperparameterTuningJobsRequest(parent=self.parent, filter=filter_)
        return list(self.client.list_hyperparameter_tuning_jobs(request=request, timeout=60))

    def settle(self, name: str, *, looks: int = 2_000) -> v1.HyperparameterTuningJob:
        """Look at a job until it has ended."""
        for _ in range(looks):
            job = self.get(name)
            if job.end_time:
                return job
            self.wait()
        raise AssertionError(f"still {job.state} after {looks} looks")

    def run(self, job: v1.HyperparameterTuningJob) -> v1.HyperparameterTuningJob:
        return self.settle(self.create(job).name)

    @staticmethod
    def x(trial: v1.Trial) -> float:
        return next(float(p.value) for p in trial.parameters if p.parameter_id == "x")

    @staticmethod
    def value(trial: v1.Trial) -> float:
        (metric,) = trial.final_measurement.metrics
        assert metric.metric_id == METRIC
        return float(metric.value)
