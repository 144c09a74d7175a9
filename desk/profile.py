"""An officer's own page: name, language, what they answer and when, password, one-time codes."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData

from desk import codes, duties, passwords
from desk.access import COOKIE, Access, Visit, page, proven
from desk.parts import Parts
from desk.sign_in import ISSUER, keep_secret, one_line, open_secret, seal_secret, signed_out
from locales import LANGUAGES, translations
from store import officers, tickets
from store.desk_tables import Officer


def routes(parts: Parts, access: Access) -> APIRouter:
    """All of it is about who is signed in."""
    router = APIRouter(prefix="/profile")

    @router.get("")
    def show(saved: str = "", visit: Visit = Depends(access.officer)) -> Response:  # noqa: B008
        _ = translations(visit.language.code).gettext
        return _page(parts, visit, done=_("Saved.") if saved else "")

    @router.post("")
    async def change(request: Request, visit: Visit = Depends(access.officer)) -> Response:  # noqa: B008
        await proven(request, visit)
        return await run_in_threadpool(_change, parts, visit, await request.form())

    @router.post("/password")
    async def change_password(request: Request, visit: Visit = Depends(access.officer)) -> Response:  # noqa: B008
        await proven(request, visit)
        form = await request.form()
        password = str(form.get("new", ""))
        words = await _wrong_password(parts, visit, form)
        if words := words or passwords.refusal(password, visit.officer.login, visit.language):
            return await run_in_threadpool(_page, parts, visit, 422, words)
        await run_in_threadpool(_keep_password, parts, visit, await passwords.hashed(password))
        return signed_out("password")

    @router.post("/codes")
    async def new_codes(request: Request, visit: Visit = Depends(access.officer)) -> Response:  # noqa: B008
        await proven(request, visit)
        if words := await _wrong_password(parts, visit, await request.form()):
            return await run_in_threadpool(_page, parts, visit, 422, words)
        return _secret_page(parts, visit, request.cookies[COOKIE], codes.new_secret())

    @router.post("/codes/confirm")
    async def confirm_codes(request: Request, visit: Visit = Depends(access.officer)) -> Response:  # noqa: B008
        await proven(request, visit)
        return await run_in_threadpool(_confirm, parts, visit, request.cookies[COOKIE], await request.form())

    @router.post("/sign-out-everywhere")
    async def leave_everywhere(request: Request, visit: Visit = Depends(access.officer)) -> Response:  # noqa: B008
        await proven(request, visit)
        await run_in_threadpool(_leave_everywhere, parts, visit)
        return signed_out("everywhere")

    return router


def _page(parts: Parts, visit: Visit, status: int = 200, words: str = "", done: str = "") -> Response:
    with parts.database.read() as session:
        officer = session.get_one(Officer, visit.officer.id)
    offered = duties.choices(visit.language.code)
    return page(parts, visit, "profile.html", status, officer=officer, choices=offered, words=words, done=done)


def _change(parts: Parts, visit: Visit, form: FormData) -> Response:
    _ = translations(visit.language.code).gettext
    name, language = one_line(str(form.get("name", ""))), str(form.get("language", ""))
    try:
        values = duties.read(form, visit.language)
        if not name:
            raise ValueError(_("Please write a name, at most 80 characters."))
        if language not in LANGUAGES:
            raise ValueError(_("Please choose a role and a language."))
    except ValueError as error:
        return _page(parts, visit, 422, str(error))
    with parts.database.write() as session:
        duties.take_over(session.get_one(Officer, visit.officer.id), values | {"name": name, "language": language})
        tickets.note(session, visit.officer.login, "officer.change", visit.officer.login)
    return RedirectResponse("/desk/profile?saved=1", 303)


async def _wrong_password(parts: Parts, visit: Visit, form: FormData) -> str | None:
    """Why the password that the form holds is not accepted: somebody may sit at a screen that is not theirs."""

    def begin() -> bool:
        with parts.database.write() as session:
            tickets.note(session, visit.officer.login, "desk.try", "")
            return officers.begin_try(session, visit.officer.id)

    def end() -> None:
        with parts.database.write() as session:
            officers.take_back_try(session, visit.officer.id)

    given, tried = str(form.get("password", "")), await run_in_threadpool(begin)
    if await passwords.fits(given, visit.officer.password_hash) and tried:
        await run_in_threadpool(end)
        return None
    _ = translations(visit.language.code).gettext
    return _("The present password is not right, or there were too many tries. Try again later.")


def _keep_password(parts: Parts, visit: Visit, hashed: str) -> None:
    with parts.database.write() as session:
        session.get_one(Officer, visit.officer.id).password_hash = hashed
        officers.sign_out_everywhere(session, visit.officer.id)
        tickets.note(session, visit.officer.login, "officer.password", visit.officer.login)


def _leave_everywhere(parts: Parts, visit: Visit) -> None:
    with parts.database.write() as session:
        officers.sign_out_everywhere(session, visit.officer.id)
        tickets.note(session, visit.officer.login, "desk.sign-out", "everywhere")


def _confirm(parts: Parts, visit: Visit, token: str, form: FormData) -> Response:
    secret = open_secret(parts.vault, token, str(form.get("sealed", "")))
    if secret is None:
        return RedirectResponse("/desk/profile", 303)
    step = codes.step_of(secret, str(form.get("code", "")))
    if step is None:
        _ = translations(visit.language.code).gettext
        return _secret_page(parts, visit, token, secret, _("This code is not right. Is the clock of your phone right?"))
    with parts.database.write() as session:
        keep_secret(session, parts.vault, session.get_one(Officer, visit.officer.id), secret, step)
    return RedirectResponse("/desk/profile?saved=1", 303)


def _secret_page(parts: Parts, visit: Visit, token: str, secret: str, words: str = "") -> Response:
    shown = {
        "picture": codes.picture(secret, visit.officer.login, ISSUER),
        "secret": codes.grouped(secret),
        "sealed": seal_secret(parts.vault, token, secret),
        "form_token": visit.csrf,
        "action": "/desk/profile/codes/confirm",
    }
    return page(parts, visit, "code.html", 422 if words else 200, then="/desk/profile", words=words, **shown)
