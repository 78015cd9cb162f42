"""Resource names: projects by id or number, locations, and what lies in them."""

from __future__ import annotations

import hashlib
import re

from mesosweep.rehearsal.refusal import invalid

_PARENT = re.compile(r"projects/([^/]+)/locations/([^/]+)")
_NAME = re.compile(r"(projects/[^/]+/locations/[^/]+)/([A-Za-z]+)/([^/]+)")


def split_parent(parent: str) -> tuple[str, str]:
    """Return project and location; raises Refusal."""
    match = _PARENT.fullmatch(parent)
    if match is None:
        raise invalid("parent", f"'{parent}' is not projects/PROJECT/locations/LOCATION")
    return match[1], match[2]


def split_name(name: str, kind: str) -> tuple[str, str]:
    """Return parent and id of a resource of this kind; raises Refusal."""
    match = _NAME.fullmatch(name)
    if match is None or match[2] != kind:
        raise invalid("name", f"'{name}' is no name of one of the {kind}")
    return match[1], match[3]


def number_of(project: str) -> str:
    """Return a project's number: itself, or twelve digits that its id always gives."""
    if project.isdigit():
        return project
    digest = hashlib.sha256(project.encode()).digest()
    return str(10**11 + int.from_bytes(digest[:6], "big") % (9 * 10**11))
