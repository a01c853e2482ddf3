"""A headless Chromium that opens a page, runs JavaScript in it and tells what went wrong."""

import asyncio
import base64
import json
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from tornado.websocket import websocket_connect

NAMES = "chromium", "chromium-browser", "google-chrome"
OPTIONS = "--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0"
WATCHED = "Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded"
PATIENCE = 60.0


def find():
    """Return the browser's path, None without one."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Page:
    """
    A page in a browser of its own.

    Attributes
    ----------
    complaints : list of dict
        Exceptions, console messages and log entries.
    requests : list of str
        Addresses that were asked for.
    """

    def __init__(self, address, width=1400, height=1000, dark=False):
        self.folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        command = [find(), *OPTIONS, f"--user-data-dir={self.folder.name}", "about:blank"]
        self.process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        self.loop = asyncio.new_event_loop()
        self.complaints, self.requests = [], []
        self.number = 0
        self.socket = self._run(websocket_connect, self._target(), max_message_size=2**28)
        for domain in ("Runtime", "Log", "Network", "Page"):
            self.call(f"{domain}.enable")
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.call("Emulation.setDeviceMetricsOverride", **metrics)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.call("Page.navigate", url=address)
        self.wait_for("document.readyState === 'complete' && location.href !== 'about:blank'")

    def _target(self):
        import urllib.request

        port_file = Path(self.folder.name, "DevToolsActivePort")
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if port_file.exists() and "\n" in port_file.read_text():
                port = port_file.read_text().split()[0]
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/json") as answer:
                    pages = [each for each in json.load(answer) if each["type"] == "page"]
                if pages:
                    return pages[0]["webSocketDebuggerUrl"]
            time.sleep(0.1)
        raise TimeoutError("the browser did not start")

    def _run(self, function, *arguments, **options):
        async def run():
            return await asyncio.wait_for(function(*arguments, **options), PATIENCE)

        return self.loop.run_until_complete(run())

    def call(self, method, **parameters):
        """Call a method of the DevTools protocol; return its result."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        self._run(self.socket.write_message, json.dumps(message))
        while True:
            answer = json.loads(self._run(self.socket.read_message))
            if answer.get("id") == self.number:
                assert "error" not in answer, answer
                return answer["result"]
            if answer.get("method") in WATCHED:
                self.complaints.append(answer["params"])
            if answer.get("method") == "Network.requestWillBeSent":
                self.requests.append(answer["params"]["request"]["url"])

    def evaluate(self, code):
        """Return the value of JavaScript code; a promise is waited for."""
        answer = self.call(
            "Runtime.evaluate", expression=code, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait_for(self, code):
        """Wait until JavaScript code is true."""
        end = time.monotonic() + PATIENCE
        while not self.evaluate(code):
            assert time.monotonic() < end, f"never true: {code}"
            time.sleep(0.05)

    def picture(self, path):
        """Write what is seen as PNG."""
        answer = self.call("Page.captureScreenshot", format="png")
        Path(path).write_bytes(base64.b64decode(answer["data"]))

    def close(self):
        """End the browser."""
        self.socket.close()
        self.process.terminate()
        self.process.wait()
        self.loop.close()
        self.folder.cleanup()
