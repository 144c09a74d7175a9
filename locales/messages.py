"""The translators' files: `update` brings them up to date with the code, `check` fails if a language is incomplete.

`begin ur` starts the file of a language that is understood and not written yet.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from babel import Locale
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from locales import DEFAULT, DESK, DOMAIN, FOLDER, LANGUAGES, UNDERSTOOD

ROOT = FOLDER.parent
METHODS = {
    DOMAIN: [("bot/**.py", "python"), ("bot/pages/**.html", "jinja2")],
    DESK: [("desk/**.py", "python"), ("desk/pages/**.html", "jinja2")],
}
OWN_METHODS = [("bot/own_words.py", "python")]
"""Where the sentences are that must be there in `UNDERSTOOD` too, of which the rest may be missing."""
KEYWORDS = {"_": None, "_n": (1, 2), "gettext": None, "ngettext": (1, 2)}
EVERY = {**LANGUAGES, **UNDERSTOOD}
SHOWN_FACETS = ("topic", "audience", "level")
"""Facets of concepts whose glosses people read, as reasons and topics to choose from."""
_SEVERAL = 4
"""Languages from which it is no accident that they say the same."""
NOT_REVIEWED = "No native speaker has reviewed this translation yet."


def template(domain: str = DOMAIN) -> Catalog:
    """Every sentence that people (or, in the desk's domain, only officers) can read, from the code and the pages."""
    catalog = _extracted(METHODS[domain])
    if domain == DOMAIN:
        for gloss in _glosses():
            catalog.add(gloss)
        return catalog
    for said in [message.id for message in template() if message.id and message.id in catalog]:
        catalog.delete(said)  # the desk says it in the same words
    return catalog


def _extracted(methods: list[tuple[str, str]]) -> Catalog:
    catalog = Catalog(project="Dalil", copyright_holder="the Dalil founders", charset="utf-8", fuzzy=False)
    found = extract_from_dir(str(ROOT), methods, {}, KEYWORDS, directory_filter=_ours)
    for _file, _line, message, comments, context in found:
        catalog.add(message, auto_comments=comments, context=context)
    return catalog


def _ours(folder: str) -> bool:
    relative = Path(folder).relative_to(ROOT) if Path(folder).is_absolute() else Path(folder)
    return not relative.parts or relative.parts[0] in {"bot", "desk"}


def _glosses() -> Iterator[str]:
    import yaml

    named = Locale("en").territories  # CLDR has these in every language
    entries = yaml.safe_load((ROOT / "retrieval/vocabulary/concepts.yaml").read_text(encoding="utf-8"))
    yield from (entry["gloss"] for entry in entries.values() if entry["facet"] in SHOWN_FACETS)
    regions = yaml.safe_load((ROOT / "retrieval/vocabulary/regions.yaml").read_text(encoding="utf-8"))
    yield from (region["name"] for key, region in regions.items() if region.get("code", key) not in named)


def path_of(code: str, domain: str = DOMAIN) -> Path:
    """The file of a language."""
    return FOLDER / code / "LC_MESSAGES" / f"{domain}.po"


def read(code: str, domain: str = DOMAIN) -> Catalog:
    """The catalogue of a language; an empty one if there is no file yet."""
    path = path_of(code, domain)
    if path.exists():
        with path.open("rb") as file:
            catalog = read_po(file, locale=code, domain=domain)
    else:
        catalog = Catalog(locale=code, domain=domain, project="Dalil", fuzzy=False)
        catalog.header_comment = f"# Dalil in {EVERY[code].name}.\n# Reviewed by: nobody. {NOT_REVIEWED}"
    count, _, rule = EVERY[code].plural.partition(";")
    # Babel has rules of its own, and none for some of our languages; it offers no public way to set them.
    vars(catalog).update(
        _num_plurals=int(count.split("=")[1]), _plural_expr=rule.strip().removeprefix("plural=").rstrip(";")
    )
    return catalog


def update() -> None:
    """Add new sentences to every file and drop those that are gone; nothing is guessed."""
    for domain in METHODS:
        source = template(domain)
        for code in LANGUAGES:
            if code != DEFAULT:
                _update(code, source, domain)
    whole, own = template(), _extracted(OWN_METHODS)
    for code in UNDERSTOOD:
        _update(code, whole if len(read(code)) > len(own) else own, DOMAIN)  # more only once it was begun


def begin(code: str) -> None:
    """Put every sentence into the file of a language of `UNDERSTOOD`, for translators to go on with."""
    _update(code, template(), DOMAIN)


def _update(code: str, source: Catalog, domain: str) -> None:
    catalog = read(code, domain)
    catalog.update(source, no_fuzzy_matching=True, update_creation_date=False)
    catalog.obsolete.clear()
    write(code, catalog, domain)


def write(code: str, catalog: Catalog, domain: str = DOMAIN) -> None:
    """Write the file of a language, as translators and `git diff` like it."""
    out = BytesIO()
    write_po(out, catalog, width=110, omit_header=False, no_location=True, sort_output=False)
    path_of(code, domain).parent.mkdir(parents=True, exist_ok=True)
    path_of(code, domain).write_bytes(out.getvalue())


def missing(code: str, source: Catalog, domain: str = DOMAIN) -> list[str]:
    """The sentences that a language does not have yet."""
    given = {m.id: m for m in read(code, domain) if m.id}
    return [f"{code}: missing: {m.id!r}" for m in source if m.id and not (m.id in given and _translated(given[m.id]))]


def faults(code: str, source: Catalog, domain: str = DOMAIN) -> list[str]:
    """What is wrong with a language's sentences: those that are left over, or have lost a placeholder."""
    wanted, given = {m.id for m in source if m.id}, {m.id: m for m in read(code, domain) if m.id}
    found = [f"{code}: no longer used: {key!r}" for key in given if key not in wanted]
    for message in given.values():
        found += [f"{code}: {message.id!r}: placeholder {p} is lost" for p in _lost(message)]
    return found


def copied(domain: str = DOMAIN) -> list[str]:
    """Sentences that read the same in several languages and not as in English: one was copied into the others."""
    said: dict[tuple[str, str], list[str]] = {}
    for code in LANGUAGES:
        for message in read(code, domain) if code != DEFAULT else ():
            if isinstance(message.id, str) and isinstance(message.string, str) and message.string != message.id:
                said.setdefault((message.id, message.string), []).append(code)
    told = {each: codes for each, codes in said.items() if each[0] and len(codes) >= _SEVERAL}
    return [
        f"{', '.join(codes)}: {key!r} reads the same: {string!r}" for (key, string), codes in told.items() if string
    ]


def understood() -> list[str]:
    """What is wrong with the languages that are understood and not written yet."""
    source, own = template(), _extracted(OWN_METHODS)
    found = [fault for code in UNDERSTOOD for fault in (*faults(code, source), *missing(code, own))]
    complete = [code for code in UNDERSTOOD if not missing(code, source)]
    return found + [f"{code}: complete: move it to LANGUAGES, so that it is written" for code in complete]


def _translated(message: Message) -> bool:
    strings = message.string if isinstance(message.string, (tuple, list)) else (message.string,)
    return all(strings) and not message.fuzzy


def _lost(message: Message) -> set[str]:
    from string import Formatter

    def fields(text: str) -> set[str]:
        return {f"{{{name}}}" for _, name, _, _ in Formatter().parse(text) if name}

    ids = message.id if isinstance(message.id, (tuple, list)) else (message.id,)
    strings = message.string if isinstance(message.string, (tuple, list)) else (message.string,)
    needed = fields(ids[-1])
    # A plural form for one may leave the number out; the last form, used for many, may not.
    return needed - fields(strings[-1]) if strings[-1] else set()


def check() -> int:
    """Print what is wrong; the number of faults. What people read must be there in every language.

    What only officers read may still be missing (they see it in English then), and is counted.
    """
    found: list[str] = []
    for domain in METHODS:
        source = template(domain)
        others = [code for code in LANGUAGES if code != DEFAULT]
        found += [fault for code in others for fault in faults(code, source, domain)]
        gaps = {code: missing(code, source, domain) for code in others}
        found += [gap for code in others for gap in gaps[code] if domain == DOMAIN]
        found += copied(domain)
        left = ", ".join(f"{code} {len(gaps[code])}" for code in others if gaps[code]) or "nothing"
        print(f"{domain}: {len(source)} sentences, {len(LANGUAGES)} languages; missing: {left}")
    found += understood()
    for fault in found[:50]:
        print(fault)
    print(f"{len(found)} faults")
    return len(found)


if __name__ == "__main__":
    if sys.argv[1:] == ["update"]:
        update()
    elif sys.argv[1:2] == ["begin"] and set(sys.argv[2:]) <= UNDERSTOOD.keys():
        for code in sys.argv[2:]:
            begin(code)
    elif check():
        sys.exit(1)
