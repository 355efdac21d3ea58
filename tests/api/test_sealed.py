"""A sealed stream gives back what was written, and nothing else."""

import io
import struct

import pytest

from api.sealed import CHUNK_BYTES, MAGIC, SealBroken, SealedReader, SealingWriter, is_sealed

KEY = "mật khẩu của tổ"


def sealed(data: bytes, step: int = 300_000) -> bytes:
    into = io.BytesIO()
    with SealingWriter(into, KEY) as writer:
        for start in range(0, len(data), step):
            writer.write(data[start : start + step])
    return into.getvalue()


def opened(data: bytes, key: str = KEY) -> bytes:
    return SealedReader(io.BytesIO(data), key).readall() or b""


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES])
def test_it_comes_back_as_it_was(size: int) -> None:
    data = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    hidden = sealed(data)
    assert opened(hidden) == data
    assert is_sealed(io.BytesIO(hidden))
    assert not is_sealed(io.BytesIO(data))


def test_two_of_the_same_share_nothing() -> None:
    first, second = sealed(b"a" * 100), sealed(b"a" * 100)
    assert first[len(MAGIC) :] != second[len(MAGIC) :]


def _chunks(data: bytes) -> tuple[bytes, list[bytes]]:
    head, rest, found = data[: len(MAGIC) + 16], data[len(MAGIC) + 16 :], []
    while rest:
        size = 5 + struct.unpack(">I", rest[:4])[0]
        found.append(rest[:size])
        rest = rest[size:]
    return head, found


def test_what_was_changed_cut_or_moved_is_refused() -> None:
    head, chunks = _chunks(sealed(b"0123456789" * 300_000))
    assert len(chunks) == 3
    claimed_last = chunks[0][:4] + b"\x01" + chunks[0][5:]
    wrong = {
        "cut after a chunk": [chunks[0], chunks[1]],
        "cut in a chunk": [chunks[0], chunks[1][:-10]],
        "moved": [chunks[1], chunks[0], chunks[2]],
        "left out": [chunks[0], chunks[2]],
        "a middle one made the last": [claimed_last],
        "changed": [chunks[0][:-1] + bytes([chunks[0][-1] ^ 1]), *chunks[1:]],
        "nothing": [],
    }
    for parts in wrong.values():
        with pytest.raises(SealBroken):
            opened(head + b"".join(parts))


def test_another_passphrase_opens_nothing() -> None:
    with pytest.raises(SealBroken):
        opened(sealed(b"words"), "đoán đại")
