"""From answers to knowledge: what an officer learned becomes a record or words, once a lead approves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData

from bot.cards import Cards
from bot.offering import COSTS, FORMATS, KINDS, UNKNOWN, Senseless, officer, read_record, topics
from bot.replies import Replies
from channels.text import clean
from desk.access import Access, Visit, page, proven
from desk.named import Names
from desk.parts import Parts
from desk.proposing import LONGEST_WORDS, read_words
from desk.queue import Number
from ingest.load import publish
from locales import translations
from retrieval.vocabulary import languages
from store import catalogue, proposals, tickets
from store.desk_tables import Officer, Proposal
from store.tables import Ticket

LONGEST_REASON = 300


def routes(parts: Parts, access: Access) -> APIRouter:
    """`/desk/proposals`, and proposing from a chat."""
    router = APIRouter()
    _add_proposing(router, parts, access)

    @router.get("/proposals")
    def listed(visit: Visit = Depends(access.lead)) -> Response:  # noqa: B008
        with parts.database.read() as session:
            waiting, decided = proposals.waiting(session), proposals.decided(session)
            people = _names(session, [*waiting, *decided])
        shown: dict[str, Any] = {"waiting": waiting, "decided": decided, "people": people, **_vocabulary(visit)}
        return page(parts, visit, "proposals.html", longest=LONGEST_REASON, **shown)

    @router.post("/proposals/{number}")
    async def decide(request: Request, number: Number, visit: Visit = Depends(access.lead)) -> Response:  # noqa: B008
        await proven(request, visit)
        given = _typed(await request.form())
        reason = given.get("reason", "")[:LONGEST_REASON] or None
        await run_in_threadpool(_decide, parts, visit, number, given.get("decision", ""), reason)
        return RedirectResponse("/desk/proposals", 303)

    return router


def _add_proposing(router: APIRouter, parts: Parts, access: Access) -> None:
    @router.get("/chats/{number}/propose")
    def form(number: Number, visit: Visit = Depends(access.officer)) -> Response:  # noqa: B008
        return _form(parts, visit, number)

    @router.post("/chats/{number}/propose/record")
    async def record(request: Request, number: Number, visit: Visit = Depends(access.officer)) -> Response:  # noqa: B008
        await proven(request, visit)
        return await run_in_threadpool(_propose_record, parts, visit, number, await request.form())

    @router.post("/chats/{number}/propose/words")
    async def words(request: Request, number: Number, visit: Visit = Depends(access.officer)) -> Response:  # noqa: B008
        await proven(request, visit)
        return await run_in_threadpool(_propose_words, parts, visit, number, await request.form())


def _typed(form: FormData) -> dict[str, str]:
    return {key: clean(value) for key, value in form.items() if isinstance(value, str)}


def _form(
    parts: Parts,
    visit: Visit,
    number: int,
    problems: Sequence[str] = (),
    given: Mapping[str, str] | None = None,
    about: Sequence[str] = (),
) -> Response:
    """The page on which an officer proposes. `given` and `about`: what was typed and chosen, if that has `problems`."""
    with parts.database.read() as session:
        ticket = session.get(Ticket, number)
        if ticket is None:
            raise HTTPException(404)
        before = proposals.of_ticket(session, number)
        people = _names(session, before)
    typed = {"language": ticket.language, **(given or {})}
    shown: dict[str, Any] = {"given": typed, "about": about, "before": before, "people": people, **_choices(visit)}
    status = 422 if problems else 200
    return page(parts, visit, "propose.html", status, number=number, problems=problems, **shown, **_vocabulary(visit))


def _choices(visit: Visit) -> dict[str, Any]:
    """What can be chosen, each as pairs of a value and its name."""
    shown, names = _vocabulary(visit), Names(visit.language.code)
    costs, formats = ({UNKNOWN: shown["unknown"], **shown[name]} for name in ("costs", "formats"))
    return {
        "kinds_to_choose": [(each, shown["kinds"][each]) for each in KINDS],
        "topics": _sorted((key, names.topic(key)) for key in topics()),
        "costs_to_choose": [(each, costs[each]) for each in (UNKNOWN, *COSTS)],
        "formats_to_choose": [(each, formats[each]) for each in (UNKNOWN, *FORMATS)],
        "spoken": _sorted((each, names.language(each)) for each in languages()),
        "longest_words": LONGEST_WORDS,
    }


def _vocabulary(visit: Visit) -> dict[str, Any]:
    """What codes are called in the officer's language."""
    _ = translations(visit.language.code).gettext
    cards = Cards(Replies(visit.language.code))
    kinds = {"programme": _("Programme"), "resource": _("Resource"), "provider": _("Provider")}
    words = {"costs": cards.costs(), "formats": cards.modalities(), "kinds": kinds, "unknown": _("not known")}
    return {"names": Names(visit.language.code), **words}


