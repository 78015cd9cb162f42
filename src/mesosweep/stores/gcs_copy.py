"""The copy on this machine of a state that lives in a bucket: for people, never to go on from."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mesosweep.domain.errors import StoreError
from mesosweep.domain.state import SweepState
from mesosweep.stores import state_json
from mesosweep.stores.file import FileStore


@dataclass(frozen=True, slots=True)
class LocalCopy:
    """Where the state is kept a second time, for people and for when there is no network.

    Nobody resumes from it: that the bucket does not answer does not mean that it has nothing
    newer, and where it surely has nothing, somebody took it away.
    """

    folder: Path
    """`DIR/sweeps/<species>/<algorithm>`; checkpoints keep their addresses in the bucket."""
    warn: Callable[[str], None]
    """Told when the copy cannot be written, which stops nothing: the bucket is what counts."""

    def write(self, sweep_key: str, state: SweepState, *, safe_in: str) -> None:
        """Replace the copy; `safe_in` is where the state itself was saved."""
        path = self._path(sweep_key)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, aside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
            try:
                with os.fdopen(handle, "w", encoding="utf-8") as file:
                    file.write(state_json.written(state))
                Path(aside).chmod(0o644)
                Path(aside).replace(path)
            except BaseException:
                Path(aside).unlink(missing_ok=True)
                raise
        except OSError as cause:
            self.warn(
                f"{path}: the copy of the state cannot be written ({cause.strerror or cause}); "
                f"it is safe in {safe_in}."
            )

    def set_aside(self, sweep_key: str) -> Path | None:
        """Rename the copy and return where it is now; None without one, or when that fails."""
        path = self._path(sweep_key)
        if not path.exists():
            return None
        try:
            return FileStore(self.folder).moved_aside(sweep_key)
        except StoreError as cause:
            self.warn(str(cause))
            return None

    def _path(self, sweep_key: str) -> Path:
        return self.folder / f"{sweep_key}.json"
