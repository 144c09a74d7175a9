"""The officers: administrators add and change them, leads see who there is."""

from __future__ import annotations

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData

from bot.settings import Settings
from desk import duties
from desk.access import ROLES, Access, Visit, page, proven
from desk.named import Names
from desk.parts import Parts
from desk.sign_in import login_and_name, password_link
from locales import LANGUAGES, Language, translations
from store import officers, tickets
from store.desk_tables import Officer


def role_names(language: Language) -> dict[str, str]:
    """The roles in words."""
    _ = translations(language.code).gettext
    return {"officer": _("Officer"), "lead": _("Lead"), "administrator": _("Administrator")}


def routes(parts: Parts, access: Access) -> APIRouter:
    """The list, and a page for each."""
    router = APIRouter(prefix="/officers")

    @router.get("")
    def show_all(visit: Visit = Depends(access.lead)) -> Response:  # noqa: B008
        return _list(parts, visit)

    @router.post("")
    async def add(request: Request, visit: Visit = Depends(access.administrator)) -> Response:  # noqa: B008
        await proven(request, visit)
        return await run_in_threadpool(_add, parts, visit, await request.form())

    @router.get("/{number}")
    def show(number: int, visit: Visit = Depends(access.administrator)) -> Response:  # noqa: B008
        with parts.database.read() as session:
            return _one(parts, visit, _found(session, number))

    @router.post("/{number}")
    async def change(request: Request, number: int, visit: Visit = Depends(access.administrator)) -> Response:  # noqa: B008
        await proven(request, visit)
        return await run_in_threadpool(_change, parts, visit, number, await request.form())

    @router.post("/{number}/link")
    async def new_link(request: Request, number: int, visit: Visit = Depends(access.administrator)) -> Response:  # noqa: B008
        await proven(request, visit)
        return await run_in_threadpool(_new_link, parts, visit, number, await request.form())

    return router


def _list(parts: Parts, visit: Visit, status: int = 200, **values: object) -> Response:
    with parts.database.read() as session:
        found = officers.listed(session)
    names, roles = Names(visit.language.code), role_names(visit.language)
    shown = {"officers": found, "names": names, "roles": roles, "words": "", "given": {}, "link": None} | values
    return page(parts, visit, "officers.html", status, **shown)


def _one(
    parts: Parts, visit: Visit, officer: Officer, status: int = 200, words: str = "", link: str | None = None
) -> Response:
    offered, roles = duties.choices(visit.language.code), role_names(visit.language)
    shown = {"officer": officer, "choices": offered, "roles": roles, "words": words, "link": link}
    return page(parts, visit, "officer.html", status, **shown)


def _found(session: Session, number: int) -> Officer:
    officer = session.get(Officer, number) if 0 < number < 2**31 else None
    if officer is None:
        raise HTTPException(404)
    return officer


def _add(parts: Parts, visit: Visit, form: FormData) -> Response:
    _ = translations(visit.language.code).gettext
    given = {name: str(form.get(name, ""))[:80] for name in ("login", "name", "role", "language")}
    try:
        login, name = login_and_name(given["login"], given["name"], visit.language)
        if given["role"] not in ROLES or given["language"] not in LANGUAGES:
            raise ValueError(_("Please choose a role and a language."))
        with parts.database.write() as session:
            _still_administrator(session, visit)
            officer, link = create(parts.settings, session, login, name, given["role"], given["language"])
            tickets.note(session, visit.officer.login, "officer.add", f"{login} {officer.role}")
    except Known:
        return _list(parts, visit, 409, words=_("There is an officer with this sign-in name already."), given=given)
    except ValueError as error:
        return _list(parts, visit, 422, words=str(error), given=given)
    return _one(parts, visit, officer, link=link)


class Known(Exception):
    """There is an officer with that sign-in name."""


def create(
    settings: Settings, session: Session, login: str, name: str, role: str, language: str
) -> tuple[Officer, str]:
    """A new officer, and the link with which they set their password. Raises `Known`."""
    if officers.by_login(session, login):
        raise Known(login)
    officer = Officer(login=login, name=name, role=role, language=language, languages=[language])
    session.add(officer)
    session.flush()
    return officer, password_link(settings, session, officer)


def _change(parts: Parts, visit: Visit, number: int, form: FormData) -> Response:
    with parts.database.read() as session:
        present = _found(session, number)
    try:
        values = duties.read(form, visit.language) | _standing(form, visit, present)
    except ValueError as error:
        return _one(parts, visit, present, 422, words=str(error))
    with parts.database.write() as session:
        _still_administrator(session, visit)
        officer = _found(session, number)
        if (officer.role, officer.active) != (values["role"], values["active"]):
            officers.sign_out_everywhere(session, officer.id)
        duties.take_over(officer, values)
        kept = f"{officer.login} {officer.role}{'' if officer.active else ' locked'}"
        tickets.note(session, visit.officer.login, "officer.change", kept)
    return RedirectResponse("/desk/officers", 303)


def _standing(form: FormData, visit: Visit, officer: Officer) -> dict[str, object]:
    """Role, and whether they may sign in. Raises `ValueError`."""
    _ = translations(visit.language.code).gettext
    role, active = str(form.get("role", officer.role)), "active" in form
    if role not in ROLES:
        raise ValueError(_("Please choose a role and a language."))
    if officer.id == visit.officer.id and (role != officer.role or not active):
        raise ValueError(_("You cannot take away your own role or lock yourself out. Ask another administrator."))
    return {"role": role, "active": active}


def _new_link(parts: Parts, visit: Visit, number: int, form: FormData) -> Response:
    with parts.database.write() as session:
        _still_administrator(session, visit)
        officer = _found(session, number)
        if not officer.active:
            raise HTTPException(409)
        link = password_link(parts.settings, session, officer)
        if "codes" in form:
            officer.totp_sealed = None
        tickets.note(session, visit.officer.login, "officer.link", officer.login)
    return _one(parts, visit, officer, link=link)


def _still_administrator(session: Session, visit: Visit) -> None:
    """Of two administrators who take each other's role at once, the second is too late: so one always stays."""
    if visit.officer.id not in [officer.id for officer in officers.administrators(session)]:
        raise HTTPException(403)
