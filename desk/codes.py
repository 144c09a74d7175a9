"""One-time codes (TOTP): a secret that an app on the officer's phone shares with us."""

from __future__ import annotations

import hmac
import time
from dataclasses import dataclass

import pyotp
import segno

STEP = 30
"""Seconds for which a code is shown."""
_NEAR = (0, -1, 1)
"""Steps that are accepted: clocks differ, and typing takes a while."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A QR code: `size` modules wide, and an SVG path over the dark ones."""

    size: int
    path: str


def new_secret() -> str:
    """A secret, as people can type it."""
    return pyotp.random_base32()


def grouped(secret: str) -> str:
    """A secret, easier to read."""
    return " ".join(secret[at : at + 4] for at in range(0, len(secret), 4))


def step_of(secret: str, code: str) -> int | None:
    """The time step that a code is of, if it is right now."""
    digits = "".join(each for each in code if each.isascii() and each.isdigit())
    present = int(time.time()) // STEP
    codes = pyotp.TOTP(secret, interval=STEP)
    for step in (present + offset for offset in _NEAR):
        if hmac.compare_digest(codes.generate_otp(step), digits):
            return step
    return None


def picture(secret: str, login: str, issuer: str) -> Picture:
    """What the app's camera reads."""
    address = pyotp.TOTP(secret, interval=STEP).provisioning_uri(name=login, issuer_name=issuer)
    rows = list(segno.make_qr(address, error="m").matrix_iter(border=4))
    dark = [f"M{x} {y}h1v1h-1z" for y, row in enumerate(rows) for x, module in enumerate(row) if module]
    return Picture(len(rows), "".join(dark))
