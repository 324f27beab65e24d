"""The identities of a lake on S3 and what each may do, as policies that MinIO, AWS and SeaweedFS take.

    python -m infra.object_store.identities s3://bucket/prefix landing            its IAM policy
    python -m infra.object_store.identities s3://bucket/prefix landing building   one policy for who is both
    python -m infra.object_store.identities s3://bucket/prefix --seaweedfs        SeaweedFS's s3.config, with new keys

A process is one of them by its AWS_* variables (docs/object-store.md). Standard library only.
"""

from __future__ import annotations

import argparse
import json
import secrets
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

TABLES = ("minimised", "control", "aggregates", "estimates", "marts")
READ = ("s3:GetObject",)
WRITE = ("s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts")
DELETE = ("s3:DeleteObject",)


@dataclass(frozen=True)
class Identity:
    """Folders of the lake that an identity reads, writes and deletes in; it lists what is in any of them."""

    name: str
    does: str
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    deletes: tuple[str, ...] = ()

    @property
    def folders(self) -> tuple[str, ...]:
        return tuple(sorted({*self.reads, *self.writes, *self.deletes}))


_LANDED = ("minimised", "control", "quarantine", "originals", "scratch")
_BUILT = ("aggregates", "estimates", "marts")
IDENTITIES = (
    Identity(
        "landing",
        "lands and replays batches; leaves to the officer what it cannot read again; sees nothing that is built",
        reads=_LANDED,
        writes=(*_LANDED, "officer"),
        deletes=(*_LANDED, "officer"),
    ),
    Identity(
        "building",
        "counts, judges, presents and releases; sees no delivery, no quarantine and nothing of the officer's",
        reads=("minimised", "control", *_BUILT),
        writes=("control", *_BUILT),
        deletes=("control", *_BUILT),
    ),
    Identity(
        "maintaining",
        "compacts, expires and erases; reads neither quarantine nor what is the officer's",
        reads=TABLES,
        writes=TABLES,
        deletes=(*TABLES, "quarantine", "originals", "scratch", "officer"),
    ),
    Identity(
        "officer",
        "the data protection officer: reads what landing left, and records a review",
        reads=("officer", "control"),
        writes=("control",),
        deletes=("control",),
    ),
    Identity("reading", "an analyst: reads what is built and the log of batches", reads=("control", *_BUILT)),
)


def named(name: str) -> Identity:
    """Raises KeyError for a name that none has."""
    return {identity.name: identity for identity in IDENTITIES}[name]


def together(*names: str) -> Identity:
    """Who is several of them: on one machine, landing, building and maintaining are one process's."""
    parts = [named(name) for name in names]

    def union(of: str) -> tuple[str, ...]:
        return tuple(sorted({folder for part in parts for folder in getattr(part, of)}))

    does = "; ".join(part.does for part in parts)
    return Identity("+".join(names), does, union("reads"), union("writes"), union("deletes"))


def policy(identity: Identity, lake: str) -> dict[str, Any]:
    """The IAM policy of an identity of `lake` (s3://bucket/prefix). What it does not name is refused."""
    bucket, prefix = _place(lake)

    def objects(folders: tuple[str, ...]) -> list[str]:
        return [f"arn:aws:s3:::{bucket}/{prefix}{folder}/*" for folder in folders]

    statements: list[dict[str, Any]] = [
        _allow(["s3:GetBucketLocation"], [f"arn:aws:s3:::{bucket}"]),
        _allow(["s3:ListBucket"], [f"arn:aws:s3:::{bucket}"])
        | {
            "Condition": {
                "StringLike": {
                    "s3:prefix": [f"{prefix}{folder}{end}" for folder in identity.folders for end in ("", "/*")]
                }
            }
        },
    ]
    for actions, folders in ((READ, identity.reads), (WRITE, identity.writes), (DELETE, identity.deletes)):
        if folders:
            statements.append(_allow(list(actions), objects(folders)))
    return {"Version": "2012-10-17", "Statement": statements}


def seaweedfs(lake: str, keys: Mapping[str, tuple[str, str]]) -> dict[str, Any]:
    """SeaweedFS's s3.config: each identity of `keys` (name -> access key, secret key) under its policy."""
    return {
        "identities": [
            {
                "name": name,
                "credentials": [{"accessKey": access, "secretKey": secret}],
                "actions": [],
                "policyNames": [f"telaga-{name}"],
            }
            for name, (access, secret) in keys.items()
        ],
        "policies": [{"name": f"telaga-{name}", "content": json.dumps(policy(named(name), lake))} for name in keys],
    }


def _allow(actions: list[str], resources: list[str]) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": actions, "Resource": resources}


def _place(lake: str) -> tuple[str, str]:
    parts = urlsplit(lake)
    if parts.scheme != "s3" or not parts.netloc:
        raise ValueError(f"{lake} is no s3://bucket/prefix")
    prefix = parts.path.strip("/")
    return parts.netloc, f"{prefix}/" if prefix else ""


def main(given: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m infra.object_store.identities",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    names = [identity.name for identity in IDENTITIES]
    parser.add_argument("lake", help="as in TELAGA_LAKE: s3://bucket/prefix")
    parser.add_argument("identity", nargs="*", help=", ".join(names))
    parser.add_argument("--seaweedfs", action="store_true", help="all of them, as SeaweedFS's s3.config")
    arguments = parser.parse_args(given)
    if unknown := sorted(set(arguments.identity) - set(names)):
        parser.error(f"no identity {', '.join(unknown)}: one of {', '.join(names)}")
    if arguments.seaweedfs == bool(arguments.identity):
        parser.error("name an identity, or say --seaweedfs")
    try:
        if arguments.identity:
            made = policy(together(*arguments.identity), arguments.lake)
        else:
            made = seaweedfs(
                arguments.lake, {name: (secrets.token_hex(10), secrets.token_urlsafe(30)) for name in names}
            )
    except ValueError as error:
        parser.error(str(error))
    sys.stdout.write(json.dumps(made, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
