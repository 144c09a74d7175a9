"""The form by which providers offer something for the catalogue, and change it later by a link."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import structlog
from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import HTMLResponse
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool

from bot import offering, submissions
from bot.cards import Cards
from bot.mail import MailError, is_address
from bot.offer_replies import OfferReplies
from bot.offering import PROVIDER, UNKNOWN, Senseless, read_record
from bot.pace import Pace
from bot.pages import render
from bot.referrals import mail
from bot.webchat import KEPT, LANGUAGE_COOKIE, Parts, language_of
from bot.webchat import _network as network_of
from channels import contract
from channels.contract import Forged
from channels.text import clean
from locales import LANGUAGES, Language, translations
from retrieval.records import Record
from store.source_tables import Revision
from store.tables import Record as Row

log = structlog.get_logger("join")

LONGEST_BODY = 32 * 1024
"""Bytes."""
MOST_FIELDS = 400
MOST_OF_NETWORK = 20
"""Forms of one network address in ten minutes, those with mistakes too: a school may stand behind it."""
MOST_MAILS = 3
"""Mails with a link to one address in an hour: it may be somebody else's."""
MOST_NAMED = 3
HEADERS = {"Vary": "Accept-Language, Cookie", "Referrer-Policy": "same-origin"}
"""Without a referrer browsers do not say which page a form is sent from."""


@dataclass(frozen=True, slots=True)
class Typed:
    """What stands in a form."""

    given: dict[str, str] = field(default_factory=dict)
    about: list[str] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)

    @property
    def email(self) -> str:
        """The address of who sends it; it need not be given."""
        return self.given.get("email", "").strip()


@dataclass(frozen=True, slots=True)
class Wrong:
    """Why a form is shown again."""

    problems: Sequence[str] = ()
    same: Sequence[Record] = ()
    """What may be the same."""
    status: int = 422


def routes(parts: Parts) -> APIRouter:
    """`/join`."""
    router, joining = APIRouter(include_in_schema=False), _Joining(parts)

    @router.api_route("/join", methods=["GET", "HEAD"])
    def empty(request: Request) -> Response:
        return joining.form(request, Typed())

    @router.post("/join")
    async def send(request: Request) -> Response:
        return await joining.take(request)

    @router.api_route("/join/{token}", methods=["GET", "HEAD"])
    def again(request: Request, token: str) -> Response:
        return joining.again(request, token)

    @router.post("/join/{token}")
    async def change(request: Request, token: str) -> Response:
        return await joining.take(request, token)

    return router


class _Joining:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._mail = mail(parts.settings)
        self._pace, self._mails = Pace(MOST_OF_NETWORK, 600), Pace(MOST_MAILS, 3600)

    def again(self, request: Request, token: str) -> Response:
        """The form with what was sent."""
        with self._parts.database.read() as session:
            revision, body = _sent(session, token)
        return self.form(request, _typed_before(body), revision)

    async def take(self, request: Request, token: str | None = None) -> Response:
        """Take what is sent, or say what is wrong with it."""
        body = await _body(request)
        try:
            self._parts.web.verify(contract.Request(str(request.url), body, dict(request.headers), {}))
        except Forged:
            raise HTTPException(403) from None
        typed = _typed(body)
        if seconds := self._pace.wait(network_of(request)):
            _ = translations(language_of(request).code).gettext
            wrong = Wrong([_("Too much is sent from your network. Please try again later.")], status=429)
            response = await run_in_threadpool(self.form, request, typed, None, wrong)
            response.headers["Retry-After"] = str(seconds)
            return response
        return await run_in_threadpool(self._keep, request, typed, token)

    def _keep(self, request: Request, typed: Typed, token: str | None) -> Response:
        language = language_of(request)
        with self._parts.database.read() as session:
            before, body = _sent(session, token) if token else (None, {})
            read = self._read(session, typed, language, before, body)
        if isinstance(read, Wrong):
            return self.form(request, typed, before, read)
        record, same = read
        sender: dict[str, Any] = {"language": language.code}
        if typed.email:
            sender["email_sealed"] = self._parts.vault.seal(typed.email)
        new = None if token else secrets.token_urlsafe(32)
        with self._parts.database.write() as session:
            if new:
                kept = submissions.submit(session, record, same, token_digest=submissions.digest(new), **sender)
            else:
                kept = submissions.change(session, _locked(session, token or ""), record, **sender)
        return self._done(request, kept.id, new, typed.email)

    def _read(
        self, session: Session, typed: Typed, language: Language, before: Revision | None, body: Mapping[str, Any]
    ) -> tuple[Record, submissions.Alike] | Wrong:
        """The record that was typed, and what it is said not to be."""
        _ = translations(language.code).gettext
        problems = [_("This is no e-mail address.")] if typed.email and not is_address(typed.email) else []
        problems += [_("Please leave this field empty.")] if typed.given.get("comment") else []
        key = before.record_id if before else submissions.TO_COME
        try:
            about: dict[str, Any] = {"groups": typed.groups, "record_id": key, "before": body}
            record = read_record(PROVIDER, typed.given, typed.about, language.code, **about)
        except Senseless as error:
            return Wrong([*error.problems, *problems])
        if problems:
            return Wrong(problems)
        others = {each.id: each for each in submissions.offered(session)} if not before else {}
        same = submissions.alike(record, others.values())
        if same and not typed.given.get("another"):
            return Wrong(same=[others[found] for found, _score in same[:MOST_NAMED]])
        return record, same

    def form(
        self, request: Request, typed: Typed, revision: Revision | None = None, wrong: Wrong | None = None
    ) -> Response:
        """The form, with what was typed and what is wrong with it."""
        language, wrong = language_of(request), wrong or Wrong(status=200)
        state = OfferReplies(language.code).offer_state(revision.id, revision.state) if revision else ""
        values = {"typed": typed, "given": typed.given, "wrong": wrong, "state": state, "days": submissions.KEPT.days}
        return _page(self._parts, request, "join.html", wrong.status, **values, **_choices(language))

    def _done(self, request: Request, number: int, token: str | None, email: str) -> Response:
        """What was sent is kept. `token`: of the new link, if it is one."""
        replies = OfferReplies(language_of(request).code)
        link = f"{self._parts.settings.public}/join/{token}" if token else ""
        mailed = bool(link and email and self._mail) and not self._mails.wait(email.casefold())
        response = _page(
            self._parts, request, "join_done.html", thanks=replies.offer_number(number), link=link, mailed=mailed
        )
        if mailed:  # after the answer: a mail server may be slow
            response.background = BackgroundTask(self._send, email, replies, number, link)
        return response

    def _send(self, email: str, replies: OfferReplies, number: int, link: str) -> None:
        """Mail the link. Nothing that was typed is in the mail: its reader may be somebody else."""
        if self._mail is None:
            return
        try:
            self._mail.send(email, replies.offer_subject(number), replies.offer_link(link), f"link-{number}")
        except MailError as error:
            log.warning("link.failed", revision=number, error=str(error))


