"""Bytes of a file, decompressed in bounded pieces, cut where a record ends."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from ingestion.connectors.drift import UnreadableBatch

if TYPE_CHECKING:
    from ingestion.connectors.source import Source

PIECE = 4 << 20
LONGEST_RECORD = 64 << 20
# Compressed text shrinks by 5 to 50 times; a thousand is a bomb. Small files may be that uniform.
MOST_EXPANSION = 1_000
HARMLESS = 256 << 20


def pieces(source: Source, compression: str | None) -> Iterator[bytes]:
    """Decompressed bytes of a delivery in pieces of some megabytes.

    `compression` is gzip, zstd or none; null goes by the suffix. Raises UnreadableBatch for a damaged or truncated
    stream, or one that expands beyond reason.
    """
    import pyarrow as pa

    kind = compression or {".gz": "gzip", ".zst": "zstd"}.get(PurePath(source.name).suffix, "none")
    expanded, delivered = 0, source.size
    with source.open() as file:
        if kind == "none":
            while piece := file.read(PIECE):
                yield piece
            return
        if delivered == 0:
            return
        try:
            with pa.CompressedInputStream(pa.PythonFile(file, mode="r"), kind) as stream:
                while piece := stream.read(PIECE):
                    expanded += len(piece)
                    if expanded > HARMLESS and expanded > delivered * MOST_EXPANSION:
                        raise UnreadableBatch(f"{source.name}: expands over {MOST_EXPANSION} times; refused as a bomb")
                    yield piece
        except (OSError, pa.ArrowException):
            raise UnreadableBatch(f"{source.name}: the {kind} stream is damaged or cut; ask for it again") from None


def decoded(chunks: Iterator[bytes], encoding: str, name: str) -> Iterator[bytes]:
    """The same text in UTF-8, without byte order mark. Raises UnreadableBatch where it is not what was stated."""
    import codecs

    try:
        reader: Any = codecs.getincrementaldecoder(encoding)("strict")
    except LookupError:
        raise UnreadableBatch(f"{name}: encoding {encoding} is unknown; correct the contract") from None
    read, is_first = 0, True
    for chunk in _with_end(chunks):
        try:
            text = reader.decode(chunk, final=not chunk)
        except UnicodeDecodeError as error:
            raise UnreadableBatch(
                f"{name}: is not {encoding} as the contract states (near byte {read + error.start}); "
                "correct the contract's encoding or ask for the file again"
            ) from None
        read += len(chunk)
        if is_first and text:
            text, is_first = text.removeprefix("\ufeff"), False
        if text:
            yield text.encode("utf-8")


def _with_end(chunks: Iterator[bytes]) -> Iterator[bytes]:
    yield from chunks
    yield b""


def blocks(chunks: Iterator[bytes], name: str, quote: str | None = None) -> Iterator[bytes]:
    """Whole records only: each block ends with a line end outside quotes (the last may lack it).

    Raises UnreadableBatch where one record would fill memory, as behind a quote that never closes.
    """
    rest = b""
    for chunk in chunks:
        rest += chunk
        end = _last_end(rest, quote.encode() if quote else None)
        if end:
            yield rest[:end]
            rest = rest[end:]
        elif len(rest) > LONGEST_RECORD:
            raise UnreadableBatch(f"{name}: a record over {LONGEST_RECORD >> 20} MB; an open quote or no line ends")
    if rest:
        yield rest


def _last_end(data: bytes, quote: bytes | None) -> int:
    """Position behind the last line end that lies outside quotes, 0 where there is none."""
    end = data.rfind(b"\n") + 1
    if quote is None or not end:
        return end
    open_before = data.count(quote, 0, end) % 2 == 1
    while end and open_before:
        earlier = data.rfind(b"\n", 0, end - 1) + 1
        open_before ^= data.count(quote, earlier, end) % 2 == 1
        end = earlier
    return end
