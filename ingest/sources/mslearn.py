"""Microsoft Learn, by its public catalogue API (`https://learn.microsoft.com/api/catalog/`).

Options: `types`, a list (modules, learningPaths, courses and certifications if it is not set), and `locale` (`en-us`).
Each type is asked for by itself: all together are more than the client takes in one answer.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit, urlunsplit

from ingest.client import Client, Unreachable
from ingest.source import Found, Item, Source, Trouble

_USUAL = ["modules", "learningPaths", "courses", "certifications"]
_KNOWN = (*_USUAL, "appliedSkills", "mergedCertifications", "exams")
_CERTIFIED = frozenset({"certifications", "mergedCertifications", "exams"})
"""What ends with a certificate."""
_PRICED = _CERTIFIED | {"courses"}
"""What may cost money, which the catalogue does not tell: courses with a teacher are sold by partners."""
_MODES = {"modules": "online-self-paced", "learningPaths": "online-self-paced", "courses": "online-instructor-led"}
_PEOPLE = frozenset(
    {"student", "higher-ed-educator", "k-12-educator", "parent-guardian", "business-owner", "developer"}
)
"""Roles that are groups of people to us. The others are what somebody works on."""
_LOCALE = re.compile(r"[a-z]{2,3}(-[a-z0-9]{2,8})*", re.I)
_TRACKING = re.compile(r"wt\.mc_id|utm_\w+|ocid", re.I)


def items(source: Source, client: Client) -> Found:
    """The entries of the chosen types."""
    types, locale = _types(source), str(source.options.get("locale") or "en-us")
    if not _LOCALE.fullmatch(locale):
        raise Unreachable(f"{source.name}: the option `locale` is a code such as en-us, not “{locale[:40]}”")
    parts = urlsplit(source.location)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise Unreachable(f"{source.location}: expected an address such as https://learn.microsoft.com/api/catalog/")
    address = urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/") or "/api/catalog", "", "")) + "/"
    return (found for kind in types for found in _entries(source, client, address, kind, locale))


def _types(source: Source) -> list[str]:
    said = source.options.get("types") or _USUAL
    types = re.split(r"[,\s]+", said.strip(", ")) if isinstance(said, str) else said
    if not isinstance(types, list) or not all(isinstance(kind, str) and kind in _KNOWN for kind in types):
        raise Unreachable(f"{source.name}: set the option `types` to some of {', '.join(_KNOWN)}")
    return list(dict.fromkeys(types))


def _entries(source: Source, client: Client, address: str, kind: str, locale: str) -> Found:
    page = client.get(address, {"locale": locale, "type": kind})
    content = page.json()
    rows = content.get(kind) if isinstance(content, dict) else None
    if not isinstance(rows, list):
        raise Unreachable(f"{page.url}: no list “{kind}” in the answer; is this the catalogue API of Microsoft Learn?")
    for row in rows:
        yield _item(source, page.url, kind, locale, row)


def _item(source: Source, address: str, kind: str, locale: str, row: Any) -> Item | Trouble:
    if not isinstance(row, dict):
        return Trouble(f"{source.name} {kind}", f"“{str(row)[:60]}” is no entry")
    key, name = _text(row.get("uid")), _text(row.get("title"))
    if not key or not name:
        return Trouble(f"{source.name} {kind} {key}".rstrip(), f"“{name[:60]}” has no {'title' if key else 'uid'}")
    roles = _words(row, "roles")
    return Item(
        key=key,
        name=name,
        url=_page(address, _text(row.get("url"))),
        provider=source.provider or "Microsoft Learn",
        kind=source.kind,
        text=_text(row.get("summary")) or _text(row.get("subtitle")),
        teaches=_words(row, "skills"),
        tags=tuple(
            dict.fromkeys(
                _spaced(word)
                for word in (
                    *_words(row, "subjects"),
                    *_words(row, "products"),
                    *(role for role in roles if role not in _PEOPLE),
                )
            )
        ),
        languages=_words(row, "locales") or _words(row, "locale") or (locale,),
        audiences=tuple(_spaced(role) for role in roles if role in _PEOPLE),
        cost="" if kind in _PRICED else "free",
        modality=(_MODES[kind],) if kind in _MODES else (),
        level=_words(row, "levels"),
        certificate="yes" if kind in _CERTIFIED else "",
        related=_related(row),
    )


def _related(row: dict[str, Any]) -> tuple[str, ...]:
    """The modules of a path, and what helps to prepare for a course or a certification."""
    guide = [each.get("uid") for each in _list(row.get("study_guide")) if isinstance(each, dict)]
    return tuple(dict.fromkeys(uid for each in (*_list(row.get("modules")), *guide) if (uid := _text(each))))


def _page(address: str, said: str) -> str:
    """The whole address, without what only tells Microsoft where a visitor came from."""
    try:
        parts = urlsplit(urljoin(address, said))
    except ValueError:
        return ""
    kept = [(k, v) for k, v in parse_qsl(parts.query, keep_blank_values=True) if not _TRACKING.fullmatch(k)]
    return urlunsplit(parts._replace(query=urlencode(kept))) if said else ""


def _spaced(word: str) -> str:
    return word.replace("-", " ")


def _words(row: dict[str, Any], field: str) -> tuple[str, ...]:
    return tuple(text for each in _list(row.get(field)) if (text := _text(each)))


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _text(value: object) -> str:
    """A word; half an emoji, where a publisher has cut its text, and zero bytes can be kept nowhere."""
    return value.encode(errors="ignore").decode().replace("\0", "").strip() if isinstance(value, str) else ""
