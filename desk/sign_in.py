"""Signing in and out: password, then a one-time code; the first administrator; links that set a password."""

from __future__ import annotations

import re
from datetime import timedelta
from urllib.parse import quote

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from bot.settings import Settings
from channels.text import clean
from desk import codes, passwords
from desk.access import COOKIE, IDLE, LONGEST, Access, Visit, digest
from desk.parts import Parts
from desk.refusals import SIGN_IN, inside, language_of
from desk.visitors import STEP_COOKIE, STEP_SECONDS, Visitors
from locales import Language, translations
from store import officers, tickets
from store.desk_tables import Officer
from store.vault import Vault, WrongKey

FIRST_LASTS = timedelta(minutes=30)
PASSWORD_LASTS = timedelta(hours=24)
ISSUER = "Dalil"
"""What the app that shows the codes calls us."""
NEED_CODES = ("lead", "administrator")
_LOGIN = re.compile(r"[\w.@+-]{3,80}")


def first_link(parts: Parts) -> str:
    """A link that makes the first administrator, in place of earlier ones; empty if there is one already."""
    with parts.database.write() as session:
        if officers.administrators(session):
            return ""
        token = officers.make_link(session, "first", "administrator", FIRST_LASTS)
    return f"{parts.settings.public}/desk/first/{token}"


def password_link(settings: Settings, session: Session, officer: Officer) -> str:
    """A link with which an officer sets a password. Whoever is signed in as them is signed out."""
    officers.sign_out_everywhere(session, officer.id)
    token = officers.make_link(session, "password", str(officer.id), PASSWORD_LASTS)
    return f"{settings.public}/desk/password/{token}"


def login_and_name(login: str, name: str, language: Language) -> tuple[str, str]:
    """A new officer's sign-in name and name, tidied. Raises `ValueError`, with words, for what cannot be one."""
    _ = translations(language.code).gettext
    login, name = login.strip().lower(), one_line(name)
    if not _LOGIN.fullmatch(login):
        raise ValueError(_("A sign-in name has 3 to 80 letters, digits or . @ + - and no spaces."))
    if not name:
        raise ValueError(_("Please write a name, at most 80 characters."))
    return login, name


def one_line(text: str) -> str:
    """What people may see of a name that somebody wrote; empty if it is none."""
    text = " ".join(clean(text).split())
    return text if len(text) <= 80 else ""


def seal_secret(vault: Vault, token: str, secret: str) -> str:
    """A secret on its way through the page that shows it, bound to the token of who sees it."""
    return vault.seal(f"{digest(token)}:{secret}")


def open_secret(vault: Vault, token: str, sealed: str) -> str | None:
    """The secret, unless the page was shown to somebody else."""
    try:
        whose, _, secret = vault.open(sealed).partition(":")
    except (WrongKey, UnicodeEncodeError):
        return None
    return secret if whose == digest(token) else None


def routes(parts: Parts, access: Access) -> APIRouter:
    """The pages that are open to everybody, and the way out."""
    router, visitors = APIRouter(), Visitors(parts)
    desk = _SignIn(parts, access, visitors)
    router.get("/sign-in")(desk.ask)
    router.post("/sign-in")(desk.enter)
    router.get("/sign-in/code")(desk.ask_code)
    router.post("/sign-in/code")(desk.check_code)
    router.get("/sign-in/set-up")(desk.show_secret)
    router.post("/sign-in/set-up")(desk.confirm_secret)
    router.get("/first/{token}")(desk.ask_first)
    router.post("/first/{token}")(desk.make_first)
    router.get("/password/{token}")(desk.ask_password)
    router.post("/password/{token}")(desk.set_password)

    @router.post("/sign-out")
    def leave(request: Request, visit: Visit = Depends(access.officer)) -> Response:  # noqa: B008
        with parts.database.write() as session:
            officers.sign_out(session, request.cookies[COOKIE])
            tickets.note(session, visit.officer.login, "desk.sign-out", "")
        return signed_out("bye")

    return router


