"""A job as YAML, in the form that `gcloud ai hp-tuning-jobs create --config` reads."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from mesosweep.backends.vertex.request import Request, redacted

_PLAIN = re.compile(r"[A-Za-z_/][A-Za-z0-9_./+-]*")
"""Words that need no quotes, unless they mean something else in YAML."""
_MEANS_ELSE = frozenset(("true", "false", "yes", "no", "on", "off", "null", "none", "y", "n"))


def as_yaml(request: Request, *, location: str) -> str:
    """Return the job as a file to read or to send by hand. Secrets are blotted out.

    A job that was sent by hand is found again, like ours, by its labels. Its study
    document is not written by gcloud: without it trials refuse to start.
    """
    head = (
        f"# gcloud ai hp-tuning-jobs create --region={location} "
        f"--display-name={request['displayName']} --config=FILE"
    )
    return "\n".join([head, *_mapping(redacted(request), 0)]) + "\n"


def _mapping(value: dict[str, Any], depth: int) -> Iterator[str]:
    for key, inner in value.items():
        yield from _entry(f"{'  ' * depth}{_scalar(key)}:", inner, depth)


def _entry(head: str, value: Any, depth: int) -> Iterator[str]:
    match value:
        case {}:
            if value:
                yield head
                yield from _mapping(value, depth + 1)
            else:
                yield f"{head} {{}}"
        case [*items]:
            yield head if items else f"{head} []"
            for item in items:
                yield from _item(item, depth)
        case _:
            yield f"{head} {_scalar(value)}"


def _item(value: Any, depth: int) -> Iterator[str]:
    margin = "  " * depth
    if not isinstance(value, dict):
        yield f"{margin}- {_scalar(value)}"
        return
    # The dash takes the place of the first line's indentation.
    first, *others = _mapping(value, depth + 1)
    yield f"{margin}- {first.lstrip()}"
    yield from others


def _scalar(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            return _number(value)
        case _:
            text = str(value)
            is_plain = _PLAIN.fullmatch(text) and text.lower() not in _MEANS_ELSE
            return text if is_plain else _quoted(text)


def _quoted(text: str) -> str:
    """Return text in double quotes; what cannot be printed stands as an escape of YAML's."""
    signs = [
        sign if sign.isprintable() and sign not in '"\\' else f"\\U{ord(sign):08X}" for sign in text
    ]
    return f'"{"".join(signs)}"'


def _number(value: float) -> str:
    text = repr(value)
    # YAML 1.1 takes `1e-05` for a word; it wants a point and the exponent's sign.
    mantissa, mark, exponent = text.partition("e")
    if not mark:
        return text
    signed = exponent if exponent[0] in "+-" else f"+{exponent}"
    return f"{mantissa if '.' in mantissa else f'{mantissa}.0'}e{signed}"
