"""When Cloud Storage does as it is asked: preconditions on generations, and its words for no."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_REASONS: Mapping[int, str] = {
    304: "notModified",
    400: "invalid",
    401: "authError",
    403: "forbidden",
    404: "notFound",
    405: "methodNotAllowed",
    409: "conflict",
    410: "gone",
    411: "required",
    412: "conditionNotMet",
    416: "requestedRangeNotSatisfiable",
    429: "rateLimitExceeded",
}


class Refusal(Exception):
    """An answer that is no: a status and a sentence, as the JSON API gives them."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message

    def body(self) -> dict[str, Any]:
        """Return the JSON of the answer; see cloud.google.com/storage/docs/json_api/v1/status-codes."""
        reason = _REASONS.get(self.status, "backendError")
        told = {"message": self.message, "domain": "global", "reason": reason}
        return {"error": {"code": self.status, "message": self.message, "errors": [told]}}


@dataclass(frozen=True, slots=True)
class Conditions:
    """What must be true of an object for a request to be carried out; None asks nothing.

    An absent object has generation and metageneration 0. See
    cloud.google.com/storage/docs/request-preconditions.
    """

    generation: int | None = None
    not_generation: int | None = None
    metageneration: int | None = None
    not_metageneration: int | None = None

    @classmethod
    def of(cls, query: Mapping[str, str], *, prefix: str = "if") -> Conditions:
        """Read them off a query string; `prefix` is `ifSource` for what is copied from.

        Raises:
            Refusal: 400, one of them is not a whole number.
        """

        def number(*names: str) -> int | None:
            for name in names:
                if (text := query.get(prefix + name)) is not None:
                    if not text.isdecimal():
                        raise Refusal(400, f"Invalid value for {prefix + name}: {text!r}")
                    return int(text)
            return None

        return cls(
            generation=number("GenerationMatch"),
            not_generation=number("GenerationNotMatch"),
            metageneration=number("MetagenerationMatch"),
            # Google's Python client spells this one with a capital G when it uploads.
            not_metageneration=number("MetagenerationNotMatch", "MetaGenerationNotMatch"),
        )

    def check(self, generation: int, metageneration: int) -> None:
        """Pass for an object with these numbers, or raise Refusal: 412, or 304 for a `Not`."""
        if _differs(self.generation, generation) or _differs(self.metageneration, metageneration):
            raise Refusal(412, "At least one of the pre-conditions you specified did not hold.")
        if self.not_generation == generation or self.not_metageneration == metageneration:
            raise Refusal(304, "Not Modified")


def _differs(wanted: int | None, found: int) -> bool:
    return wanted is not None and wanted != found
