"""The catalogue as pages: small, without a script, in the reader's language."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import HTMLResponse
from pydantic import ValidationError

from bot.caching import Validators
from bot.cards import Cards
from bot.entries import entry
from bot.offers import Offer, Offers, Snapshot, Wanted
from bot.pages import render
from bot.replies import Replies
from bot.schema_org import facts
from bot.webchat import Parts, language_of
from locales import LANGUAGES, Language, translations
from retrieval.concepts import concepts
from retrieval.records import Kind

ON_PAGE = 20
"""Entries of a page of the list."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A record in a list."""

    id: str
    name: str
    kind: str
    provider: str
    terms: str
    checked: str


class View:
    """The words of the pages, in one language."""

    def __init__(self, language: Language) -> None:
        """`language`: that of the reader."""
        self._ = translations(language.code).gettext
        self._language = language
        self._replies = Replies(language.code)
        self._cards = Cards(self._replies)

    def kind(self, kind: Kind) -> str:
        """What a record is."""
        _ = self._
        return {
            Kind.PROVIDER: _("Provider"),
            Kind.PROGRAMME: _("Programme"),
            Kind.RESOURCE: _("Resource"),
            Kind.PRODUCT: _("Digital public good"),
            Kind.EXPERIENCE: _("Experience of a country"),
        }[kind]

    def short(self, offer: Offer) -> Shown:
        """A record in a list."""
        record = offer.record
        return Shown(
            record.id,
            record.name_in(self._language.code),
            self.kind(record.kind),
            record.provider,
            self._cards.terms(record),
            self._cards.checked(record),
        )

    def summary(self, offer: Offer) -> tuple[str, str]:
        """What it is, and the language in which that is said: the reader's, or English."""
        own = self._language.code
        code = own if own in offer.record.summaries else "en"
        return offer.record.summaries.get(code, ""), code

    def lines(self, offer: Offer) -> Iterator[str]:
        """Everything that a person needs to decide."""
        record, cards, _ = offer.record, self._cards, self._
        yield from cards.facts(record)
        if record.starts:
            yield _("Starts: {date}").format(date=self._replies.day(record.starts))
        if record.ends:
            yield _("Ends: {date}").format(date=self._replies.day(record.ends))
        if record.status == "unknown":
            yield _("Whether it still runs is not known: ask before you plan with it.")

    def origin(self, offer: Offer) -> str:
        """Who told us, under which licence, and when it was last checked."""
        record = offer.record
        source = self._("Source: {source}").format(source=self._replies.run(record.source))
        return " · ".join(part for part in (source, record.licence, self._cards.checked(record)) if part)

    def topics(self, offer: Offer) -> list[tuple[str, str]]:
        """Its topics with what they are called."""
        return [(topic, self.topic(topic)) for topic in offer.record.topics]

    def topic(self, topic: str) -> str:
        """What a topic is called."""
        return self._replies.concept(concepts()[topic].gloss)


def routes(parts: Parts, offers: Offers) -> APIRouter:
    """The list, and a page a record."""
    router, public = APIRouter(include_in_schema=False), parts.settings.public

    @router.api_route("/catalogue", methods=["GET", "HEAD"])
    def listing(request: Request) -> Response:
        wanted, number, snapshot = _wanted(request), _number(request), offers.now()
        chosen = wanted.choose(snapshot.offers.values())
        pages = max(1, -(-len(chosen) // ON_PAGE))
        if number > pages:
            raise HTTPException(404)
        shown = chosen[(number - 1) * ON_PAGE : number * ON_PAGE]
        return _page(parts, request, snapshot, lambda: _listing(request, wanted, shown, number, pages, public))

    @router.api_route("/catalogue/{record_id}", methods=["GET", "HEAD"])
    def record(request: Request, record_id: str) -> Response:
        snapshot = offers.now()
        offer = snapshot.offers.get(record_id)
        if offer is None:
            raise HTTPException(404)
        return _page(parts, request, snapshot, lambda: _record(request, offer, snapshot, public))

    return router


def _page(parts: Parts, request: Request, snapshot: Snapshot, make: Callable[[], str]) -> Response:
    language = language_of(request)
    known = Validators.of(snapshot.state, snapshot.changed, parts.settings.public, language.code)
    headers = known.headers() | {"Content-Language": language.code, "Vary": "Accept-Language, Cookie"}
    return Response(status_code=304, headers=headers) if known.same(request) else HTMLResponse(make(), headers=headers)


def _listing(request: Request, wanted: Wanted, shown: list[Offer], number: int, pages: int, public: str) -> str:
    language = language_of(request)
    view, said = View(language), wanted.said() | _chosen(request)
    turns = {page: f"/catalogue?{urlencode(said | {'page': page})}" for page in (number - 1, number + 1)}
    return render(
        "catalogue.html",
        language,
        path="/catalogue",
        public=public,
        query=_query(_chosen(request)),
        said={key: value for key, value in said.items() if key != "q"},
        q=wanted.q or "",
        topic=view.topic(wanted.topic) if wanted.topic else "",
        records=[view.short(offer) for offer in shown],
        number=number,
        pages=pages,
        before=turns[number - 1] if number > 1 else "",
        after=turns[number + 1] if number < pages else "",
    )


def _record(request: Request, offer: Offer, snapshot: Snapshot, public: str) -> str:
    language = language_of(request)
    view, record = View(language), offer.record
    summary, said_in = view.summary(offer)
    return render(
        "record.html",
        language,
        path=f"/catalogue/{record.id}",
        public=public,
        query=_query(_chosen(request)),
        record=record,
        name=record.name_in(language.code),
        kind=view.kind(record.kind),
        summary=summary,
        said_in=LANGUAGES[said_in],
        lines=list(view.lines(offer)),
        topics=view.topics(offer),
        related=[view.short(other) for other in snapshot.linked(record.id)],
        origin=view.origin(offer),
        facts=facts(entry(offer, public, snapshot.offers)),
    )


def _wanted(request: Request) -> Wanted:
    """The filters of an address. Raises `HTTPException` 404 for those that make no sense."""
    try:
        return Wanted.model_validate({name: request.query_params.get(name, "") for name in Wanted.model_fields})
    except ValidationError:
        raise HTTPException(404) from None


def _number(request: Request) -> int:
    text = request.query_params.get("page", "1")
    if not (text.isascii() and text.isdigit() and len(text) < 7 and int(text)):
        raise HTTPException(404)
    return int(text)


def _chosen(request: Request) -> dict[str, str]:
    """The language, if the address says it: then the addresses of this page say it too."""
    code = request.query_params.get("lang", "")
    return {"lang": code} if code in LANGUAGES else {}


def _query(said: Mapping[str, str]) -> str:
    return f"?{urlencode(said)}" if said else ""
