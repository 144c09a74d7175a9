"""The languages that Dalil speaks, and its words in each of them (gettext, one `.po` a language)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path

FOLDER = Path(__file__).parent
DOMAIN, DESK = "dalil", "desk"
"""What people and visitors read, and what officers read: two files a language, so that neither waits for the other."""


@dataclass(frozen=True, slots=True)
class Language:
    """An interface language. `name` is its own name for itself; `plural` its gettext Plural-Forms."""

    code: str
    name: str
    plural: str
    right_to_left: bool = False


_ONE_OTHER = "nplurals=2; plural=(n != 1);"
_ZERO_ONE_OTHER = "nplurals=2; plural=(n > 1);"

LANGUAGES: dict[str, Language] = {
    language.code: language
    for language in (
        Language("en", "English", _ONE_OTHER),
        Language("fr", "Français", _ZERO_ONE_OTHER),
        Language(
            "ar",
            "العربية",
            "nplurals=6; plural=(n==0 ? 0 : n==1 ? 1 : n==2 ? 2 : n%100>=3 && n%100<=10 ? 3 : n%100>=11 ? 4 : 5);",
            right_to_left=True,
        ),
        Language("es", "Español", _ONE_OTHER),
        Language("pt", "Português", _ZERO_ONE_OTHER),
        Language(
            "ru",
            "Русский",
            "nplurals=3; plural=(n%10==1 && n%100!=11 ? 0 : n%10>=2 && n%10<=4 && (n%100<10 || n%100>=20) ? 1 : 2);",
        ),
        Language("zh", "中文", "nplurals=1; plural=0;"),
        Language("sw", "Kiswahili", _ONE_OTHER),
        Language("ha", "Hausa", _ONE_OTHER),
        Language("am", "አማርኛ", _ZERO_ONE_OTHER),
        Language("bn", "বাংলা", _ZERO_ONE_OTHER),
        Language("hi", "हिन्दी", _ZERO_ONE_OTHER),
    )
}
DEFAULT = "en"

UNDERSTOOD: dict[str, Language] = {
    language.code: language
    for language in (
        Language("ur", "اردو", _ONE_OTHER, right_to_left=True),
        Language("id", "Bahasa Indonesia", "nplurals=1; plural=0;"),
        Language("ne", "नेपाली", _ONE_OTHER),
        Language("so", "Soomaali", _ONE_OTHER),
        Language("yo", "Èdè Yorùbá", "nplurals=1; plural=0;"),
        Language("tr", "Türkçe", _ONE_OTHER),
        Language("fa", "فارسی", _ZERO_ONE_OTHER, right_to_left=True),
        Language("vi", "Tiếng Việt", "nplurals=1; plural=0;"),
    )
}
"""Languages that people may ask in and that we do not write yet, but for the sentences of `bot.own_words`.

One whose file is complete moves to `LANGUAGES`; `locales.messages check` says when.
"""

SHARED: dict[str, tuple[str, ...]] = {
    "ur": ("en", "hi", "ar"),
    "id": ("en", "ar", "zh"),
    "ne": ("en", "hi"),
    "so": ("en", "ar", "sw"),
    "yo": ("en", "fr", "ha"),
    "tr": ("en", "ar", "fr"),
    "fa": ("en", "ar", "fr"),
    "vi": ("en", "fr", "zh"),
    "uk": ("en", "ru"),
    "be": ("ru", "en"),
    "kk": ("ru", "en"),
    "ky": ("ru", "en"),
    "uz": ("ru", "en"),
    "ca": ("es", "en", "fr"),
    "gl": ("es", "pt", "en"),
    "mg": ("fr", "en"),
    "wo": ("fr", "en"),
}
"""Languages that we do not write → those of ours that their speakers read, the likeliest first."""


def speak(code: str | None) -> Language:
    """The interface language for `code` (a BCP 47 tag); English where we have no better."""
    return LANGUAGES.get((code or "").replace("_", "-").split("-")[0].lower(), LANGUAGES[DEFAULT])


def negotiate(accept_language: str) -> Language:
    """The language that an Accept-Language header likes best among those that we speak."""
    liked = sorted(map(_liking, accept_language.split(",")), key=lambda entry: -entry[1])
    codes = [code for code, weight in liked if code in LANGUAGES and weight > 0]
    return LANGUAGES[codes[0] if codes else DEFAULT]


def _liking(part: str) -> tuple[str, float]:
    tag, _, weight = part.replace(" ", "").lower().partition(";q=")
    try:
        return tag.split("-")[0], float(weight or 1)
    except ValueError:
        return tag.split("-")[0], 0.0


@cache
def translations(code: str) -> NullTranslations:
    """The translations into a language. English is the source language and has no file."""
    found = _compiled(code, DOMAIN)
    found.add_fallback(_compiled(code, DESK))
    return found


def _compiled(code: str, domain: str) -> NullTranslations:
    path = FOLDER / code / "LC_MESSAGES" / f"{domain}.po"
    if not path.exists():
        return NullTranslations()
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po

    compiled = BytesIO()
    with path.open("rb") as file:
        write_mo(compiled, read_po(file, locale=code))
    compiled.seek(0)
    return GNUTranslations(compiled)
