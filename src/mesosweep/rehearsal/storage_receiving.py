"""The calls by which content arrives at a rehearsed Cloud Storage."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import TypeAlias

from mesosweep.rehearsal.storage_answers import (
    Request,
    Response,
    Work,
    answer,
    object_resource,
)
from mesosweep.rehearsal.storage_conditions import Refusal
from mesosweep.rehearsal.storage_ledger import Stored
from mesosweep.rehearsal.storage_objects import Shelf
from mesosweep.rehearsal.storage_uploads import (
    Draft,
    Session,
    check_hashes,
    draft_of,
    hashes_in,
    parts_of,
)

Changing: TypeAlias = Callable[[str, str, Callable[[], Stored]], Stored]
"""Changes an object of a bucket, or refuses since it was changed too lately."""


class Uploads:
    """Receives objects, whole or piece by piece, and puts them on the shelf."""

    def __init__(self, shelf: Shelf, changing: Changing) -> None:
        self._shelf = shelf
        self._changing = changing
        self._sessions: dict[str, Session] = {}
        self._lock = threading.Lock()

    def begun(self, request: Request, bucket: str) -> tuple[str, str, Work]:
        """Return method, object and work of a POST; raises Refusal for what cannot be read."""
        kind = request.query.get("uploadType", "")
        content_type = request.headers.get("content-type", "")
        if kind == "resumable":
            sent_type = request.headers.get("x-upload-content-type")
            draft = draft_of(bucket, request.json(), request.query, sent_type)
            return "uploads.start", f"{bucket}/{draft.name}", partial(self._start, request, draft)
        if kind == "multipart":
            said, part_type, content = parts_of(content_type, request.body)
            draft = draft_of(bucket, said, request.query, part_type)
        elif kind == "media":
            draft, content = draft_of(bucket, {}, request.query, content_type), request.body
        else:
            raise Refusal(400, f"Invalid value for uploadType: {kind!r}")
        work = partial(self._insert, request, draft, content)
        return "objects.insert", f"{bucket}/{draft.name}", work

    def gone_on(self, request: Request) -> tuple[str, str, Work]:
        """Return method, object and work of a PUT; raises Refusal, 404, without a session."""
        session = self._sessions.get(request.query.get("upload_id", ""))
        if session is None:
            raise Refusal(404, "No such upload session.")
        name = f"{session.draft.bucket}/{session.draft.name}"
        return "uploads.chunk", name, partial(self._chunk, request, session)

    def _insert(self, request: Request, draft: Draft, content: bytes) -> Response:
        check_hashes(content, {**draft.hashes, **_sent_hashes(request)})
        return answer(object_resource(draft.bucket, self._put(draft, content), request.base))

    def _start(self, request: Request, draft: Draft) -> Response:
        self._shelf.check(draft.bucket, draft.name, draft.conditions)
        session = Session(draft)
        self._sessions[session.session_id] = session
        query = f"uploadType=resumable&upload_id={session.session_id}"
        place = f"{request.base}/upload/storage/v1/b/{draft.bucket}/o?{query}"
        return Response(200, {"Location": place, "X-GUploader-UploadID": session.session_id})

    def _chunk(self, request: Request, session: Session) -> Response:
        with self._lock:
            content_range = request.headers.get("content-range", "")
            if session.made is None and session.take(
                content_range, request.body, _sent_hashes(request)
            ):
                # The conditions are those of its start; only now it takes its place.
                session.made = self._put(session.draft, bytes(session.arrived))
            if session.made is not None:
                return answer(object_resource(session.draft.bucket, session.made, request.base))
            last = len(session.arrived) - 1
            return Response(308, {"Range": f"bytes=0-{last}"} if last >= 0 else {})

    def _put(self, draft: Draft, content: bytes) -> Stored:
        def put() -> Stored:
            return self._shelf.put(draft.bucket, draft.name, content, draft.about, draft.conditions)

        return self._changing(draft.bucket, draft.name, put)


def _sent_hashes(request: Request) -> dict[str, str]:
    return hashes_in(request.headers.get("x-goog-hash", ""))
