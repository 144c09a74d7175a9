"""The pages that visitors see: templates in their language, and the few files that these load."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from locales import LANGUAGES, Language, translations

FOLDER = Path(__file__).parent
_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}


@dataclass(frozen=True, slots=True)
class Asset:
    """A file that pages load. Its path changes with its content, so that it can be kept for ever."""

    path: str
    body: bytes
    media_type: str


@cache
def assets() -> dict[str, Asset]:
    """Every file that pages load, by name."""
    return {file.name: _asset(file) for file in sorted(FOLDER.iterdir()) if file.suffix in _TYPES}


def _asset(file: Path) -> Asset:
    body = file.read_bytes()
    digest = hashlib.sha256(body).hexdigest()[:12]
    return Asset(f"/static/{digest}/{file.name}", body, _TYPES[file.suffix])


def render(page: str, language: Language, **values: object) -> str:
    """Fill in the template `page` in a language."""
    return _templates(language.code).get_template(page).render(language=language, **values)


@cache
def _templates(code: str) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    environment.policies["ext.i18n.trimmed"] = True
    words = translations(code)
    environment.install_gettext_callables(words.gettext, words.ngettext, newstyle=True)  # type: ignore[attr-defined]
    environment.globals |= {"languages": tuple(LANGUAGES.values()), "asset": lambda name: assets()[name].path}
    return environment
