"""Pages: templates in the reader's language, and the few files that these load."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache, cached_property
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


class Pages:
    """The templates and files of some folders; what is not in the first is looked for in the next."""

    def __init__(self, *folders: Path, at: str = "/static") -> None:
        """`at`: the path under which the files are served."""
        self._folders = folders
        self._at = at
        self._environments: dict[str, Environment] = {}

    @cached_property
    def assets(self) -> dict[str, Asset]:
        """Every file that pages load, by name."""
        files = {file.name: file for folder in reversed(self._folders) for file in sorted(folder.iterdir())}
        return {name: self._asset(file) for name, file in files.items() if file.suffix in _TYPES}

    def _asset(self, file: Path) -> Asset:
        body = file.read_bytes()
        digest = hashlib.sha256(body).hexdigest()[:12]
        return Asset(f"{self._at}/{digest}/{file.name}", body, _TYPES[file.suffix])

    def render(self, page: str, language: Language, **values: object) -> str:
        """Fill in the template `page` in a language."""
        return self.environment(language.code).get_template(page).render(language=language, **values)

    def environment(self, code: str) -> Environment:
        """The templates in a language."""
        if code not in self._environments:
            self._environments[code] = self._environment(code)
        return self._environments[code]

    def _environment(self, code: str) -> Environment:
        environment = Environment(
            loader=FileSystemLoader(self._folders),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=["jinja2.ext.i18n"],
        )
        environment.policies["ext.i18n.trimmed"] = True
        words = translations(code)
        environment.install_gettext_callables(words.gettext, words.ngettext, newstyle=True)  # type: ignore[attr-defined]
        environment.globals |= {"languages": tuple(LANGUAGES.values()), "asset": lambda name: self.assets[name].path}
        return environment


@cache
def pages() -> Pages:
    """What visitors see."""
    return Pages(FOLDER)


def assets() -> dict[str, Asset]:
    """Every file that visitors' pages load, by name."""
    return pages().assets


def render(page: str, language: Language, **values: object) -> str:
    """Fill in a template that visitors see."""
    return pages().render(page, language, **values)
