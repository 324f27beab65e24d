"""An agency's HTTP service that fails when it is told to: pages in six styles, one file with ranges and ETags.

`python -m tests.support.web_server [CERT KEY]` runs it as a process on a free port of 127.0.0.1 and prints the port.
PUT /_state replaces its state (JSON), GET /_log gives the requests it had.
"""

from __future__ import annotations

import hashlib
import json
import ssl
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass
class Service:
    """`faults` are used up one a request: a status, [status, Retry-After], ["cut", bytes], ["body", text].

    `records` are given `size` a page; each has `id` and perhaps `changed`, by which `since` filters. `file` is a text.
    """

    records: list[dict[str, Any]] = field(default_factory=list)
    size: int = 3
    faults: list[Any] = field(default_factory=list)
    token: str | None = None
    header: str = "Authorization"
    file: str = ""
    has_ranges: bool = True
    has_etags: bool = True
    requests: list[str] = field(default_factory=list)
    port: int = 0
    scheme: str = "http"

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"


def handler_of(service: Service) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *given: Any) -> None:
            pass

        def do_PUT(self) -> None:
            stated = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            for name, value in stated.items():
                setattr(service, name, value)
            self._send(200, b"{}")

        def do_GET(self) -> None:
            url = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(url.query).items()}
            if url.path == "/_log":
                return self._send(200, json.dumps(service.requests).encode())
            told = [f"{name}={self.headers[name]}" for name in ("Range", "If-None-Match") if self.headers.get(name)]
            service.requests.append(" ".join([self.path, *told]))
            if service.token is not None and self.headers.get(service.header) != service.token:
                return self._send(401, b"no")
            fault = service.faults.pop(0) if service.faults else None
            if isinstance(fault, int):
                return self._send(fault, b"failing")
            if fault and isinstance(fault[0], int):
                return self._send(fault[0], b"busy", {"Retry-After": str(fault[1])})
            if fault and fault[0] == "body":
                return self._send(200, fault[1].encode())
            cut = int(fault[1]) if fault else None
            if url.path.startswith("/file"):
                return self._file(cut)
            body, headers = self._page(url.path, query)
            etag = f'"{hashlib.md5(body).hexdigest()}"'
            if service.has_etags and self.headers.get("If-None-Match") == etag:
                return self._send(304, b"", {"ETag": etag})
            return self._send(200, body, headers | ({"ETag": etag} if service.has_etags else {}), cut=cut)

        def _page(self, path: str, query: dict[str, str]) -> tuple[bytes, dict[str, str]]:
            rows = [row for row in service.records if row.get("changed", "") >= query.get("changed_since", "")]
            rows = [row for row in rows if query.get("from", "") <= row.get("changed", "") < query.get("to", "9")]
            size, style = service.size, path.strip("/")
            if style == "all":
                return json.dumps(rows).encode(), {}
            start = {
                "page": (int(query.get("page", "1")) - 1) * size,
                "offset": int(query.get("offset", "0")),
            }.get(style, int(query.get("after", "0")))
            part, after = rows[start : start + size], start + size
            more = after < len(rows)
            address = f"{service.url}{path}?after={after}"
            if query.get("changed_since"):
                address += f"&changed_since={query['changed_since']}"
            document = {"data": {"items": part}, "total": len(rows)}
            if style == "cursor":
                document["meta"] = {"next": str(after) if more else None}
            if style == "next":
                document["next"] = address if more else None
            if style == "elsewhere":
                document["next"] = "http://localhost:1/steal"
            return json.dumps(document).encode(), {
                "Link": f'<{address}>; rel="next"'
            } if style == "link" and more else {}

        def _file(self, cut: int | None) -> None:
            content = service.file.encode()
            etag = f'"{hashlib.md5(content).hexdigest()}"'
            headers = {"ETag": etag} if service.has_etags else {}
            if service.has_etags and self.headers.get("If-None-Match") == etag:
                return self._send(304, b"", headers)
            asked, status = self.headers.get("Range"), 200
            if asked and service.has_ranges and self.headers.get("If-Range", etag) == etag:
                start = int(asked.removeprefix("bytes=").split("-")[0])
                headers |= {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"}
                content, status = content[start:], 206
            return self._send(status, content, headers, cut=cut)

        def _send(
            self, status: int, body: bytes, headers: dict[str, str] | None = None, cut: int | None = None
        ) -> None:
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body if cut is None else body[:cut])
            if cut is not None:
                self.wfile.flush()
                self.close_connection = True

    return Handler


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A reader that leaves in the middle is no fault here."""


@contextmanager
def service_here() -> Iterator[Service]:
    """The service in a thread of this process."""
    service = Service()
    server = _Server(("127.0.0.1", 0), handler_of(service))
    service.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def main(given: list[str]) -> None:
    service = Service(scheme="https" if given else "http")
    server = _Server(("127.0.0.1", 0), handler_of(service))
    if given:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*given)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    service.port = server.server_address[1]
    print(service.port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1:])
