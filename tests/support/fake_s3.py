"""A small S3 server on 127.0.0.1 that fails when it is told to: listing in pages, versions, ranges, If-Match."""

from __future__ import annotations

import datetime as dt
import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

PAGE = 1000


@dataclass
class Version:
    version_id: str
    content: bytes
    modified: dt.datetime
    is_deleted: bool = False

    @property
    def etag(self) -> str:
        return hashlib.md5(self.content).hexdigest()


@dataclass
class FakeS3:
    """`faults` are used up one a request of an object: a status, or ("cut", bytes) to break off behind so many."""

    objects: dict[str, list[Version]] = field(default_factory=dict)
    faults: list[Any] = field(default_factory=list)
    list_faults: list[int] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    port: int = 0

    @property
    def credentials(self) -> dict[str, str]:
        return {"uri": "aws://key:se%2Fcret@/", "extra": f'{{"endpoint_url": "http://127.0.0.1:{self.port}"}}'}

    def put(self, key: str, content: bytes | str) -> None:
        versions = self.objects.setdefault(key, [])
        data = content.encode() if isinstance(content, str) else content
        moment = dt.datetime(2026, 5, 1, tzinfo=dt.UTC) + dt.timedelta(seconds=sum(map(len, self.objects.values())))
        versions.append(Version(f"v{len(versions) + 1}", data, moment))

    def delete(self, key: str) -> None:
        self.objects[key].append(Version(f"v{len(self.objects[key]) + 1}", b"", dt.datetime.now(dt.UTC), True))


@contextmanager
def fake_s3() -> Iterator[FakeS3]:
    store = FakeS3()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *given: Any) -> None:
            pass

        def do_GET(self) -> None:
            url = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(url.query, keep_blank_values=True).items()}
            store.requests.append(self.path)
            key = unquote(url.path).lstrip("/").partition("/")[2]
            if key:
                self._object(key, query)
            elif store.list_faults:
                self._error(store.list_faults.pop(0), "SlowDown")
            elif "versions" in query:
                self._versions(query)
            else:
                self._list(query)

        def _list(self, query: dict[str, str]) -> None:
            after = query.get("continuation-token") or query.get("start-after", "")
            live = {key: held[-1] for key, held in store.objects.items() if not held[-1].is_deleted}
            names = sorted(key for key in live if key.startswith(query.get("prefix", "")) and key > after)
            page = names[:PAGE]
            rows = "".join(f"<Contents>{_entry(key, live[key])}</Contents>" for key in page)
            more = f"<NextContinuationToken>{page[-1]}</NextContinuationToken>" if len(names) > PAGE else ""
            truncated = str(len(names) > PAGE).lower()
            self._xml(
                f"<ListBucketResult><Name>police</Name><IsTruncated>{truncated}</IsTruncated>{more}{rows}</ListBucketResult>"
            )

        def _versions(self, query: dict[str, str]) -> None:
            rows = ""
            for key in sorted(key for key in store.objects if key.startswith(query.get("prefix", ""))):
                for version in reversed(store.objects[key]):
                    kind = "DeleteMarker" if version.is_deleted else "Version"
                    newest = str(version is store.objects[key][-1]).lower()
                    rows += f"<{kind}>{_entry(key, version)}<VersionId>{version.version_id}</VersionId>"
                    rows += f"<IsLatest>{newest}</IsLatest></{kind}>"
            self._xml(
                f"<ListVersionsResult><Name>police</Name><IsTruncated>false</IsTruncated>{rows}</ListVersionsResult>"
            )

        def _object(self, key: str, query: dict[str, str]) -> None:
            fault = store.faults.pop(0) if store.faults else None
            if isinstance(fault, int):
                return self._error(fault, "InternalError")
            held = store.objects.get(key, [])
            found = [version for version in held if version.version_id == query.get("versionId", held[-1].version_id)]
            if not found or found[0].is_deleted:
                return self._error(404, "NoSuchKey")
            wanted = self.headers.get("If-Match")
            if wanted and wanted.strip('"') != found[0].etag:
                return self._error(412, "PreconditionFailed")
            start = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").split("-")[0])
            body = found[0].content[start:]
            self.send_response(206 if start else 200)
            self.send_header("ETag", f'"{found[0].etag}"')
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if fault is not None:
                self.wfile.write(body[: fault[1]])
                self.wfile.flush()
                self.close_connection = True
                return None
            self.wfile.write(body)

        def _xml(self, inner: str, status: int = 200) -> None:
            body = f'<?xml version="1.0" encoding="UTF-8"?>{inner}'.encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/xml")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _error(self, status: int, code: str) -> None:
            self._xml(f"<Error><Code>{code}</Code><Message>no</Message><Resource>/</Resource></Error>", status)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    store.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield store
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _entry(key: str, version: Version) -> str:
    stamp = version.modified.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    return (
        f"<Key>{escape(key)}</Key><LastModified>{stamp}</LastModified><ETag>&quot;{version.etag}&quot;</ETag>"
        f"<Size>{len(version.content)}</Size>"
    )
