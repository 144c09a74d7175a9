"""Passwords: kept as Argon2id hashes; compared and made in few threads, for each takes 64 MB and half a second."""

from __future__ import annotations

import re
import unicodedata
from functools import cache

from anyio import CapacityLimiter, to_thread
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from locales import Language, translations

SHORTEST, LONGEST = 12, 200
_hasher = PasswordHash((Argon2Hasher(),))
_few = CapacityLimiter(2)

_COMMON = """
    password passwort motdepasse contrasena senha parol qwerty qwertz azerty qwertyuiop asdf asdfgh asdfghjkl zxcvbn
    zxcvbnm qazwsx abc abcd abcde abcdef abcdefgh letmein welcome admin administrator root user guest test testing demo
    login master secret default changeme change pass passw pw iloveyou love loveyou dragon monkey football soccer
    baseball basketball hockey superman batman spiderman pokemon starwars sunshine princess shadow flower summer winter
    spring autumn hello freedom whatever trustno charlie michael jordan jessica ashley daniel thomas robert matthew
    jennifer andrew joshua maggie pepper ginger cookie chocolate banana orange cheese computer internet server google
    facebook whatsapp telegram samsung iphone android killer hunter ranger tigger lovely angel jesus god blessed family
    dalil desk officer lead itu undp clearinghouse
""".split()
_ONLY_COMMON = re.compile(f"(?:{'|'.join(sorted(_COMMON, key=len, reverse=True))})+")


def refusal(password: str, login: str, language: Language) -> str | None:
    """Why a password may not be used, in words; none if it may."""
    _ = translations(language.code).gettext
    small = _plain(password).lower()
    letters = re.sub(r"[\W\d_]+", "", small)
    if len(small) < SHORTEST:
        return _("The password needs at least {count} characters. Several words in a row are good.").format(
            count=SHORTEST
        )
    if len(small) > LONGEST:
        return _("The password is too long.")
    if login and (login.lower() in small or letters == re.sub(r"[\W\d_]+", "", login.lower())):
        return _("The password must not contain the sign-in name.")
    if not letters or len(set(small)) < 5 or _ONLY_COMMON.fullmatch(letters):
        return _("This password is easy to guess. Take several words that do not belong together.")
    return None


async def hashed(password: str) -> str:
    """What is stored of a password."""
    return await to_thread.run_sync(_hasher.hash, _plain(password), limiter=_few)


async def fits(password: str, stored: str | None) -> bool:
    """Whether a password is the stored one. Takes as long where none is stored: time tells nothing."""
    return await to_thread.run_sync(_fits, _plain(password)[: LONGEST + 1], stored, limiter=_few)


def _fits(password: str, stored: str | None) -> bool:
    nobodys = _nobodys()
    return _hasher.verify(password, stored or nobodys) and stored is not None


@cache
def _nobodys() -> str:
    return _hasher.hash("nobody has this password")


def _plain(password: str) -> str:
    """However a keyboard writes it."""
    return unicodedata.normalize("NFKC", password)