def signed_out(told: str) -> Response:
    """Back to the sign-in page, which says why."""
    answer = RedirectResponse(f"{SIGN_IN}?told={told}", 303)
    answer.delete_cookie(COOKIE, path="/desk")
    return answer


class _SignIn:
    """The pages of somebody who is not signed in yet."""

    def __init__(self, parts: Parts, access: Access, visitors: Visitors) -> None:
        self._parts, self._access, self._visitors = parts, access, visitors
        self._database, self._vault = parts.database, parts.vault

    # --- password ---

    def ask(self, request: Request, next: str = "", told: str = "") -> Response:
        if self._access.visit(request):
            return RedirectResponse(inside(next), 303)
        return self._sign_in_page(request, inside(next), words=_told(told, language_of(request)))

    async def enter(self, request: Request) -> Response:
        form = await request.form()
        then, login = inside(str(form.get("next", ""))), str(form.get("login", ""))[:80]
        if refused := self._refused(request, self._visitors.owns(request, form)):
            return refused
        officer = await run_in_threadpool(self._begin, login)
        right = await passwords.fits(str(form.get("password", "")), officer.password_hash if officer else None)
        if officer is None or not right:
            _ = translations(language_of(request).code).gettext
            words = _("The sign-in name or the password is not right, or there were too many tries. Try again later.")
            return self._sign_in_page(request, then, 401, login=login, words=words)
        return await run_in_threadpool(self._after_password, officer.id, then, True)

    def _begin(self, login: str) -> Officer | None:
        """The officer of a login, if they may try now."""
        with self._database.write() as session:
            officer = officers.by_login(session, login)
            if officer is None:
                return None
            tried = officers.begin_try(session, officer.id)
            tickets.note(session, officer.login, "desk.try" if tried else "desk.try-locked", "")
            return officer if tried else None

    def _after_password(self, officer_id: int, then: str, tried: bool) -> Response:
        """Ask for a code, have codes set up, or let in."""
        with self._database.write() as session:
            if tried:
                officers.take_back_try(session, officer_id)
            officer = session.get_one(Officer, officer_id)
            step = "code" if officer.totp_sealed else "set-up" if officer.role in NEED_CODES else None
            if step is None:
                return self._let_in(session, officer, then)
            token = officers.make_link(session, step, str(officer_id), timedelta(seconds=STEP_SECONDS))
        more = "" if then == "/desk" else f"?next={quote(then, safe='')}"
        answer = RedirectResponse(f"{SIGN_IN}/{step}{more}", 303)
        self._visitors.set_cookie(answer, STEP_COOKIE, token, STEP_SECONDS)
        return answer

    def _let_in(self, session: Session, officer: Officer, then: str) -> Response:
        officers.forget_tries(session, officer.id)
        token = officers.sign_in(session, officer, IDLE, LONGEST)
        tickets.note(session, officer.login, "desk.sign-in", "")
        answer = RedirectResponse(then, 303)
        self._visitors.sign_in(answer, token)
        return answer

    # --- code ---

    def ask_code(self, request: Request, next: str = "") -> Response:
        if self._who(request, "code") is None:
            return RedirectResponse(SIGN_IN, 303)
        return self._visitors.page(request, "code.html", then=inside(next), picture=None, words="")

    async def check_code(self, request: Request) -> Response:
        form = await request.form()
        then = inside(str(form.get("next", "")))
        if refused := self._refused(request, self._visitors.owns(request, form)):
            return refused
        if answer := await run_in_threadpool(self._try_code, request, str(form.get("code", "")), then):
            return answer
        _ = translations(language_of(request).code).gettext
        words = _("This code is not right, was used before, or there were too many tries. Wait for the next one.")
        return self._visitors.page(request, "code.html", 401, then=then, picture=None, words=words)

    def _try_code(self, request: Request, code: str, then: str) -> Response | None:
        token = request.cookies.get(STEP_COOKIE, "")
        with self._database.write() as session:
            subject = officers.subject_of(session, "code", token)
            if subject is None:
                return RedirectResponse(SIGN_IN, 303)
            officer = session.get_one(Officer, int(subject))
            if not officers.begin_try(session, officer.id):
                return None
            tickets.note(session, officer.login, "desk.try-code", "")
            if not accepts(session, self._vault, officer, code):
                return None
            officers.use_link(session, "code", token)
            return self._let_in(session, officer, then)

    # --- setting codes up ---

    def show_secret(self, request: Request, next: str = "") -> Response:
        officer = self._who(request, "set-up")
        if officer is None:
            return RedirectResponse(SIGN_IN, 303)
        return self._secret_page(request, officer, codes.new_secret(), inside(next))

    async def confirm_secret(self, request: Request) -> Response:
        form = await request.form()
        then = inside(str(form.get("next", "")))
        if refused := self._refused(request, self._visitors.owns(request, form)):
            return refused
        officer = await run_in_threadpool(self._who, request, "set-up")
        token = request.cookies.get(STEP_COOKIE, "")
        secret = open_secret(self._vault, token, str(form.get("sealed", "")))
        if officer is None or secret is None:
            return RedirectResponse(SIGN_IN, 303)
        step = codes.step_of(secret, str(form.get("code", "")))
        if step is None:
            _ = translations(language_of(request).code).gettext
            words = _("This code is not right. Is the clock of your phone right?")
            return self._secret_page(request, officer, secret, then, 422, words)
        return await run_in_threadpool(self._keep_secret, token, secret, step, then)

    def _keep_secret(self, token: str, secret: str, step: int, then: str) -> Response:
        with self._database.write() as session:
            subject = officers.use_link(session, "set-up", token)
            if subject is None:
                return RedirectResponse(SIGN_IN, 303)
            officer = session.get_one(Officer, int(subject))
            keep_secret(session, self._vault, officer, secret, step)
            return self._let_in(session, officer, then)

    def _secret_page(
        self, request: Request, officer: Officer, secret: str, then: str, status: int = 200, words: str = ""
    ) -> Response:
        sealed = seal_secret(self._vault, request.cookies.get(STEP_COOKIE, ""), secret)
        picture = codes.picture(secret, officer.login, ISSUER)
        shown = {"picture": picture, "secret": codes.grouped(secret), "sealed": sealed}
        return self._visitors.page(request, "code.html", status, then=then, words=words, **shown)

    def _who(self, request: Request, step: str) -> Officer | None:
        """Who has given the right password, and must take `step` now."""
        with self._database.read() as session:
            subject = officers.subject_of(session, step, request.cookies.get(STEP_COOKIE, ""))
            officer = session.get(Officer, int(subject)) if subject else None
        return officer if officer and officer.active else None

    # --- links ---

    def ask_first(self, request: Request, token: str) -> Response:
        self._must_work(request, "first", token)
        return self._visitors.page(request, "first.html", words="", login="", name="")

    async def make_first(self, request: Request, token: str) -> Response:
        form, language = await request.form(), language_of(request)
        if refused := self._refused(request, self._visitors.owns(request, form)):
            return refused
        await run_in_threadpool(self._must_work, request, "first", token)
        given = {"login": str(form.get("login", ""))[:80], "name": str(form.get("name", ""))[:80]}
        password = str(form.get("password", ""))
        try:
            login, name = login_and_name(given["login"], given["name"], language)
            if words := passwords.refusal(password, login, language):
                raise ValueError(words)
        except ValueError as error:
            return self._visitors.page(request, "first.html", 422, words=str(error), **given)
        officer = Officer(login=login, name=name, role="administrator", language=language.code)
        officer.languages, officer.password_hash = [language.code], await passwords.hashed(password)
        await run_in_threadpool(self._add_first, request, token, officer)
        return await run_in_threadpool(self._after_password, officer.id, "/desk", False)

    def _add_first(self, request: Request, token: str, officer: Officer) -> None:
        with self._database.write() as session:
            if officers.use_link(session, "first", token) is None or officers.administrators(session):
                raise HTTPException(410, _worn(language_of(request)))
            if there := officers.by_login(session, officer.login):
                there.login = f"{there.login[:60]}~{there.id}"  # somebody who has left
            session.add(officer)
            session.flush()
            tickets.note(session, officer.login, "officer.first", officer.login)

    def ask_password(self, request: Request, token: str) -> Response:
        officer = self._must_work(request, "password", token)
        return self._visitors.page(request, "password.html", words="", officer=officer)

    async def set_password(self, request: Request, token: str) -> Response:
        form = await request.form()
        if refused := self._refused(request, self._visitors.owns(request, form)):
            return refused
        officer = await run_in_threadpool(self._must_work, request, "password", token)
        assert officer is not None  # noqa: S101 - a password is always somebody's
        password = str(form.get("password", ""))
        if words := passwords.refusal(password, officer.login, language_of(request)):
            return self._visitors.page(request, "password.html", 422, words=words, officer=officer)
        hashed = await passwords.hashed(password)
        await run_in_threadpool(self._keep_password, request, token, hashed)
        return await run_in_threadpool(self._after_password, officer.id, "/desk", False)

    def _keep_password(self, request: Request, token: str, hashed: str) -> None:
        with self._database.write() as session:
            subject = officers.use_link(session, "password", token)
            if subject is None:
                raise HTTPException(410, _worn(language_of(request)))
            officer = session.get_one(Officer, int(subject))
            officer.password_hash = hashed
            officers.sign_out_everywhere(session, officer.id)
            officers.forget_tries(session, officer.id)
            tickets.note(session, officer.login, "officer.password", officer.login)

    def _must_work(self, request: Request, purpose: str, token: str) -> Officer | None:
        """Whom a link is for. Raises `HTTPException` 410 if it does not work, or no longer."""
        with self._database.read() as session:
            subject = officers.subject_of(session, purpose, token)
            officer = session.get(Officer, int(subject)) if subject and subject.isdecimal() else None
        if subject is None or (purpose == "password" and (officer is None or not officer.active)):
            raise HTTPException(410, _worn(language_of(request)))
        return officer

    # --- what all have in common ---

    def _refused(self, request: Request, own: bool) -> HTMLResponse | None:
        """A page for who comes too often, or from elsewhere."""
        _ = translations(language_of(request).code).gettext
        if not own:
            words = _("The page was open for too long, or cookies are off. Please try again.")
            return self._sign_in_page(request, "/desk", 403, words=words)
        if seconds := self._visitors.wait(request):
            words = _("There were too many tries from your network. Please wait ten minutes.")
            answer = self._sign_in_page(request, "/desk", 429, words=words)
            answer.headers["Retry-After"] = str(seconds)
            return answer
        return None

    def _sign_in_page(
        self, request: Request, then: str, status: int = 200, *, login: str = "", words: str = ""
    ) -> HTMLResponse:
        return self._visitors.page(request, "sign_in.html", status, then=then, login=login, words=words)


def accepts(session: Session, vault: Vault, officer: Officer, code: str) -> bool:
    """Whether a one-time code is right; it is used up by that."""
    step = codes.step_of(vault.open(officer.totp_sealed), code) if officer.totp_sealed else None
    return step is not None and officers.use_step(session, officer.id, step)


def keep_secret(session: Session, vault: Vault, officer: Officer, secret: str, step: int) -> None:
    """From now on the officer signs in with codes of this secret; that of `step` is used up."""
    officer.totp_sealed, officer.totp_used = vault.seal(secret), step
    tickets.note(session, officer.login, "officer.codes", officer.login)


def _told(why: str, language: Language) -> str:
    _ = translations(language.code).gettext
    words = {
        "bye": _("You are signed out."),
        "password": _("Your password is changed. Please sign in with it."),
        "everywhere": _("You are signed out everywhere."),
    }
    return words.get(why, "")


def _worn(language: Language) -> str:
    _ = translations(language.code).gettext
    return _("This link has been used already, or it is too old. Ask for a new one.")