async def _body(request: Request) -> bytes:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LONGEST_BODY:
            raise HTTPException(413)
    return body


def _typed(body: bytes) -> Typed:
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError:
        raise HTTPException(400) from None
    said = [(name, clean(value)) for name, value in pairs]
    several = {name: [value for key, value in said if key == name] for name in ("topics", "groups")}
    return Typed(dict(said), several["topics"], several["groups"])


def _find(token: str) -> Any:
    return select(Revision).where(Revision.token_digest == submissions.digest(token))


def _sent(session: Session, token: str) -> tuple[Revision, dict[str, Any]]:
    """What was sent with a link, and how it stands now. Raises `HTTPException` 404."""
    revision = session.scalars(_find(token)).first()
    if revision is None:
        raise HTTPException(404)
    row = session.get(Row, revision.record_id) if revision.state == "approved" else None
    return revision, dict(row.body if row else revision.body)


def _locked(session: Session, token: str) -> Revision:
    revision: Revision | None = session.scalars(_find(token).with_for_update()).first()
    if revision is None:
        raise HTTPException(404)
    return revision


def _typed_before(body: Mapping[str, Any]) -> Typed:
    """A record as it would be typed."""
    places = (body.get("eligibility") or {}).get("countries") or ()
    summaries = dict(body.get("summaries") or {})
    given = {name: str(body.get(name) or "") for name in ("kind", "name", "provider", "url")}
    given |= {name: (body.get(name) or [UNKNOWN])[0] for name in ("cost", "modality")}
    given |= {
        "certificate": str(body.get("certificate") or UNKNOWN),
        "summary": next((text for code, text in summaries.items() if code != "en"), summaries.get("en", "")),
        "teaches": "\n".join(body.get("teaches") or ()),
        "languages": ", ".join(body.get("languages") or ()),
        "countries": ", ".join(places),
    }
    groups = [group for group in body.get("audiences") or () if group != "everyone"]
    return Typed(given, list(body.get("topics") or ()), groups)


def _choices(language: Language) -> dict[str, Any]:
    """What can be chosen, each as pairs of a value and its name."""
    _, replies = translations(language.code).gettext, OfferReplies(language.code)
    cards = Cards(replies)
    unknown = (UNKNOWN, _("not known"))
    certificates = {"yes": _("yes"), "some": _("for some courses"), "paid": _("paid"), "no": _("no")}
    named = {"programme": _("Programme"), "resource": _("Resource"), "provider": _("Provider")}

    def called(found: Mapping[str, Any]) -> list[tuple[str, str]]:
        return _sorted((key, replies.concept(concept.gloss)) for key, concept in found.items())

    return {
        "kinds": [(kind, named[kind]) for kind in offering.KINDS],
        "topics": called(offering.topics()),
        "audiences": called(offering.audiences()),
        "costs": [unknown, *cards.costs().items()],
        "formats": [unknown, *cards.modalities().items()],
        "certificates": [unknown, *certificates.items()],
    }


def _sorted(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    return sorted(pairs, key=lambda pair: pair[1].casefold())


def _page(parts: Parts, request: Request, name: str, status: int = 200, **values: object) -> HTMLResponse:
    language, chosen = language_of(request), request.query_params.get("lang")
    values |= {"path": request.url.path, "query": f"?lang={chosen}" if chosen in LANGUAGES else ""}
    headers = {"Content-Language": language.code, **HEADERS}
    response = HTMLResponse(render(name, language, settings=parts.settings, **values), status, headers)
    if chosen in LANGUAGES:
        secure = parts.settings.public.startswith("https:")
        response.set_cookie(LANGUAGE_COOKIE, language.code, KEPT, secure=secure, httponly=True, samesite="strict")
    return response
