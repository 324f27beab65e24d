"""A real S3 server on 127.0.0.1, SeaweedFS or MinIO, with a small certificate authority of its own where asked.

SeaweedFS comes with the environment `peers`. MinIO is used where TELAGA_MINIO names a binary or PATH holds one.
"""

from __future__ import annotations

import contextlib
import ctypes
import datetime as dt
import functools
import io
import ipaddress
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from infra.cli import envs
from infra.stack.ports import HOST, free_port
from ingestion.lake import Lake

if TYPE_CHECKING:
    from minio import Minio, MinioAdmin

KINDS = ("seaweedfs", "minio")
REGION = "us-east-1"
ADMIN = ("lakeadmin", "admin-of-a-test")
READY_SECONDS = 90
BUILD_SECONDS = 600


class NoServer(RuntimeError):
    """This machine has no such server; says how to get one."""


@dataclass(frozen=True)
class ObjectStore:
    """A running server. `ca_file` is the authority that signed its certificate, null where it speaks plain HTTP."""

    kind: str
    endpoint: str
    ca_file: Path | None
    pid: int
    key: tuple[str, str] = ADMIN

    def as_user(self, key: tuple[str, str]) -> ObjectStore:
        """The same server for another identity (access key, secret key)."""
        return ObjectStore(self.kind, self.endpoint, self.ca_file, self.pid, key)

    @property
    def client(self) -> Minio:
        import urllib3
        from minio import Minio

        # Few and short repeats: a server that a test broke must not hold it up.
        pool = urllib3.PoolManager(
            timeout=urllib3.Timeout(5.0, 60.0),
            retries=urllib3.Retry(total=3, backoff_factor=0.2, status_forcelist=(500, 502, 503, 504)),
            ca_certs=str(self.ca_file) if self.ca_file else None,
            cert_reqs="CERT_REQUIRED",
        )
        address = urlsplit(self.endpoint)
        return Minio(
            address.netloc,
            access_key=self.key[0],
            secret_key=self.key[1],
            secure=address.scheme == "https",
            region=REGION,
            http_client=pool,
        )

    @property
    def admin(self) -> MinioAdmin:
        """MinIO's own interface for users and policies; plain HTTP alone."""
        from minio import MinioAdmin
        from minio.credentials import StaticProvider

        address = urlsplit(self.endpoint)
        return MinioAdmin(
            endpoint=address.netloc, credentials=StaticProvider(*self.key), secure=address.scheme == "https"
        )

    @property
    def environment(self) -> dict[str, str]:
        """The standard variables of this server and identity."""
        given = {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": self.key[0],
            "AWS_SECRET_ACCESS_KEY": self.key[1],
            "AWS_REGION": REGION,
        }
        if self.ca_file:
            # The second is what Home.lake makes of the first; a test's own process has no home.
            given |= {"AWS_CA_BUNDLE": str(self.ca_file), "SSL_CERT_FILE": str(self.ca_file)}
        return given

    @property
    def options(self) -> dict[str, str]:
        """Storage options of a lake."""
        return {name: value for name, value in self.environment.items() if name.startswith("AWS_")}

    def bucket(self, name: str | None = None, **given: Any) -> str:
        """A new bucket, of a name nobody has used."""
        made = name or f"b{uuid.uuid4().hex[:12]}"
        self.client.make_bucket(made, **given)
        return made

    def lake(self, bucket: str | None = None, prefix: str = "lake") -> Lake:
        """An empty lake in a bucket of its own, unless one is named."""
        return Lake(f"s3://{bucket or self.bucket()}/{prefix}", self.options)

    def connection(self, **extra: object) -> dict[str, str]:
        """What a DAG makes of an Airflow connection of type aws to this server."""
        stated = {"endpoint_url": self.endpoint, "region_name": REGION, **extra}
        if self.ca_file:
            stated["ca_file"] = str(self.ca_file)
        user, secret = (quote(part, safe="") for part in self.key)
        return {"uri": f"aws://{user}:{secret}@/", "extra": json.dumps(stated)}


def minio_binary() -> Path:
    """Raises NoServer where there is none. Waits for one that .ci/run is building."""
    named = os.environ.get("TELAGA_MINIO") or shutil.which("minio")
    until = time.monotonic() + BUILD_SECONDS
    while named and Path(f"{named}.building").exists() and time.monotonic() < until:
        time.sleep(2)
    if not named or not Path(named).is_file():
        raise NoServer("no minio binary: name one in TELAGA_MINIO or put it on PATH (.ci/run builds one with Go)")
    return Path(named)


@functools.cache
def weed_binary() -> Path:
    python = envs.ensure("peers", lambda line: print(f"telaga: {line}", file=sys.stderr, flush=True))
    return python.parent / "weed"


@contextmanager
def object_store(
    kind: str, *, tls: bool = False, identities: Mapping[str, Any] | None = None, root: Path | None = None
) -> Iterator[ObjectStore]:
    """A server with an empty store below a temporary folder; stopped, by its id, and forgotten at the end.

    `identities`: SeaweedFS's own file of identities, instead of one that holds the administrator alone.
    """
    binary = weed_binary() if kind == "seaweedfs" else minio_binary()
    with contextlib.ExitStack() as stack:
        if root is None:
            root = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=f"{kind}-", ignore_cleanup_errors=True)))
        certificates = make_certificates(root / "certificates") if tls else None
        for attempt in range(3):
            with (root / f"server{attempt}.log").open("wb") as log:
                start = _start_weed if kind == "seaweedfs" else _start_minio
                process, endpoint = start(binary, root / f"data{attempt}", certificates, identities, log)
            store = ObjectStore(kind, endpoint, certificates and certificates / "ca.crt", process.pid)
            if _is_ready(store, process):
                break
            # Another process may have taken a port between choice and start.
            _stop(process)
        else:
            told = (root / f"server{attempt}.log").read_text(errors="replace")[-2000:]
            raise RuntimeError(f"{kind} did not become ready:\n{told}")
        stack.callback(_stop, process)
        yield store


