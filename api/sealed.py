"""A stream of bytes under a passphrase: AES-256-GCM in chunks, so that a file of any size passes through little memory.

Each chunk's nonce holds its number and whether it is the last, under a key that scrypt makes of the passphrase and a
salt of this file's own: a chunk that is changed, missing, moved or cut off is noticed. Knows nothing of backups.
"""

import io
import secrets
import struct
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

MAGIC = b"gocua sealed 1\n"
CHUNK_BYTES = 1024 * 1024
_SALT_BYTES = 16
_TAG_BYTES = 16


class SealBroken(Exception):
    """Another passphrase, or the file was damaged or cut off."""


def is_sealed(source: BinaryIO) -> bool:
    """Looks at the beginning of a file that can be sought, and goes back there."""
    found = source.read(len(MAGIC)) == MAGIC
    source.seek(0)
    return found


class SealingWriter(io.RawIOBase):
    """Encrypts what is written to it into `into`. Only `close` writes the end; `into` stays open."""

    def __init__(self, into: BinaryIO, passphrase: str) -> None:
        salt = secrets.token_bytes(_SALT_BYTES)
        into.write(MAGIC + salt)
        self._into, self._cipher = into, _cipher(passphrase, salt)
        self._waiting, self._number = bytearray(), 0

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override] # never a None: nothing here is non-blocking
        self._waiting += data
        while len(self._waiting) > CHUNK_BYTES:
            chunk = bytes(self._waiting[:CHUNK_BYTES])
            del self._waiting[:CHUNK_BYTES]
            self._put(chunk, last=False)
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self._put(bytes(self._waiting), last=True)
        super().close()

    def _put(self, chunk: bytes, *, last: bool) -> None:
        sealed = self._cipher.encrypt(_nonce(self._number, last=last), chunk, MAGIC)
        self._into.write(struct.pack(">I?", len(sealed), last) + sealed)
        self._number += 1


class SealedReader(io.RawIOBase):
    """The plain bytes of what a SealingWriter wrote. Reading raises SealBroken."""

    def __init__(self, source: BinaryIO, passphrase: str) -> None:
        head = source.read(len(MAGIC) + _SALT_BYTES)
        self._source, self._cipher = source, _cipher(passphrase, head[len(MAGIC) :])
        self._waiting, self._number, self._ended = b"", 0, False

    def readable(self) -> bool:
        return True

    def readinto(self, into: memoryview) -> int:  # type: ignore[override]
        while not self._waiting and not self._ended:
            self._waiting = self._next()
        taken = self._waiting[: len(into)]
        into[: len(taken)] = taken
        self._waiting = self._waiting[len(taken) :]
        return len(taken)

    def _next(self) -> bytes:
        head = self._source.read(5)
        if len(head) < 5:
            raise SealBroken(SealBroken.__doc__)
        size, last = struct.unpack(">I?", head)
        if size > CHUNK_BYTES + _TAG_BYTES:
            raise SealBroken(SealBroken.__doc__)
        try:
            chunk = self._cipher.decrypt(_nonce(self._number, last=last), self._source.read(size), MAGIC)
        except InvalidTag as error:
            raise SealBroken(SealBroken.__doc__) from error
        self._number += 1
        self._ended = last
        return chunk


def _cipher(passphrase: str, salt: bytes) -> AESGCM:
    return AESGCM(Scrypt(salt=salt, length=32, n=2**15, r=8, p=1).derive(passphrase.encode()))


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([last])
