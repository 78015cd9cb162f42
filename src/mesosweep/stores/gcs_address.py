"""Where something lies in a bucket: `gs://b/x` for whoever asks the service, `/gcs/b/x` where it is mounted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mesosweep.domain.errors import SettingsError

SCHEME = "gs://"
MOUNT = "/gcs/"
"""Where a training container finds every bucket of its project."""
ROOT_VARIABLE = "MESOSWEEP_GCS_ROOT"
"""Names the folder that stands for `/gcs` on this machine."""


@dataclass(frozen=True, slots=True)
class Address:
    """A bucket and a name in it; the empty name is the bucket itself."""

    bucket: str
    name: str = ""

    @classmethod
    def parse(cls, text: str) -> Address:
        """Read `gs://bucket/name` or `/gcs/bucket/name`, with or without a last slash.

        Raises:
            SettingsError: it is neither.
        """
        start = next((start for start in (SCHEME, MOUNT) if text.startswith(start)), None)
        bucket, _, name = text[len(start) :].partition("/") if start else ("", "", "")
        name = name.rstrip("/")
        if not bucket or any(part in ("", ".", "..") for part in name.split("/") if name):
            raise SettingsError(
                f"{text!r} is no place in a bucket.", hint="It looks like gs://BUCKET/folder/name"
            )
        return cls(bucket, name)

    def __truediv__(self, below: str) -> Address:
        return Address(self.bucket, f"{self.name}/{below}" if self.name else below)

    @property
    def uri(self) -> str:
        return f"{SCHEME}{self.bucket}/{self.name}" if self.name else f"{SCHEME}{self.bucket}"

    @property
    def mount(self) -> str:
        """What the same place is called in a training container."""
        return f"{MOUNT}{self.bucket}/{self.name}" if self.name else f"{MOUNT}{self.bucket}"

    def below(self, root: Address) -> str | None:
        """Return the name as told from `root`; None when it lies elsewhere."""
        if self.bucket != root.bucket:
            return None
        if not root.name or self.name == root.name:
            return self.name.removeprefix(root.name)
        start = f"{root.name}/"
        return self.name.removeprefix(start) if self.name.startswith(start) else None


def is_remote(text: str) -> bool:
    """Whether a path lies in a bucket, by either name."""
    return text.startswith((SCHEME, MOUNT))


def on_this_machine(text: str, environ: Mapping[str, str]) -> Path:
    """Return the file of a path, which may lie in a mounted bucket.

    `gs://b/x` and `/gcs/b/x` are both `b/x` in the folder that `MESOSWEEP_GCS_ROOT` names,
    `/gcs` when it names none; any other path stays what it is.
    """
    if not is_remote(text):
        return Path(text)
    place = Address.parse(text)
    return Path(environ.get(ROOT_VARIABLE) or MOUNT) / place.bucket / place.name
