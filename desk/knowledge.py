"""From answers to knowledge: what an officer learned becomes a record or words, once a lead approves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from fastapi import APIRouter, Depends, Form, HTTPException, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import ValidationError
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData

from channels.text import clean
from desk.access import Access, Visit, page, proven
from desk.parts import Parts
from ingest.load import keep
from locales import translations
from retrieval.concepts import Facet, concepts
from retrieval.records import Record
from retrieval.vocabulary import languages
from retrieval.words import words
from store import proposals, tickets
from store.desk_tables import Officer, Proposal
from store.tables import Record as Row
from store.tables import Ticket

KINDS = ("programme", "resource", "provider")
COSTS = ("unknown", "free", "free-audit", "freemium", "paid", "varies")
FORMATS = (
    "unknown",
    "online-self-paced",
    "online-instructor-led",
    "blended",
    "in-person",
    "offline",
    "toolkit",
    "advisory",
)
GOOD_FOR = timedelta(days=180)
"""After which an approved record is to be looked at again."""


def routes(parts: Parts, access: Access) -> APIRouter:
    """`/desk/proposals`, and proposing from a chat."""
    router = APIRouter()

    @router.get("/chats/{number}/propose")
    def form(number: int, visit: Visit = Depends(access.officer)) -> Response:  # noqa: B008
        return _form(parts, visit, number)

    @router.post("/chats/{number}/propose/record")
    async def propose_record(request: Request, number: int, visit: Visit = Depends(access.officer)) -> Response:  # noqa: B008
        await proven(request, visit)
        return await run_in_threadpool(_propose_record, parts, visit, number, await request.form())

    @router.post("/chats/{number}/propose/words")
    async def propose_words(
        request: Request,
        number: int,
        language: str = Form(),
        concept: str = Form(),
        said: str = Form(max_length=80),
        visit: Visit = Depends(access.officer),  # noqa: B008
    ) -> Response:
        await proven(request, visit)
        return await run_in_threadpool(_propose_words, parts, visit, number, language, concept, said)

    @router.get("/proposals")
    def listed(visit: Visit = Depends(access.lead)) -> Response:  # noqa: B008
        with parts.database.read() as session:
            waiting = proposals.listed(session, "open")
            decided = [*proposals.listed(session, "approved", 50), *proposals.listed(session, "refused", 50)]
            people = _names(session, [*waiting, *decided])
        glosses = {key: concept.gloss for key, concept in concepts().items()}
        return page(parts, visit, "proposals.html", waiting=waiting, decided=decided, people=people, glosses=glosses)

    @router.post("/proposals/{number}")
    async def decide(
        request: Request,
        number: int,
        decision: str = Form(),
        reason: str = Form("", max_length=300),
        visit: Visit = Depends(access.lead),  # noqa: B008
    ) -> Response:
        await proven(request, visit)
        await run_in_threadpool(_decide, parts, visit, number, decision == "approve", clean(reason) or None)
        return RedirectResponse("/desk/proposals", 303)

    return router


def _form(
    parts: Parts, visit: Visit, number: int, problems: tuple[str, ...] = (), given: dict[str, str] | None = None
) -> Response:
    with parts.database.read() as session:
        ticket = session.get(Ticket, number)
        if ticket is None:
            raise HTTPException(404)
        language = ticket.language
    topics = sorted((c.gloss, c.id) for c in concepts().values() if c.facet is Facet.TOPIC)
    choices: dict[str, Any] = {"topics": topics, "kinds": KINDS, "costs": COSTS, "formats": FORMATS}
    values = {"number": number, "problems": problems, "given": given or {}, "spoken": languages(), **choices}
    return page(parts, visit, "propose.html", 422 if problems else 200, language_of_person=language, **values)


def _propose_record(parts: Parts, visit: Visit, number: int, form: FormData) -> Response:
    given = {key: clean(value) for key, value in form.items() if isinstance(value, str)}
    body = _body(number, given, [str(topic) for topic in form.getlist("topics")])
    try:
        record = Record.model_validate(body)
    except ValidationError as error:
        problems = tuple(f"{'.'.join(str(part) for part in e['loc']) or 'record'}: {e['msg']}" for e in error.errors())
        return _form(parts, visit, number, problems, given)
    with parts.database.write() as session:
        if session.get(Row, record.id) is not None:
            _ = translations(visit.language.code).gettext
            return _form(parts, visit, number, (_("There is a record of this name already."),), given)
        kept = record.model_dump(mode="json", exclude_none=False)
        made = proposals.propose(session, proposals.RECORD, kept, number, visit.officer.id)
        tickets.note(session, visit.officer.login, "proposal.record", f"{made} {record.id}")
    return RedirectResponse(f"/desk/chats/{number}", 303)


def _body(number: int, given: dict[str, str], topics: list[str]) -> dict[str, Any]:
    """A record of what was typed; what was left empty is unknown."""
    name = given.get("name", "")
    known = concepts()
    areas = dict.fromkeys(known[topic].area for topic in topics if topic in known and known[topic].area)
    return {
        "id": "-".join(words(name))[:70].strip("-") or "unnamed",
        "kind": given.get("kind"),
        "name": name,
        "provider": given.get("provider"),
        "summaries": {"en": given.get("summary")},
        "teaches": [line.strip() for line in given.get("teaches", "").splitlines() if line.strip()],
        "topics": topics,
        "focus_areas": list(areas),
        "audiences": ["everyone"],
        "eligibility": {"countries": _list(given.get("countries", "")) or "unknown", "groups": ["everyone"]},
        "regions": _list(given.get("countries", "")) or ["GLOBAL"],
        "languages": [code.lower() for code in _list(given.get("languages", ""))] or "unknown",
        "modality": "unknown" if given.get("modality") == "unknown" else [given.get("modality")],
        "cost": "unknown" if given.get("cost") == "unknown" else [given.get("cost")],
        "certificate": "unknown",
        "url": given.get("url") or "unknown",
        "status": "presumed-active",
        "source": f"officer, request {number}",
        "evidence": given.get("url") or f"request {number}",
        "confidence": "medium",
    }


def _list(text: str) -> list[str]:
    return [part.strip().upper() for part in text.replace(";", ",").split(",") if part.strip()]


def _propose_words(parts: Parts, visit: Visit, number: int, language: str, concept: str, said: str) -> Response:
    said = clean(said)
    if language not in languages() or concept not in concepts() or not words(said) or "\n" in said:
        _ = translations(visit.language.code).gettext
        return _form(
            parts, visit, number, (_("Choose a language and a topic, and write the words as people say them."),)
        )
    with parts.database.write() as session:
        body = {"language": language, "concept": concept, "words": said}
        made = proposals.propose(session, proposals.WORDS, body, number, visit.officer.id)
        tickets.note(session, visit.officer.login, "proposal.words", f"{made} {language} {concept}")
    return RedirectResponse(f"/desk/chats/{number}", 303)


def _decide(parts: Parts, visit: Visit, number: int, approve: bool, reason: str | None) -> None:
    with parts.database.write() as session:
        proposal = proposals.decide(session, number, visit.officer.id, approve=approve, reason=reason)
        if proposal is None:
            raise HTTPException(409)
        if approve and proposal.kind == proposals.RECORD:
            today = datetime.now(UTC).date()
            dates = {"checked": today.isoformat(), "review_by": (today + GOOD_FOR).isoformat()}
            record = Record.model_validate({**proposal.body, **dates})
            keep(session, record)
            session.get_one(Row, record.id).checked_by = visit.officer.login
        decision = "approve" if approve else "refuse"
        tickets.note(session, visit.officer.login, f"proposal.{decision}", f"{number} {proposal.kind}")


def _names(session: Session, listed: list[Proposal]) -> dict[int, str]:
    wanted = {each.proposed_by for each in listed} | {each.decided_by for each in listed}
    found = (session.get(Officer, key) for key in wanted if key)
    return {officer.id: officer.name for officer in found if officer}