def _sorted(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    return sorted(pairs, key=lambda pair: pair[1].casefold())


def _propose_record(parts: Parts, visit: Visit, number: int, form: FormData) -> Response:
    given, about = _typed(form), [str(topic) for topic in form.getlist("topics")]
    try:
        record = read_record(officer(number), given, about, visit.language.code)
    except Senseless as error:
        return _form(parts, visit, number, error.problems, given, about)
    with parts.database.write() as session:
        if is_new := not catalogue.offers(session, record.id):
            _propose(session, visit, number, proposals.RECORD, record.model_dump(mode="json"), record.id)
    if not is_new:
        return _form(parts, visit, number, [_is_there(visit)], given, about)
    return RedirectResponse(f"/desk/chats/{number}", 303)


def _propose_words(parts: Parts, visit: Visit, number: int, form: FormData) -> Response:
    given = _typed(form)
    try:
        body = read_words(given, visit.language.code)
    except Senseless as error:
        return _form(parts, visit, number, error.problems, given)
    with parts.database.write() as session:
        # The words stay out of the audit log: they may be the person's own, who can have them erased.
        _propose(session, visit, number, proposals.WORDS, body, f"{body['language']} {body['concept']}")
    return RedirectResponse(f"/desk/chats/{number}", 303)


def _propose(session: Session, visit: Visit, number: int, kind: str, body: dict[str, Any], about: str) -> None:
    if session.get(Ticket, number) is None:
        raise HTTPException(404)
    made = proposals.propose(session, kind, body, number, visit.officer.id)
    tickets.note(session, visit.officer.login, f"proposal.{kind}", f"{made} {about}")


def _decide(parts: Parts, visit: Visit, number: int, decision: str, reason: str | None) -> None:
    _ = translations(visit.language.code).gettext
    if decision not in {"approve", "refuse", "withdraw"}:
        raise HTTPException(422)
    try:
        with parts.database.write() as session:
            proposal = _decided(session, number, visit.officer.id, decision, reason)
            if proposal is None:
                raise HTTPException(409, _("This proposal is decided already, or was never there."))
            if proposal.kind == proposals.RECORD and decision == "approve":
                _keep(session, visit, proposal)
            elif proposal.kind == proposals.RECORD and decision == "withdraw":
                catalogue.withdraw(session, str(proposal.body["id"]))
            tickets.note(session, visit.officer.login, f"proposal.{decision}", f"{number} {proposal.kind}")
    except IntegrityError:  # two of one name are approved at the same moment
        raise HTTPException(409, _is_there(visit)) from None


def _decided(session: Session, number: int, lead: int, decision: str, reason: str | None) -> Proposal | None:
    if decision == "withdraw":
        return proposals.withdraw(session, number, lead, reason)
    return proposals.decide(session, number, lead, approve=decision == "approve", reason=reason)


def _keep(session: Session, visit: Visit, proposal: Proposal) -> None:
    """Put a proposed record into the catalogue; one that has come under its id meanwhile is not overwritten."""
    if catalogue.offers(session, str(proposal.body["id"])):
        raise HTTPException(409, _is_there(visit))
    publish(session, proposal.body, visit.officer.login)


def _is_there(visit: Visit) -> str:
    return translations(visit.language.code).gettext("There is a record of this name already.")


def _names(session: Session, listed: Iterable[Proposal]) -> dict[int, str]:
    wanted = {key for each in listed for key in (each.proposed_by, each.decided_by) if key}
    found = (session.get(Officer, key) for key in wanted)
    return {officer.id: officer.name for officer in found if officer}
