"""The search of the canary test finds a value in every guise and packing, and takes no other value for it."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import struct
import time
import urllib.parse
import zipfile
import zlib

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from tests.support.canary import Canary, Needles, canaries, unpacked

NIK = Canary("NIK", "6471052204850012", "6471 0522 0485 0012")
NAME = Canary("PERSON", "Yusuf O'Neil Ça", "YUSUF O'NEIL ÇA")
NEEDLES = Needles([NIK, NAME])
NUMBER = int(NIK.value)


@pytest.mark.parametrize(
    ("encoding", "content"),
    [
        ("UTF-8", NIK.text.encode()),
        ("UTF-8", NIK.value.encode()),
        ("UTF-8", b"yusuf o'neil \xc3\xa7a"),
        ("UTF-8", NAME.text.encode()),
        ("UTF-16", NAME.value.encode("utf-16-le")),
        ("UTF-16", NIK.value.encode("utf-16-be")),
        *(("base64", base64.b64encode(b"x" * shift + NIK.value.encode() + b"more of it")) for shift in range(3)),
        ("hex", NIK.value.encode().hex().encode()),
        ("hex", NIK.value.encode().hex().upper().encode()),
        ("escaped", json.dumps(NAME.value).encode()),
        ("escaped", urllib.parse.quote(NAME.value).encode()),
        ("escaped", b"Yusuf O&#x27;Neil \xc3\x87a"),
        ("md5", hashlib.md5(NIK.value.encode()).digest()),
        ("sha1", hashlib.sha1(NIK.value.encode()).hexdigest().encode()),
        ("sha256", hashlib.sha256(b"yusufoneil\xc3\xa7a").hexdigest().encode()),
        ("sha256", base64.b64encode(hashlib.sha256(NIK.value.encode()).digest())),
        ("int64", struct.pack("<q", NUMBER)),
        ("int64", np.array([NUMBER], dtype=">i8").tobytes()),
        ("float64", np.array([NUMBER], dtype=float).tobytes()),
    ],
)
@pytest.mark.parametrize("before", [b"", b"abc", b"0123456"])
def test_every_guise_is_found_wherever_it_begins(encoding: str, content: bytes, before: bytes) -> None:
    assert encoding in {found for _, found in NEEDLES.find(before + content + b" and so on")}


def _zipped() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("inner.txt", NIK.text)
    return made.getvalue()


def _parquet(**column: list[object]) -> bytes:
    made = io.BytesIO()
    pl.DataFrame(column).write_parquet(made, compression="zstd")
    return made.getvalue()


@pytest.mark.parametrize(
    "packed",
    [
        gzip.compress(NIK.text.encode()),
        gzip.compress(b"first member") + gzip.compress(NIK.text.encode()),
        zlib.compress(NIK.text.encode()),
        pa.compress(NIK.text.encode(), codec="zstd", asbytes=True),
        gzip.compress(_zipped()),
        _zipped(),
        _parquet(text=[NIK.text] * 300),
        _parquet(number=[NUMBER] * 300),
        _parquet(number=[float(NUMBER)] * 300),
        _parquet(listed=[[NIK.text]] * 300),
        _parquet(binary=[NIK.value.encode()] * 300),
    ],
)
def test_every_packing_is_opened(packed: bytes) -> None:
    as_it_stands, *inner = unpacked(packed)
    assert as_it_stands == packed
    assert any(NEEDLES.find(piece) for piece in inner)


def test_another_value_is_not_taken_for_a_canary() -> None:
    other = b"6471052204850013 6471 0522 0485 0013 yusuf o'neill " + struct.pack("<q", NUMBER + 1)
    assert not NEEDLES.find(other)
    random = np.random.default_rng(1).bytes(1 << 22)
    assert not Needles(canaries(2000, 3)).find(random)


def test_a_value_across_two_pieces_is_found() -> None:
    from tests.support.canary import _PIECE

    content = bytes(_PIECE - 5) + NIK.value.encode() + bytes(100)
    began = time.monotonic()
    assert NEEDLES.find(content)
    assert time.monotonic() - began < 30


def test_canaries_are_unique_and_of_every_kind_and_form() -> None:
    made = canaries(3000, 11)
    assert len({one.value for one in made}) == 3000
    assert len({one.kind for one in made}) == 13
    niks = [one for one in made if one.kind == "NIK"]
    assert any(" " in one.text for one in niks) and any("." in one.text for one in niks)
    people = [one for one in made if one.kind == "PERSON"]
    assert any(one.text.isupper() for one in people) and any(one.text.islower() for one in people)
