"""The part of Cloud Storage's JSON API that google-cloud-storage calls, over a shelf of objects.

See cloud.google.com/storage/docs/json_api/v1. Missing: batches, composing, moving, folders,
old versions, access lists, encryption keys of one's own, notifications, signed addresses.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar
from urllib.parse import unquote

from mesosweep.ports import Clock
from mesosweep.rehearsal.storage_answers import (
    Request,
    Response,
    Work,
    answer,
    asked_bytes,
    bucket_resource,
    content_headers,
    object_resource,
    refused,
)
from mesosweep.rehearsal.storage_conditions import Conditions, Refusal
from mesosweep.rehearsal.storage_faults import StorageFaults, StorageScript
from mesosweep.rehearsal.storage_ledger import Stored
from mesosweep.rehearsal.storage_listing import page_of
from mesosweep.rehearsal.storage_objects import Shelf
from mesosweep.rehearsal.storage_receiving import Uploads
from mesosweep.rehearsal.storage_uploads import about_of

T = TypeVar("T")
_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class Call:
    """One call that was answered, or not."""

    method: str
    """As in `storage_faults.METHODS`."""
    name: str
    """`bucket/object`."""
    status: int | None
    """None for a connection that was closed without a word."""


class StorageService:
    """Answers requests one by one; may be asked from several threads."""

    def __init__(self, root: Path, clock: Clock, script: StorageScript) -> None:
        self.shelf = Shelf(root, clock)
        self.faults = StorageFaults(script)
        self.calls: deque[Call] = deque(maxlen=_REMEMBERED)
        """In the order of their answers."""
        self._clock = clock
        self._lock = threading.RLock()
        self._uploads = Uploads(self.shelf, self._changing)

    def answer(self, request: Request) -> Response | None:
        """Carry a request out; None where the connection is to be closed without a word."""
        try:
            method, name, work = self._route(request)
        except Refusal as refusal:
            return refused(refusal)
        response = self._with_faults(method, name, work)
        self.calls.append(Call(method, name, response.status if response else None))
        return response

    def _with_faults(self, method: str, name: str, work: Work) -> Response | None:
        if self.faults.script.unreachable:
            return None
        fault = self.faults.meet(method, name)
        if fault is None or fault.lost_reply:
            try:
                response = work()
            except Refusal as refusal:
                response = refused(refusal)
            if fault is None:
                return response
        if fault.status is None:
            return None
        return refused(Refusal(fault.status, f"{method}: injected by the rehearsal"))

    def _route(self, request: Request) -> tuple[str, str, Work]:
        """Return the method that is asked for, what it is about, and how it is done."""
        door, _, rest = request.path.partition("/storage/v1/b")
        match door, request.verb, [unquote(part) for part in rest.split("/")[1:]]:
            case "", "GET", []:
                return "buckets.list", "", partial(self._list_buckets, request)
            case "", "POST", []:
                bucket = str(request.json().get("name", ""))
                return "buckets.insert", f"{bucket}/", partial(self._make_bucket, request, bucket)
            case "", "GET", [bucket]:
                return "buckets.get", f"{bucket}/", partial(self._get_bucket, request, bucket)
            case "", "DELETE", [bucket]:
                return "buckets.delete", f"{bucket}/", partial(self._drop_bucket, bucket)
            case "", "GET", [bucket, "iam", "testPermissions"]:
                work = partial(self._permissions, request, bucket)
                return "buckets.testIamPermissions", f"{bucket}/", work
            case "", "GET", [bucket, "o"]:
                return "objects.list", f"{bucket}/", partial(self._list, request, bucket)
            case (("" | "/download"), "GET", [bucket, "o", name]):
                if door or request.query.get("alt") == "media":
                    work = partial(self._download, request, bucket, name)
                    return "objects.download", f"{bucket}/{name}", work
                return "objects.get", f"{bucket}/{name}", partial(self._get, request, bucket, name)
            case "", "DELETE", [bucket, "o", name]:
                work = partial(self._delete, request, bucket, name)
                return "objects.delete", f"{bucket}/{name}", work
            case "", ("PATCH" | "PUT"), [bucket, "o", name]:
                work = partial(self._patch, request, bucket, name)
                return "objects.patch", f"{bucket}/{name}", work
            case "", "POST", [
                source,
                "o",
                taken,
                ("copyTo" | "rewriteTo") as how,
                "b",
                to,
                "o",
                name,
            ]:
                work = partial(self._copy, request, (source, taken), (to, name), how)
                return f"objects.{how.removesuffix('To')}", f"{to}/{name}", work
            case "/upload", "POST", [bucket, "o"]:
                return self._uploads.begun(request, bucket)
            case "/upload", "PUT", [_, "o"]:
                return self._uploads.gone_on(request)
            case _:
                raise Refusal(404, f"{request.verb} {request.path}: not a part of this rehearsal.")

    def _list_buckets(self, request: Request) -> Response:
        page = page_of(self.shelf.buckets(), request.query)
        items = [bucket_resource(bucket, request.base) for bucket in page.names]
        token = {"nextPageToken": page.next_token} if page.next_token else {}
        return answer({"kind": "storage#buckets", "items": items, **token})

    def _make_bucket(self, request: Request, bucket: str) -> Response:
        self.shelf.make_bucket(bucket)
        return answer(bucket_resource(bucket, request.base))

    def _get_bucket(self, request: Request, bucket: str) -> Response:
        self.shelf.check_bucket(bucket)
        return answer(bucket_resource(bucket, request.base))

    def _drop_bucket(self, bucket: str) -> Response:
        self.shelf.drop_bucket(bucket)
        return Response(204)

    def _permissions(self, request: Request, bucket: str) -> Response:
        self.shelf.check_bucket(bucket)
        told = {"kind": "storage#testIamPermissionsResponse"}
        return answer({**told, "permissions": list(request.permissions)})

    def _list(self, request: Request, bucket: str) -> Response:
        found = self.shelf.listed(bucket, delay_s=self.faults.script.late_listing_s)
        page = page_of(found, request.query)
        items = [object_resource(bucket, found[name], request.base) for name in page.names]
        told = {"kind": "storage#objects", "items": items, "prefixes": list(page.prefixes)}
        return answer(told | ({"nextPageToken": page.next_token} if page.next_token else {}))

    def _get(self, request: Request, bucket: str, name: str) -> Response:
        conditions, generation = Conditions.of(request.query), request.generation()
        found = self.shelf.get(bucket, name, conditions, generation=generation)
        return answer(object_resource(bucket, found, request.base))

    def _download(self, request: Request, bucket: str, name: str) -> Response:
        conditions, generation = Conditions.of(request.query), request.generation()
        found, file = self.shelf.open(bucket, name, conditions, generation=generation)
        with file:
            headers = content_headers(found)
            asked = asked_bytes(request.headers.get("range"), found.size)
            if asked is None:
                return Response(200, headers, file.read(found.size))
            start, end = asked
            file.seek(start)
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{found.size}"
            return Response(206, headers, file.read(end - start))

    def _delete(self, request: Request, bucket: str, name: str) -> Response:
        conditions, generation = Conditions.of(request.query), request.generation()

        def remove() -> None:
            self.shelf.remove(bucket, name, conditions, generation=generation)

        self._changing(bucket, name, remove)
        return Response(204)

    def _patch(self, request: Request, bucket: str, name: str) -> Response:
        conditions, said = Conditions.of(request.query), request.json()

        def patch() -> Stored:
            before = self.shelf.get(bucket, name, conditions)
            told = object_resource(bucket, before, request.base)
            return self.shelf.patch(bucket, name, about_of(told | said), conditions)

        return answer(object_resource(bucket, self._changing(bucket, name, patch), request.base))

    def _copy(
        self, request: Request, source: tuple[str, str], target: tuple[str, str], how: str
    ) -> Response:
        if_source, conditions = (Conditions.of(request.query, prefix=p) for p in ("ifSource", "if"))
        generation = request.generation("sourceGeneration")
        taken, file = self.shelf.open(*source, if_source, generation=generation)
        with file:
            content = file.read(taken.size)
        said = request.json()
        # What a copy says of itself replaces all that its source said.
        about = about_of(said, taken.about.content_type) if said else taken.about
        made = self._changing(*target, lambda: self.shelf.put(*target, content, about, conditions))
        told = object_resource(target[0], made, request.base)
        if how == "copyTo":
            return answer(told)
        sizes = {"totalBytesRewritten": str(made.size), "objectSize": str(made.size)}
        return answer({"kind": "storage#rewriteResponse", **sizes, "done": True, "resource": told})

    def _changing(self, bucket: str, name: str, change: Callable[[], T]) -> T:
        with self._lock:
            now = self._clock.now()
            if self.faults.is_too_soon(f"{bucket}/{name}", now):
                raise Refusal(
                    429,
                    f"The object {bucket}/{name} exceeded the rate limit for object mutation "
                    "operations (create, update, and delete). Please reduce your request rate.",
                )
            done = change()
            self.faults.changed(f"{bucket}/{name}", now)
            return done
