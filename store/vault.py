"""Addresses at rest: sealed with one key, found by a digest made with another.

Both are derived (HKDF-SHA-256) from the operator's secret. While secrets rotate several are known:
the first seals, all open; digests are looked up under every one of them.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

SHORTEST_SECRET = 32
"""Characters. A generated secret has 43."""


class WrongKey(Exception):
    """The data were sealed with another secret than the ones given."""


class Vault:
    """Seals, opens and finds addresses."""

    def __init__(self, secret_keys: Sequence[str]) -> None:
        """`secret_keys`: the operator's secrets, the one in use first. Raises `ValueError` if one is short."""
        if not secret_keys or any(len(key) < SHORTEST_SECRET for key in secret_keys):
            raise ValueError(f"a secret key needs at least {SHORTEST_SECRET} characters")
        self._seals = MultiFernet([Fernet(urlsafe_b64encode(_derive(key, b"address"))) for key in secret_keys])
        self._digests = [_derive(key, b"lookup") for key in secret_keys]

    def seal(self, text: str) -> str:
        """Encrypt `text`."""
        return self._seals.encrypt(text.encode()).decode()

    def open(self, sealed: str) -> str:
        """Decrypt what `seal` gave. Raises `WrongKey`."""
        try:
            return self._seals.decrypt(sealed.encode()).decode()
        except InvalidToken:
            raise WrongKey("sealed with another secret key") from None

    def digests(self, channel: str, address: str) -> list[str]:
        """Hexadecimal digests of an address, one per secret, the one in use first."""
        text = f"{channel}\0{address}".encode()
        return [hmac.new(key, text, hashlib.sha256).hexdigest() for key in self._digests]


def _derive(secret: str, purpose: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=b"dalil/" + purpose).derive(secret.encode())


def keep_secret(path: Path) -> str:
    """Read the secret kept at `path`; make one, readable by its owner only, if there is none."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        made = path.with_name(f".{path.name}.{os.getpid()}")
        descriptor = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(32) + "\n")
        with suppress(FileExistsError):
            os.link(made, path)  # never overwrites: of two processes that start at once, one wins
        made.unlink()
    return path.read_text().strip()
