"""A CRDS server on this machine: its JSON calls and its files, with faults to order."""

import contextlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


class Server:
    """
    Serves the files of a filled cache as the CRDS server does.

    Parameters
    ----------
    cache : Cache
        Where mappings and references are.
    context : str
        The operational context.
    """

    def __init__(self, cache, context):
        self.cache, self.context = cache, context
        self.faults = {}
        """What to do to a file each time it is asked for, by name: a list of functions of bytes."""
        self.asked = []
        """Names of files, in the order in which they were asked for."""
        self.info = {}
        self.url = None

    def files(self):
        return {path.name: path for place in (self.cache.mappings, self.cache.references)
                for path in place.rglob("*.*")}  # fmt: skip

    def call(self, method, parameters):
        if method == "get_server_info":
            places = {"unchecked": {"jwst": f"{self.url}/files/"}}
            return {
                "operational_context": self.context, "latest_context": self.context,
                "observatory": "jwst", "bad_files_list": [], "force_remote_mode": False,
                "crds_version": {"str": "14"}, "mapping_url": places, "reference_url": places,
                "download_metadata": self.cache.catalogue(), **self.info,
            }  # fmt: skip
        if method == "get_mapping_names":
            return sorted(name for name in self.files() if name.endswith("map"))
        raise NotImplementedError(method)

    def content(self, name):
        self.asked.append(name)
        content = self.files()[name].read_bytes()
        faults = self.faults.get(name)
        return faults.pop(0)(content) if faults else content


@contextlib.contextmanager
def serving(server):
    """Run a server while a test is at work."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            length = int(self.headers["Content-Length"])
            asked = json.loads(self.rfile.read(length))
            result = server.call(asked["method"], asked["params"])
            self.reply(json.dumps({"error": None, "id": asked["id"], "result": result}).encode())

        def do_GET(self):
            content = server.content(urlsplit(self.path).path.rsplit("/", 1)[1])
            if content is None:
                self.send_error(503)
            else:
                self.reply(content)

        def reply(self, content):
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("localhost", 0), Handler) as http:
        server.url = f"http://localhost:{http.server_port}"
        thread = threading.Thread(target=http.serve_forever, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            http.shutdown()
            thread.join()
