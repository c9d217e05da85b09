"""The system's Chromium, asked over its DevTools protocol, which needs nothing but two pipes."""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_HEIGHT = 900
_LONGEST_WAIT = 300.0


def found() -> str | None:
    """Return the program, if there is one."""
    return next(filter(None, map(shutil.which, _NAMES)), None)


class Tab:
    """One tab; a page is shown in a window of a given width, in light or dark."""

    def __init__(self, to_browser: int, from_browser: int) -> None:
        self._to_browser = to_browser
        self._from_browser = from_browser
        self._unread = b""
        self._asked = 0
        self._session: str | None = None
        target = self._ask("Target.createTarget", url="about:blank")["targetId"]
        attached = self._ask("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]

    def open(self, page: Path, width: int, *, dark: bool = False) -> None:
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._ask("Emulation.setEmulatedMedia", features=[scheme])
        self._ask(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=_HEIGHT,
            deviceScaleFactor=1,
            mobile=width < 720,
        )
        self._ask("Page.navigate", url="about:blank")
        self._ask("Page.navigate", url=page.as_uri())
        end = time.monotonic() + _LONGEST_WAIT
        while not self.run("document.readyState === 'complete' && location.protocol === 'file:'"):
            assert time.monotonic() < end, f"{page} is not shown"
            time.sleep(0.05)

    def run(self, script: str) -> Any:
        """Return what an expression is."""
        answer = self._ask(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def screenshot(self, file: Path) -> None:
        """Write what is seen without scrolling."""
        answer = self._ask("Page.captureScreenshot", format="png")
        file.write_bytes(base64.b64decode(answer["data"]))

    def _ask(self, method: str, **parameters: Any) -> Any:
        self._asked += 1
        message = {"id": self._asked, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._to_browser, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == self._asked:
                assert "error" not in answer, answer["error"]
                return answer["result"]

    def _read(self) -> Any:
        while b"\0" not in self._unread:
            # A dialog of a script that should not be there would stop it for ever.
            ready, _, _ = select.select([self._from_browser], [], [], _LONGEST_WAIT)
            assert ready, "the browser does not answer"
            part = os.read(self._from_browser, 1 << 20)
            assert part, "the browser has ended"
            self._unread += part
        message, _, self._unread = self._unread.partition(b"\0")
        return json.loads(message)


@contextmanager
def tab(program: str, directory: Path) -> Iterator[Tab]:
    """Run a browser that keeps its files in `directory`."""
    its_input, to_browser = os.pipe()
    from_browser, its_output = os.pipe()
    # It reads from 3 and writes to 4, and only a bash takes any number to redirect from.
    redirected = f'exec "$@" 3<&{its_input} 4>&{its_output}'
    command = [
        program,
        "--headless=new",
        "--remote-debugging-pipe",
        # A container has no rights for the sandbox, and the page is the project's own.
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-background-networking",
        "--no-first-run",
        f"--user-data-dir={directory}",
    ]
    with subprocess.Popen(
        ["bash", "-c", redirected, "bash", *command],
        pass_fds=(its_input, its_output),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"HOME": str(directory)},
    ) as process:
        os.close(its_input)
        os.close(its_output)
        try:
            yield Tab(to_browser, from_browser)
        finally:
            # It ends when nobody writes to it any more.
            os.close(to_browser)
            try:
                process.wait(120)
            except subprocess.TimeoutExpired:
                process.kill()
            os.close(from_browser)
