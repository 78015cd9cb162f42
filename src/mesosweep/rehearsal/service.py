"""JobService, method by method, free of transport: a request goes in, a reply or a Refusal comes out."""

from __future__ import annotations

import base64
import binascii
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeAlias

from google.cloud import aiplatform_v1 as v1
from google.longrunning import operations_pb2

from mesosweep.rehearsal.answers import custom_message, deleted, tuning_message
from mesosweep.rehearsal.faults import Faults, check_methods
from mesosweep.rehearsal.jobs import Head, Job, Jobs, Kind
from mesosweep.rehearsal.meters import UNLIMITED, quota_answer
from mesosweep.rehearsal.reading import check_head, run_order, tuning_order
from mesosweep.rehearsal.refusal import Refusal, invalid

SERVICE = "google.cloud.aiplatform.v1.JobService"
DEFAULT_PAGE = 100
Message: TypeAlias = Any
"""A proto-plus message, whose classes have no useful common type, or a plain protobuf one."""


@dataclass(frozen=True, slots=True)
class Method:
    """One method of the API and where it is found over REST."""

    request: Any
    """Class of its requests (proto-plus)."""
    reply: Any
    """Class of its replies: proto-plus, plain protobuf, or None for an empty one."""
    verb: str
    kind: Kind
    suffix: str = ""
    """What stands after the resource's name in the path."""
    body: str = ""
    """Field that the body holds; `*`: the whole request."""

    @property
    def on_collection(self) -> bool:
        """Whether the path ends with the collection, not with one resource."""
        return self.body not in ("", "*") or self.request.__name__.startswith("List")


def _methods() -> Mapping[str, Method]:
    found = {}
    kinds: tuple[tuple[str, str, Kind, Any], ...] = (
        (
            "HyperparameterTuningJob",
            "hyperparameter_tuning_job",
            "hyperparameterTuningJobs",
            v1.HyperparameterTuningJob,
        ),
        ("CustomJob", "custom_job", "customJobs", v1.CustomJob),
    )
    for noun, field, kind, message in kinds:
        listed = getattr(v1, f"List{noun}sResponse")
        for name, method in {
            f"Create{noun}": ("post", message, "", field),
            f"Get{noun}": ("get", message, "", ""),
            f"List{noun}s": ("get", listed, "", ""),
            f"Cancel{noun}": ("post", None, ":cancel", "*"),
            f"Delete{noun}": ("delete", operations_pb2.Operation, "", ""),
        }.items():
            verb, reply, suffix, body = method
            request = getattr(v1, f"{name}Request")
            found[name] = Method(request, reply, verb, kind, suffix, body)
    return found


METHODS: Mapping[str, Method] = _methods()
"""Name in the API → method."""
QUOTA_METHOD = "GetConsumerQuotaMetric"
"""Of Service Usage, which tells how much of JobService a project may use; over REST alone."""


