"""What a rehearsed Cloud Storage is asked and answers, without a socket."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from urllib.parse import quote

from mesosweep.rehearsal.storage_conditions import Refusal
from mesosweep.rehearsal.storage_ledger import Stored

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request, read whole."""

    verb: str
    path: str
    """As it came, with its percent signs."""
    query: Mapping[str, str]
    permissions: tuple[str, ...] = ()
    """The one thing that a query may name several times."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """By lower-case name."""
    body: bytes = b""

    @property
    def base(self) -> str:
        return f"http://{self.headers.get('host', 'localhost')}"

    def json(self) -> dict[str, Any]:
        """Return the body's object, empty when there is none; raises Refusal."""
        try:
            told = json.loads(self.body) if self.body else {}
        except ValueError:
            raise Refusal(400, "Parse Error") from None
        if not isinstance(told, dict):
            raise Refusal(400, "Parse Error")
        return told

    def generation(self, name: str = "generation") -> int | None:
        """Return the generation that is asked for; raises Refusal."""
        text = self.query.get(name)
        if text is not None and not text.isdecimal():
            raise Refusal(400, f"Invalid value for {name}: {text!r}")
        return None if text is None else int(text)


@dataclass(frozen=True, slots=True)
class Response:
    """One HTTP response."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


Work: TypeAlias = Callable[[], Response]
"""How a call is carried out; may raise Refusal."""


def answer(told: Mapping[str, Any]) -> Response:
    """Answer with a JSON object."""
    headers = {"Content-Type": "application/json; charset=UTF-8"}
    return Response(200, headers, json.dumps(told).encode())


def refused(refusal: Refusal) -> Response:
    """Answer with a status that is no success."""
    if refusal.status == 304:  # which has no body
        return Response(304)
    told = answer(refusal.body())
    return Response(refusal.status, told.headers, told.body)


def bucket_resource(bucket: str, base: str) -> dict[str, Any]:
    """Return what the JSON API says of a bucket."""
    return {
        "kind": "storage#bucket",
        "id": bucket,
        "name": bucket,
        "selfLink": f"{base}/storage/v1/b/{bucket}",
        "location": "US-CENTRAL1",
        "storageClass": "STANDARD",
        "metageneration": "1",
    }


def object_resource(bucket: str, stored: Stored, base: str) -> dict[str, Any]:
    """Return what the JSON API says of an object; its whole numbers are strings."""
    place = f"b/{bucket}/o/{quote(stored.name, safe='')}"
    told: dict[str, Any] = {
        "kind": "storage#object",
        "id": f"{bucket}/{stored.name}/{stored.generation}",
        "selfLink": f"{base}/storage/v1/{place}",
        "mediaLink": f"{base}/download/storage/v1/{place}?generation={stored.generation}&alt=media",
        "name": stored.name,
        "bucket": bucket,
        "generation": str(stored.generation),
        "metageneration": str(stored.metageneration),
        "contentType": stored.about.content_type,
        "storageClass": "STANDARD",
        "size": str(stored.size),
        "md5Hash": stored.md5,
        "crc32c": stored.crc32c,
        "etag": _etag(stored),
        "timeCreated": stored.created,
        "updated": stored.updated,
    }
    if stored.about.metadata:
        told["metadata"] = dict(stored.about.metadata)
    if stored.about.content_encoding:
        told["contentEncoding"] = stored.about.content_encoding
    return told


def content_headers(stored: Stored) -> dict[str, str]:
    """Return the headers that go with an object's content."""
    headers = {
        "Content-Type": stored.about.content_type,
        "ETag": _etag(stored),
        "X-Goog-Generation": str(stored.generation),
        "X-Goog-Metageneration": str(stored.metageneration),
        "X-Goog-Hash": f"crc32c={stored.crc32c},md5={stored.md5}",
        "X-Goog-Stored-Content-Length": str(stored.size),
        "X-Goog-Stored-Content-Encoding": stored.about.content_encoding or "identity",
        "X-Goog-Storage-Class": "STANDARD",
        "Accept-Ranges": "bytes",
    }
    if stored.about.content_encoding:
        headers["Content-Encoding"] = stored.about.content_encoding
    return headers


def asked_bytes(header: str | None, size: int) -> tuple[int, int] | None:
    """Return first byte and end of what a Range header asks for; None for everything.

    Raises:
        Refusal: 416, there is nothing there.
    """
    found = _RANGE.fullmatch(header or "")
    if found is None or not any(found.groups()):
        return None
    first, last = found.groups()
    if not first:  # so many from the end
        start, end = max(size - int(last), 0), size
    else:
        start, end = int(first), min(int(last) + 1, size) if last else size
    if start >= end:
        raise Refusal(416, "The requested range cannot be satisfied.")
    return start, end


def _etag(stored: Stored) -> str:
    return f"{stored.generation:x}/{stored.metageneration}"