def _start_weed(
    binary: Path, data: Path, certificates: Path | None, identities: Mapping[str, Any] | None, log: Any
) -> tuple[subprocess.Popen[bytes], str]:
    data.mkdir(parents=True)
    config = data.parent / "identities.json"
    config.write_text(json.dumps(identities or {"identities": [weed_admin()]}))
    ports: list[int] = []
    while len(ports) < 9:
        ports.append(free_port(frozenset(ports)))
    flags = {
        "dir": data,
        "ip": HOST,
        "ip.bind": HOST,
        "master.telemetry": "false",
        "master.port": ports[0],
        "master.port.grpc": ports[1],
        "master.volumeSizeLimitMB": 256,
        "volume.port": ports[2],
        "volume.port.grpc": ports[3],
        "volume.max": 200,
        "filer.port": ports[4],
        "filer.port.grpc": ports[5],
        "s3": "true",
        "s3.port": ports[6],
        "s3.port.grpc": ports[7],
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
        "s3.config": config,
        "s3.ip.bind": HOST,
    }
    port = ports[6]
    if certificates:
        port = ports[8]
        flags |= {
            "s3.port.https": port,
            "s3.cert.file": certificates / "public.crt",
            "s3.key.file": certificates / "private.key",
        }
    command = [str(binary), "server", *(f"-{name}={value}" for name, value in flags.items())]
    process = _spawn(command, data, dict(os.environ), log)
    return process, f"{'https' if certificates else 'http'}://{HOST}:{port}"


def weed_admin() -> dict[str, Any]:
    """SeaweedFS's administrator of a test."""
    return {
        "name": "admin",
        "credentials": [{"accessKey": ADMIN[0], "secretKey": ADMIN[1]}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }


def _start_minio(
    binary: Path, data: Path, certificates: Path | None, identities: Mapping[str, Any] | None, log: Any
) -> tuple[subprocess.Popen[bytes], str]:
    data.mkdir(parents=True)
    port = free_port()
    command = [str(binary), "server", "--quiet", "--address", f"{HOST}:{port}"]
    command += ["--console-address", f"{HOST}:{free_port(frozenset([port]))}"]
    command += ["--certs-dir", str(certificates or data.parent / "none"), str(data)]
    variables = {
        **os.environ,
        "MINIO_ROOT_USER": ADMIN[0],
        "MINIO_ROOT_PASSWORD": ADMIN[1],
        "MINIO_BROWSER": "off",
        "MINIO_UPDATE": "off",
        "HOME": str(data.parent),
    }
    process = _spawn(command, data.parent, variables, log)
    return process, f"{'https' if certificates else 'http'}://{HOST}:{port}"


def _spawn(command: list[str], folder: Path, variables: Mapping[str, str], log: Any) -> subprocess.Popen[bytes]:
    def die_with_the_test() -> None:
        # PR_SET_PDEATHSIG: a test that is killed cannot stop its server any more.
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)

    return subprocess.Popen(
        command,
        cwd=folder,
        env=dict(variables),
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        preexec_fn=die_with_the_test,
    )


def _is_ready(store: ObjectStore, process: subprocess.Popen[bytes]) -> bool:
    """Waits until a bucket can be made and an object stored."""
    client, until, name = store.client, time.monotonic() + READY_SECONDS, "ready"
    while process.poll() is None and time.monotonic() < until:
        with contextlib.suppress(Exception):
            if not client.bucket_exists(name):
                client.make_bucket(name)
            client.put_object(name, "ready", io.BytesIO(b"1"), 1)
            return True
        time.sleep(0.3)
    return False


def _stop(process: subprocess.Popen[bytes]) -> None:
    """An empty store of a test needs no orderly end, for which SeaweedFS takes half a minute."""
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(2)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(30)


def make_certificates(folder: Path) -> Path:
    """A small authority (ca.crt) and a leaf for this machine (public.crt, private.key), as a city's own would be."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    folder.mkdir(parents=True)
    now = dt.datetime.now(dt.UTC)

    def name(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    def builder(subject: str, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(name(subject))
            .issuer_name(name("authority of a test"))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=1))
            .not_valid_after(now + dt.timedelta(days=30))
        )

    authority, leaf = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    usages = (
        "digital_signature content_commitment key_encipherment data_encipherment key_agreement key_cert_sign "
        "crl_sign encipher_only decipher_only"
    )
    usage = dict.fromkeys(usages.split(" "), False)
    ca = (
        builder("authority of a test", authority)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.KeyUsage(**{**usage, "key_cert_sign": True, "crl_sign": True}), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(authority.public_key()), critical=False)
        .sign(authority, hashes.SHA256())
    )
    alternatives = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address(HOST))])
    certificate = (
        builder("object store of a test", leaf)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(**{**usage, "digital_signature": True}), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(alternatives, critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key()), critical=False)
        .sign(authority, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / "ca.crt").write_bytes(ca.public_bytes(pem))
    (folder / "public.crt").write_bytes(certificate.public_bytes(pem))
    (folder / "private.key").write_bytes(
        leaf.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    (folder / "private.key").chmod(0o600)
    return folder
