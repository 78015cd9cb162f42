"""A page opened in headless Chromium, asked what it did and how it looks; standard library only."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"),
    *("--no-first-run", "--disable-extensions", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--hide-scrollbars"),
    "--remote-debugging-pipe",
)
_BEYOND_PIPES = 10
"""The browser's own ends must be 3 and 4; ours are kept out of their way."""


def chromium() -> str | None:
    """Return a Chromium on this machine: `CHROMIUM`'s, else the first on the path; None for none."""
    said = os.environ.get("CHROMIUM")
    return said or next(filter(None, map(shutil.which, NAMES)), None)


@dataclass
class Opened:
    """A page as it was at one width."""

    width: int
    complaints: list[str] = field(default_factory=list)
    """Errors and warnings of the console, and exceptions."""
    requests: list[str] = field(default_factory=list)
    """Every address that was asked for, the page's own first."""
    ask: Any = None
    """`ask(script)` returns the JSON value of a script within the page."""
    shoot: Any = None
    """`shoot(path)` keeps a picture of the whole page as PNG."""


class Browser:
    """Chromium on the other end of two pipes, spoken to in its DevTools protocol."""

    def __init__(self, program: str, profile: Path) -> None:
        hears, to = _pipe()
        heard, says = _pipe()
        command = [program, *_FLAGS, f"--user-data-dir={profile}", "about:blank"]
        # A shell puts its ends where the browser looks for them.
        shell = f'exec "$0" "$@" 3<&{hears} 4>&{says}'
        self._process = subprocess.Popen(  # noqa: S603  # the browser of this machine
            ["/bin/bash", "-c", shell, *command],
            pass_fds=(hears, says),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(hears)
        os.close(says)
        self._to = os.fdopen(to, "wb", buffering=0)
        self._from = os.fdopen(heard, "rb", buffering=0)
        self._rest = b""
        self._last = 0
        self._page: Opened | None = None
        self._loaded = False

    def close(self) -> None:
        """End the browser, whatever it is doing."""
        self._process.kill()
        self._process.wait()
        self._to.close()
        self._from.close()

    @contextmanager
    def opened(self, page: Path, *, width: int, height: int = 900) -> Iterator[Opened]:
        """Open a file in a window of its own, `width` CSS pixels wide, and wait until it is loaded."""
        target = self._call("Target.createTarget", {"url": "about:blank"})["targetId"]
        session = self._call("Target.attachToTarget", {"targetId": target, "flatten": True})
        name = session["sessionId"]
        found = self._page = Opened(width)
        self._loaded = False
        for domain in ("Runtime", "Log", "Network", "Page"):
            self._call(f"{domain}.enable", {}, session=name)
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self._call("Emulation.setDeviceMetricsOverride", size, session=name)
        self._call("Page.navigate", {"url": page.absolute().as_uri()}, session=name)
        while not self._loaded:
            self._hear(self._next())

        def ask(script: str) -> Any:
            told = {"expression": script, "returnByValue": True, "awaitPromise": True}
            answer = self._call("Runtime.evaluate", told, session=name)
            if "exceptionDetails" in answer:
                raise AssertionError(f"{script}: {answer['exceptionDetails']}")
            return answer["result"].get("value")

        def shoot(path: Path) -> None:
            how = {"format": "png", "captureBeyondViewport": True}
            layout = self._call("Page.getLayoutMetrics", {}, session=name)["cssContentSize"]
            clip = {"x": 0, "y": 0, "width": width, "height": layout["height"], "scale": 1}
            shot = self._call("Page.captureScreenshot", {**how, "clip": clip}, session=name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(base64.b64decode(shot["data"]))

        found.ask, found.shoot = ask, shoot
        try:
            yield found
        finally:
            self._page = None
            self._call("Target.closeTarget", {"targetId": target})

    def _call(
        self, method: str, told: Mapping[str, Any], *, session: str | None = None
    ) -> dict[str, Any]:
        self._last += 1
        message: dict[str, Any] = {"id": self._last, "method": method, "params": dict(told)}
        if session is not None:
            message["sessionId"] = session
        self._to.write(json.dumps(message).encode() + b"\0")
        while (answer := self._next()).get("id") != self._last:
            self._hear(answer)
        if "error" in answer:
            raise AssertionError(f"{method}: {answer['error']}")
        result: dict[str, Any] = answer["result"]
        return result

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            piece = self._from.read(1 << 16)
            if not piece:
                raise AssertionError("Chromium went away.")
            self._rest += piece
        message, _, self._rest = self._rest.partition(b"\0")
        told: dict[str, Any] = json.loads(message)
        return told

    def _hear(self, event: Mapping[str, Any]) -> None:
        told, page = event.get("params", {}), self._page
        match event.get("method"):
            case "Page.loadEventFired":
                self._loaded = True
            case "Network.requestWillBeSent" if page is not None:
                page.requests.append(told["request"]["url"])
            case "Runtime.exceptionThrown" if page is not None:
                page.complaints.append(str(told["exceptionDetails"]))
            case "Runtime.consoleAPICalled" if page is not None:
                if told["type"] in ("error", "warning", "assert"):
                    page.complaints.append(f"{told['type']}: {told['args']}")
            case "Log.entryAdded" if page is not None:
                if told["entry"]["level"] in ("error", "warning"):
                    page.complaints.append(told["entry"]["text"])
            case _:
                pass


@contextmanager
def browser(program: str) -> Iterator[Browser]:
    """Start a Chromium with a profile of its own, and end it."""
    with TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True) as profile:
        started = Browser(program, Path(profile))
        try:
            yield started
        finally:
            started.close()


def _pipe() -> tuple[int, int]:
    """Return the ends of a pipe, to read and to write, numbered so that 3 and 4 stay free."""
    ends = os.pipe()
    kept = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, _BEYOND_PIPES) for end in ends]
    for end in ends:
        os.close(end)
    return kept[0], kept[1]
