"""What machines read to follow the catalogue: a feed of changes, a map of the site, a word to robots."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from xml.etree.ElementTree import Element, SubElement, tostring

from bot.cards import Cards
from bot.entries import page_of
from bot.offers import Offer, Snapshot
from bot.replies import Replies
from bot.settings import Settings
from locales import Language, translations

LATEST = 100
"""Changes that the feed holds."""
MOST_OF_MAP = 50_000
"""Addresses that a map may have, by its standard (sitemaps.org)."""

_HIDDEN = ("/desk", "/channels/", "/metrics")
"""Where robots have no business."""


def newest(snapshot: Snapshot) -> list[Offer]:
    """What is offered, by its last change."""
    return sorted(snapshot.offers.values(), key=lambda offer: (offer.changed, offer.record.id), reverse=True)


def atom(snapshot: Snapshot, settings: Settings, language: Language) -> bytes:
    """The feed of changes (RFC 4287), newest first."""
    public, _ = settings.public, translations(language.code).gettext
    title = _("Changes in the catalogue")
    feed = Element("feed", {"xmlns": "http://www.w3.org/2005/Atom", "xml:lang": language.code})
    _add(feed, "id", f"{public}/catalogue.atom")
    _add(feed, "title", f"Dalil · {title}")
    _add(feed, "updated", _stamp(snapshot.changed))
    SubElement(feed, "link", rel="self", href=f"{public}/catalogue.atom")
    SubElement(feed, "link", rel="alternate", type="text/html", href=f"{public}/catalogue")
    _add(SubElement(feed, "author"), "name", settings.operator)
    cards = Cards(Replies(language.code))
    for offer in newest(snapshot)[:LATEST]:
        _entry(feed, offer, public, language, cards.checked)
    return _written(feed)


def _entry(feed: Element, offer: Offer, public: str, language: Language, checked: Callable[..., str]) -> None:
    record, page = offer.record, page_of(offer.record.id, public)
    summary = record.summaries.get(language.code) or record.summaries.get("en", "")
    entry = SubElement(feed, "entry")
    _add(entry, "id", page)
    _add(entry, "title", record.name_in(language.code))
    _add(entry, "updated", _stamp(offer.changed))
    SubElement(entry, "link", rel="alternate", type="text/html", href=page)
    SubElement(entry, "category", term=record.kind.value)
    _add(entry, "summary", f"{summary} ({checked(record)})")


def sitemap(snapshot: Snapshot, public: str) -> bytes:
    """The addresses that search engines may show."""
    root = Element("urlset", {"xmlns": "http://www.sitemaps.org/schemas/sitemap/0.9"})
    for path in ("/", "/catalogue"):
        _add(SubElement(root, "url"), "loc", f"{public}{path}")
    for offer in newest(snapshot)[: MOST_OF_MAP - 2]:
        place = SubElement(root, "url")
        _add(place, "loc", page_of(offer.record.id, public))
        _add(place, "lastmod", _stamp(offer.changed))
    return _written(root)


def robots(public: str) -> str:
    """What robots are asked, and where the map is."""
    lines = ["User-agent: *", *(f"Disallow: {path}" for path in _HIDDEN), "", f"Sitemap: {public}/sitemap.xml", ""]
    return "\n".join(lines)


def _add(parent: Element, tag: str, text: str) -> None:
    SubElement(parent, tag).text = text


def _stamp(moment: datetime) -> str:
    return moment.replace(microsecond=0).isoformat()


def _written(root: Element) -> bytes:
    return bytes(tostring(root, encoding="utf-8", xml_declaration=True))