class JobService:
    """The methods over one cloud's jobs. Calls may come from any thread; one is served at a time."""

    def __init__(self, jobs: Jobs) -> None:
        check_methods(jobs.place.faults.script, (*METHODS, QUOTA_METHOD))
        self.jobs = jobs
        self._one = threading.Lock()
        self._verbs: Mapping[str, Callable[[Any], Message]] = {
            "CreateHyperparameterTuningJob": self._create_tuning,
            "CreateCustomJob": self._create_custom,
            **{
                f"{verb}{noun}": does
                for noun in ("HyperparameterTuningJob", "CustomJob")
                for verb, does in (
                    ("Get", self._get),
                    ("Cancel", self._cancel),
                    ("Delete", self._delete),
                )
            },
            "ListHyperparameterTuningJobs": self._list,
            "ListCustomJobs": self._list,
        }

    @property
    def faults(self) -> Faults:
        return self.jobs.place.faults

    def call(self, method: str, request: Message) -> Message | None:
        """Serve one call; None is the empty reply.

        Raises Refusal: the request's own, or one injected before the work or after it.
        """
        with self._one:
            fault = self.faults.meet(method)
            if fault is None:
                return self._verbs[method](request)
            what = {"method": method, "code": fault.code, "lost_reply": fault.lost_reply}
            self.jobs.place.tell("fault", what)
            if fault.lost_reply:
                with suppress(Refusal):  # whatever was answered, nobody hears it
                    self._verbs[method](request)
            raise Refusal(fault.code, fault.message)

    def quota(self, project: str, meter: str) -> dict[str, Any]:
        """Return what Service Usage answers of a meter of the quota.

        Raises Refusal: there is no such meter, or an injected one; no answer of it can be lost.
        """
        with self._one:
            if (fault := self.faults.meet(QUOTA_METHOD)) is not None:
                raise Refusal(fault.code, fault.message)
            limit = self.faults.script.limit_of(meter)
            return quota_answer(project, meter, UNLIMITED if limit is None else limit)

    def advance(self) -> None:
        """Let time act without a call: what serves real processes does so now and then."""
        with self._one:
            self.jobs.advance()

    def close(self) -> None:
        """End whatever still runs."""
        with self._one:
            self.jobs.place.runner.close()

    def _create_tuning(self, request: v1.CreateHyperparameterTuningJobRequest) -> Message:
        job = request.hyperparameter_tuning_job
        check_head(job.display_name, job.labels)
        head = Head(job.display_name, dict(job.labels), _as_asked(job))
        return tuning_message(self.jobs.create_tuning(request.parent, tuning_order(job), head))

    def _create_custom(self, request: v1.CreateCustomJobRequest) -> Message:
        job = request.custom_job
        check_head(job.display_name, job.labels)
        head = Head(job.display_name, dict(job.labels), _as_asked(job))
        order = run_order(job.job_spec, field="job_spec")
        return custom_message(self.jobs.create_custom(request.parent, order, head))

    def _get(self, request: Message) -> Message:
        job = self.jobs.get(request.name, _kind_of(request))
        return (
            tuning_message(job) if job.kind == "hyperparameterTuningJobs" else custom_message(job)
        )

    def _list(self, request: Message) -> Message:
        kind = _kind_of(request)
        jobs = self.jobs.listed(request.parent, kind, request.filter)
        page, token = _page(jobs, size=request.page_size, token=request.page_token)
        if kind == "customJobs":
            return v1.ListCustomJobsResponse(
                custom_jobs=[_masked(custom_message(job), request.read_mask) for job in page],
                next_page_token=token,
            )
        messages = [tuning_message(job, with_trials=False) for job in page]
        return v1.ListHyperparameterTuningJobsResponse(
            hyperparameter_tuning_jobs=[_masked(m, request.read_mask) for m in messages],
            next_page_token=token,
        )

    def _cancel(self, request: Message) -> None:
        self.jobs.cancel(request.name, _kind_of(request))

    def _delete(self, request: Message) -> Message:
        return deleted(self.jobs.delete(request.name, _kind_of(request)))


def _kind_of(request: Message) -> Kind:
    return "customJobs" if "CustomJob" in type(request).__name__ else "hyperparameterTuningJobs"


_OURS = (
    *("name", "state", "create_time", "start_time", "end_time", "update_time"),
    *("error", "trials", "web_access_uris"),
)
"""Fields that only the service sets."""


def _as_asked(job: Message) -> Message:
    """Return the job of a request without what a client may not set."""
    kept = type(job)(job)
    plain = type(job).pb(kept)
    for name in _OURS:
        if name in plain.DESCRIPTOR.fields_by_name:
            plain.ClearField(name)
    return kept


def _masked(message: Message, mask: Message) -> Message:
    """Return what of a message a field mask admits: all of it for an empty mask."""
    if not mask.paths:
        return message
    kept = type(message)()
    mask.MergeMessage(type(message).pb(message), type(message).pb(kept))
    return kept


def _page(jobs: list[Job], *, size: int, token: str) -> tuple[list[Job], str]:
    """Return one page and the token of the next one, which names the last job of this page."""
    if size < 0:
        raise invalid("page_size", "must not be negative")
    if token:
        try:
            last = base64.urlsafe_b64decode(token).decode()
        except (binascii.Error, ValueError):
            raise invalid("page_token", f"'{token}' is none of ours") from None
        # Jobs that were created meanwhile stand before the last page, and are not repeated.
        places = [place for place, job in enumerate(jobs) if job.job_id == last]
        if not places:
            raise invalid("page_token", f"'{token}' names a job that is gone")
        jobs = jobs[places[0] + 1 :]
    page = jobs[: size or DEFAULT_PAGE]
    if len(page) == len(jobs):
        return page, ""
    return page, base64.urlsafe_b64encode(page[-1].job_id.encode()).decode()
