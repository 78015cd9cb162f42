"""Content on its way into a rehearsed Cloud Storage: in one request, or piece by piece."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mesosweep.rehearsal.storage_conditions import Conditions, Refusal
from mesosweep.rehearsal.storage_ledger import About, Stored, crc32c_of, md5_of

_CONTENT_RANGE = re.compile(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)")


@dataclass(frozen=True, slots=True)
class Draft:
    """An object to be written: its name, and what its uploader says of it."""

    bucket: str
    name: str
    about: About
    conditions: Conditions
    hashes: Mapping[str, str] = field(default_factory=dict)
    """`md5` and `crc32c` as the uploader reckoned them."""


def draft_of(
    bucket: str, said: Mapping[str, Any], query: Mapping[str, str], content_type: str | None
) -> Draft:
    """Read an object's resource as an uploader sends it; raises Refusal."""
    name = said.get("name") or query.get("name")
    if not name:
        raise Refusal(400, "Required: name")
    hashes = {"md5": said.get("md5Hash"), "crc32c": said.get("crc32c")}
    return Draft(
        bucket=bucket,
        name=name,
        about=about_of(said, content_type),
        conditions=Conditions.of(query),
        hashes={kind: told for kind, told in hashes.items() if told},
    )


def about_of(said: Mapping[str, Any], content_type: str | None = None) -> About:
    """Read what a resource says of an object beside its content."""
    return About(
        content_type=said.get("contentType") or content_type or About().content_type,
        content_encoding=said.get("contentEncoding"),
        metadata={str(k): str(v) for k, v in (said.get("metadata") or {}).items()},
    )


def check_hashes(content: bytes, hashes: Mapping[str, str]) -> None:
    """Raise Refusal, 400, when content is not what its uploader sent."""
    for kind, told in hashes.items():
        found = md5_of(content) if kind == "md5" else crc32c_of(content)
        if told != found:
            raise Refusal(
                400,
                f'Provided {kind.upper()} hash "{told}" doesn\'t match calculated '
                f'{kind.upper()} hash "{found}".',
            )


def hashes_in(header: str) -> dict[str, str]:
    """Read `x-goog-hash: crc32c=…,md5=…`."""
    pairs = (part.strip().partition("=") for part in header.split(",") if part.strip())
    return {kind: told for kind, _, told in pairs if kind in ("md5", "crc32c")}


def parts_of(content_type: str, body: bytes) -> tuple[dict[str, Any], str | None, bytes]:
    """Split a multipart upload into resource, content type and content; raises Refusal."""
    found = re.search(r'boundary="?([^";]+)"?', content_type)
    pieces = body.split(b"--" + found[1].encode()) if found else []
    if len(pieces) != 4:
        raise Refusal(400, "Malformed multipart body.")
    _, resource = _headers_and_rest(pieces[1])
    headers, content = _headers_and_rest(pieces[2])
    told = re.search(rb"(?i)^content-type:\s*([^\r\n]+)", headers, re.MULTILINE)
    return json.loads(resource), told[1].decode() if told else None, content


def _headers_and_rest(piece: bytes) -> tuple[bytes, bytes]:
    headers, separator, rest = piece.partition(b"\r\n\r\n")
    if not separator:
        raise Refusal(400, "Malformed multipart body.")
    return headers, rest.removesuffix(b"\r\n")


@dataclass
class Session:
    """A resumable upload: what has arrived, and the object once it is whole."""

    draft: Draft
    session_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    arrived: bytearray = field(default_factory=bytearray)
    made: Stored | None = None

    def take(self, content_range: str, body: bytes, hashes: Mapping[str, str]) -> bool:
        """Add a piece; return whether the object is whole now. Pieces may come again.

        Raises:
            Refusal: 400 for a piece that does not follow what arrived, or another content.
        """
        found = _CONTENT_RANGE.fullmatch(content_range)
        if found is None:
            raise Refusal(400, f"Invalid Content-Range: {content_range!r}")
        start, _, total = found.groups()
        if start is not None:
            if int(start) > len(self.arrived):
                raise Refusal(400, f"Invalid Content-Range: {len(self.arrived)} bytes arrived yet.")
            self.arrived += body[len(self.arrived) - int(start) :]
        if total == "*" or len(self.arrived) < int(total):
            return False
        check_hashes(bytes(self.arrived), {**self.draft.hashes, **hashes})
        return True
