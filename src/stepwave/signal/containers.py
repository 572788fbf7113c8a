"""What the bytes of an audio file say about themselves, where the decoder doesn't tell: other kinds of file, and cuts.

libsndfile quietly shortens a cut WAV or Ogg to what is there; half a question would then be answered as if it were
whole. Nothing is decoded here, and every walk through a file is bounded.
"""

import os
import struct
from typing import BinaryIO

HEAD_BYTES = 64
"""Bytes from the start of a file that `foreign_kind` wants."""

_OGG_PAGE_BYTES = 27 + 255 + 255 * 255
_ID3_HEADER_BYTES = 10
_MAX_CHUNKS = 256
_UNKNOWN_LENGTH = 0x7FF0_0000
"""WAV data sizes from here on are what programs write when they stream and don't know the length yet."""

_FOREIGN: tuple[tuple[int, bytes, str], ...] = (
    (4, b"ftyp", "an MP4, M4A or MOV file"),
    (0, b"\x1aE\xdf\xa3", "a WebM or Matroska file"),
    (0, b"0&\xb2u", "a WMA or ASF file"),
    (0, b"#!AMR", "an AMR file"),
    (0, b"PK\x03\x04", "a zip archive"),
    (0, b"\x1f\x8b", "a gzip archive"),
    (0, b"%PDF", "a PDF document"),
    (0, b"\x89PNG", "a PNG image"),
    (0, b"\xff\xd8\xff", "a JPEG image"),
    (0, b"\xff\xf1", "an AAC stream"),
    (0, b"\xff\xf9", "an AAC stream"),
)


def foreign_kind(head: bytes) -> str | None:
    """Name what a file is by its first bytes, if it is of a well-known kind that libsndfile cannot read."""
    for offset, mark, kind in _FOREIGN:
        if head[offset : offset + len(mark)] == mark:
            return kind
    return None


def cut_short(file: BinaryIO, size: int) -> str | None:
    """Say in what way a WAV or Ogg file of `size` bytes ends too early; None if it doesn't or is of another kind.

    Moves the file's position.
    """
    file.seek(0)
    mark = file.read(4)
    if mark == b"RIFF":
        return _cut_wav(file, size)
    return _cut_ogg(file, size) if mark == b"OggS" else None


def counts_its_frames(file: BinaryIO) -> bool:
    """Tell whether an MP3's length is written in its first frame (Xing or LAME header) and not just estimated.

    Moves the file's position.
    """
    file.seek(0)
    head = file.read(_ID3_HEADER_BYTES)
    start = 0
    if head[:3] == b"ID3" and len(head) == _ID3_HEADER_BYTES:
        # The tag's size is written with seven bits to the byte.
        start = _ID3_HEADER_BYTES + sum(byte << shift for byte, shift in zip(head[6:], (21, 14, 7, 0), strict=True))
    file.seek(start)
    first_frame = file.read(512)
    return b"Xing" in first_frame or b"Info" in first_frame


def _cut_wav(file: BinaryIO, size: int) -> str | None:
    position = 12
    for _ in range(_MAX_CHUNKS):
        file.seek(position)
        header = file.read(8)
        if len(header) < 8:
            return None
        name, length = struct.unpack("<4sI", header)
        here = size - position - 8
        if name == b"data":
            whole = length <= here or length >= _UNKNOWN_LENGTH
            return None if whole else f"its header announces {length:,} bytes of sound, {here:,} are there"
        position += 8 + length + length % 2
    return None


def _cut_ogg(file: BinaryIO, size: int) -> str | None:
    file.seek(max(0, size - _OGG_PAGE_BYTES))
    tail = file.read(_OGG_PAGE_BYTES)
    start = tail.rfind(b"OggS")
    if start < 0:
        return None
    page = tail[start:]
    segments = page[26] if len(page) > 26 else 0
    wanted = 27 + segments + sum(page[27 : 27 + segments])
    return f"its last page has {len(page):,} of {wanted:,} bytes" if len(page) < wanted else None


def size_of(file: BinaryIO) -> int:
    """Bytes in a seekable file. Moves the file's position."""
    return file.seek(0, os.SEEK_END)
