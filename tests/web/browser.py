"""A real Chromium without a window, spoken to over its own pipe. Nothing to install but itself."""

import base64
import contextlib
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_PATIENCE = 30.0
_START = (
    "import os, sys, fcntl;"
    "given = [fcntl.fcntl(int(each), fcntl.F_DUPFD, 10) for each in sys.argv[1:3]];"
    "os.dup2(given[0], 3); os.dup2(given[1], 4);"
    "os.execv(sys.argv[3], sys.argv[3:])"
)
"""A Chromium takes orders at 3 and answers at 4, whatever the numbers are here."""
DESKTOP, PHONE = (1280, 900), (390, 844)


def find_chromium() -> str | None:
    """Return the program's path, if there is one here."""
    return next((path for name in _NAMES if (path := shutil.which(name))), None)


class Browser:
    """One page of a Chromium. Everything waits for its answer."""

    def __init__(self, process: subprocess.Popen[bytes], orders: int, answers: int) -> None:
        self._process = process
        self._orders = orders
        self._answers = answers
        self._buffer = b""
        self._last = 0
        self._session: str | None = None
        self.complaints: list[str] = []
        """What the browser itself found wrong: refused styles, scripts, files not found."""
        self.loaded = 0

    def attach(self) -> None:
        """Open the page and listen to what the browser says of it."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)[
            "sessionId"
        ]
        for domain in ("Page", "Log", "Runtime", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Give an order and return its result."""
        self._last += 1
        order: dict[str, Any] = {"id": self._last, "method": method, "params": params}
        if self._session and not method.startswith("Target."):
            order["sessionId"] = self._session
        os.write(self._orders, json.dumps(order).encode() + b"\0")
        while True:
            said = self._next()
            if said.get("id") == self._last:
                if "error" in said:
                    raise RuntimeError(f"{method}: {said['error']}")
                result: dict[str, Any] = said["result"]
                return result

    def _next(self) -> dict[str, Any]:
        deadline = time.monotonic() + _PATIENCE
        while b"\0" not in self._buffer:
            ready, _, _ = select.select(
                [self._answers], [], [], max(deadline - time.monotonic(), 0)
            )
            if not ready:
                raise TimeoutError("the browser does not answer")
            read = os.read(self._answers, 1 << 16)
            if not read:
                raise RuntimeError("the browser ended")
            self._buffer += read
        line, _, self._buffer = self._buffer.partition(b"\0")
        said: dict[str, Any] = json.loads(line)
        match said.get("method"):
            case "Log.entryAdded":
                self.complaints.append(said["params"]["entry"]["text"])
            case "Runtime.exceptionThrown":
                self.complaints.append(str(said["params"]))
            case "Page.loadEventFired":
                self.loaded += 1
        return said

    def open(self, url: str) -> None:
        """Go to an address and wait until all of it is there."""
        before = self.loaded
        self.call("Page.navigate", url=url)
        self.wait_for_load(before)

    def wait_for_load(self, before: int) -> None:
        """Wait until one more page has been loaded than ``before``."""
        while self.loaded <= before:
            self._next()

    def ask(self, expression: str) -> Any:
        """Return what an expression is on this page."""
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in result:
            raise RuntimeError(str(result["exceptionDetails"]))
        return result["result"].get("value")

    def click(self, selector: str, *, leads: bool = True) -> None:
        """Click on the middle of an element, and wait for the page that it leads to."""
        middle = (
            f"(() => {{ const it = document.querySelector({json.dumps(selector)});"
            "it.scrollIntoView({block: 'center', behavior: 'instant'});"
            "const box = it.getBoundingClientRect();"
            "return [box.x + box.width / 2, box.y + box.height / 2] })()"
        )
        x, y = self.ask(middle)
        before = self.loaded
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)
        if leads:
            self.wait_for_load(before)

    def type_in(self, selector: str, text: str) -> None:
        """Type into a field."""
        self.click(selector, leads=False)
        self.call("Input.insertText", text=text)

    def resize(self, width: int, height: int) -> None:
        """Be a screen of this size; a narrow one is a phone's."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )

    def picture(self, file: Path) -> int:
        """Save a picture of the whole page; return its bytes."""
        taken = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        return file.write_bytes(base64.b64decode(taken["data"]))


@contextlib.contextmanager
def open_browser(program: str) -> Iterator[Browser]:
    """Start a Chromium with an empty profile, and end it."""
    order_from, order_to = os.pipe()
    answer_from, answer_to = os.pipe()
    with tempfile.TemporaryDirectory(
        prefix="connector-chromium-", ignore_cleanup_errors=True
    ) as profile:
        options = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--remote-debugging-pipe",
            f"--user-data-dir={profile}",
        ]
        process = subprocess.Popen(
            [
                *(sys.executable, "-c", _START, str(order_from), str(answer_to)),
                *(program, *options),
            ],
            pass_fds=(order_from, answer_to),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(order_from)
        os.close(answer_to)
        browser = Browser(process, order_to, answer_from)
        try:
            browser.attach()
            yield browser
        finally:
            process.kill()
            process.wait()
            os.close(order_to)
            os.close(answer_from)
