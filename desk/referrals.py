"""Referrals: who was asked, who said yes, the addresses that providers have confirmed; and the providers' own page."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Form, HTTPException, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from sqlalchemy import select
from sqlalchemy.orm import Session

from bot import referrals
from bot.mail import MailError
from bot.pages import Pages
from desk.access import Access, Visit, page, proven
from desk.parts import Parts
from desk.queue import Number
from locales import Language, negotiate, translations
from store import tickets
from store.catalogue import names
from store.desk_tables import Referral, ReferralAddress
from store.tables import Record as Row
from store.tables import Ticket, now

LATEST = 200
LONGEST_TEXT = 600
"""Characters that are passed on. Whoever is asked sees them on a phone, above two buttons: WhatsApp takes these only
below 1024 UTF-16 units, and the question and the provider's name are among them."""


def routes(parts: Parts, access: Access) -> APIRouter:
    """`/desk/referrals`, and passing a request on from its chat."""
    router = APIRouter()

    @router.get("/referrals")
    def listed(visit: Visit = Depends(access.lead)) -> Response:  # noqa: B008
        with parts.database.read() as session:
            rows = session.scalars(select(Referral).order_by(Referral.id.desc()).limit(LATEST)).all()
            addresses = session.scalars(select(ReferralAddress).order_by(ReferralAddress.record_id)).all()
            known = names(session)
        mail = parts.settings.smtp_url is not None
        return page(parts, visit, "referrals.html", rows=rows, addresses=addresses, names=known, mail=mail)

    @router.post("/referrals/addresses")
    async def enter(
        request: Request,
        record: str = Form(),
        address: str = Form(),
        visit: Visit = Depends(access.lead),  # noqa: B008
    ) -> Response:
        await proven(request, visit)
        return _enter(parts, visit, record, address)

    @router.post("/chats/{number}/refer")
    async def refer(
        request: Request,
        number: Number,
        record: str = Form(),
        text: str = Form(max_length=LONGEST_TEXT),
        visit: Visit = Depends(access.officer),  # noqa: B008
    ) -> Response:
        await proven(request, visit)
        _ask(parts, visit, number, record, text)
        return RedirectResponse(f"/desk/chats/{number}", 303)

    return router


def _enter(parts: Parts, visit: Visit, record: str, address: str) -> Response:
    _ = translations(visit.language.code).gettext
    with parts.database.read() as session:
        if record not in names(session):
            raise HTTPException(404)
    try:
        parts.referrals.enter_address(record, address, visit.officer)
    except ValueError:
        raise HTTPException(422, _("This is no e-mail address.")) from None
    except MailError:
        raise HTTPException(
            502, _("The address is kept, but the mail for its confirmation could not be sent. Look at DALIL_SMTP_URL.")
        ) from None
    return RedirectResponse("/desk/referrals", 303)


def _ask(parts: Parts, visit: Visit, number: int, record: str, text: str) -> None:
    with parts.database.write() as session:
        ticket = session.get(Ticket, number, with_for_update=True)
        if ticket is None or ticket.state != "open" or ticket.officer_id != visit.officer.id:
            raise HTTPException(409)
        name = names(session).get(record)
        if name is None:
            raise HTTPException(404)
        try:
            referrals.ask(session, parts.limits, ticket, visit.officer, record, name, text)
        except ValueError:
            raise HTTPException(422) from None
        ticket.changed_at = now()
    parts.said.set()


def of_ticket(session: Session, number: int) -> list[Referral]:
    """The referrals of a ticket, the newest first: for its chat page."""
    return list(session.scalars(select(Referral).where(Referral.ticket_id == number).order_by(Referral.id.desc())))


def takers(session: Session) -> list[tuple[str, str]]:
    """Id and name of the records whose providers take requests, by name."""
    query = select(Row.id, Row.body).join(ReferralAddress, ReferralAddress.record_id == Row.id)
    query = query.where(ReferralAddress.confirmed_at.is_not(None), Row.withdrawn_at.is_(None))
    found = [(key, str(body.get("name", key))) for key, body in session.execute(query)]
    return sorted(found, key=lambda pair: pair[1].casefold())


def public_routes(parts: Parts) -> APIRouter:
    """What providers open from a mail: `/providers/…`. The link is the proof; nothing else is asked of them."""
    router = APIRouter(prefix="/providers")

    @router.get("/referral/{token}")
    def read(request: Request, token: str) -> Response:
        with parts.database.write() as session:
            link = referrals.follow(session, referrals.REFERRAL, token)
            referral = session.get(Referral, int(link.subject)) if link else None
        if referral is None:
            return _gone(parts, request)
        return _show(parts, request, "provider.html", referral=referral, token=token)

    @router.post("/referral/{token}")
    def reply(request: Request, token: str, answer: str = Form(), text: str = Form("", max_length=4000)) -> Response:
        with parts.database.write() as session:
            link = referrals.follow(session, referrals.REFERRAL, token)
            try:
                referral = referrals.answer(session, link, answer, text) if link else None
            except ValueError:
                raise HTTPException(422) from None
        parts.said.set()
        return _show(parts, request, "provider_done.html", confirmed=False) if referral else _gone(parts, request)

    @router.get("/address/{token}")
    def ask(request: Request, token: str) -> Response:
        with parts.database.write() as session:
            good = referrals.follow(session, referrals.ADDRESS, token) is not None
        return _show(parts, request, "provider_address.html", token=token) if good else _gone(parts, request)

    @router.post("/address/{token}")
    def confirm(request: Request, token: str) -> Response:
        with parts.database.write() as session:
            link = referrals.follow(session, referrals.ADDRESS, token)
            kept = session.get(ReferralAddress, link.subject, with_for_update=True) if link else None
            if link is not None and kept is not None:
                link.used_at = kept.confirmed_at = now()
                tickets.note(session, f"provider {kept.record_id}", "referral.confirm", kept.record_id)
        return _show(parts, request, "provider_done.html", confirmed=True) if kept else _gone(parts, request)

    return router


def _gone(parts: Parts, request: Request) -> Response:
    return _show(parts, request, "provider_gone.html", 410)


def _show(parts: Parts, request: Request, name: str, status: int = 200, **values: object) -> Response:
    language = _language(request)
    pages: Pages = parts.pages
    values |= {"settings": parts.settings, "path": request.url.path}
    return HTMLResponse(pages.render(name, language, **values), status)


def _language(request: Request) -> Language:
    return negotiate(request.headers.get("accept-language", ""))
