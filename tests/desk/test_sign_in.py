"""Getting in, staying out: passwords, one-time codes, lock-out, links, where a sign-in leads."""

from __future__ import annotations

import re
import time
from datetime import timedelta

import pyotp
import pytest
from httpx import Response
from sqlalchemy import func, select
from starlette.testclient import TestClient

from bot.settings import Settings
from desk import codes, passwords, visitors
from desk.access import COOKIE
from desk.passwords import refusal
from desk.refusals import inside
from desk.sign_in import first_link, password_link
from desk.visitors import FORM_COOKIE, STEP_COOKIE
from locales import LANGUAGES
from store import officers
from store.desk_tables import Link, Officer, SignIn
from store.tables import Audit, now
from tests.desk.conftest import House

PASSWORD = "maple lantern orbit"
HASH = passwords._hasher.hash(PASSWORD)


def officer(house: House, role: str = "officer", secret: str | None = None, login: str = "amina") -> int:
    """An officer with a password, and with one-time codes if there is a secret."""
    sealed = house.vault.seal(secret) if secret else None
    with house.database.write() as session:
        made = Officer(login=login, name="Amina", role=role, password_hash=HASH, totp_sealed=sealed)
        session.add(made)
        session.flush()
        return made.id


def fill(browser: TestClient, address: str, **fields: str) -> Response:
    """Open a page and send its form, with what it hides."""
    page = browser.get(address)
    hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page.text))
    return browser.post(address, data=hidden | fields, follow_redirects=False)


def enter(
    browser: TestClient, password: str = PASSWORD, login: str = "amina", address: str = "/desk/sign-in"
) -> Response:
    return fill(browser, address, login=login, password=password)


def is_in(browser: TestClient) -> bool:
    return browser.get("/desk/profile", follow_redirects=False).status_code == 200


def code(secret: str) -> str:
    return pyotp.TOTP(secret).now()


def at_steps_begin() -> None:
    """Wait until a code stays the same for a while."""
    if (left := codes.STEP - time.time() % codes.STEP) < 5:
        time.sleep(left)


def audited(house: House) -> list[str]:
    with house.database.read() as session:
        return list(session.scalars(select(Audit.action).order_by(Audit.id)))


def test_the_right_password_lets_an_officer_in_and_is_written_down(house: House) -> None:
    officer(house)
    browser = house.browser()
    answer = enter(browser)
    assert (answer.status_code, answer.headers["location"]) == (303, "/desk")
    assert is_in(browser)
    assert audited(house)[:2] == ["desk.try", "desk.sign-in"]


def test_the_cookie_is_kept_from_scripts_and_other_sites_and_the_table_holds_only_its_digest(house: House) -> None:
    officer(house)
    browser = house.browser()
    cookie = next(each for each in enter(browser).headers.get_list("set-cookie") if each.startswith(f"{COOKIE}="))
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert "Path=/desk" in cookie
    assert "Secure" not in cookie
    with house.database.read() as session:
        kept = session.scalars(select(SignIn)).one()
    assert browser.cookies[COOKIE] not in (kept.digest, kept.csrf)


def test_over_https_the_cookie_is_never_sent_in_the_clear(house: House) -> None:
    settings = Settings(_env_file=None, public_url="https://desk.test")  # type: ignore[call-arg]
    https = House(house.database, house.vault, settings, None)
    officer(https)
    browser = TestClient(https.app, base_url="https://desk.test")
    assert all(
        "Secure" in each for each in enter(browser).headers.get_list("set-cookie") if each.startswith(f"{COOKIE}=")
    )
    assert is_in(browser)


def test_wrong_name_wrong_password_and_locked_are_answered_alike(house: House) -> None:
    officer(house)
    locked = officer(house, login="kofi")
    with house.database.write() as session:
        session.get_one(Officer, locked).locked_until = now() + timedelta(minutes=5)
    tries = [("nobody", PASSWORD), ("amina", "not the password"), ("kofi", PASSWORD)]
    answers = [enter(house.browser(), password, login) for login, password in tries]
    assert [each.status_code for each in answers] == [401] * 3
    plain = [re.sub(r'value="[^"]*"', "", each.text) for each in answers]
    assert plain[0] == plain[1] == plain[2]


def test_an_unknown_name_costs_as_much_work_as_a_known_one(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    officer(house)
    verified: list[str] = []
    verify = passwords._hasher.verify
    monkeypatch.setattr(
        passwords._hasher, "verify", lambda given, stored: verified.append(stored) or verify(given, stored)
    )
    enter(house.browser(), "wrong", "nobody")
    enter(house.browser(), "wrong", "amina")
    assert len(verified) == 2
    assert verified[0].split("$")[:4] == verified[1].split("$")[:4], "the same parameters"


def test_after_five_failures_even_the_right_password_does_not_help_until_the_time_is_over(house: House) -> None:
    number = officer(house)
    browser = house.browser()
    for _ in range(5):
        enter(browser, "wrong")
    lasts = house.row(Officer, number).locked_until - now()
    assert timedelta(minutes=4) < lasts <= timedelta(minutes=5)
    assert enter(browser).status_code == 401
    over(house, number)
    assert enter(browser).status_code == 303
    assert house.row(Officer, number).failures == 0


def over(house: House, number: int) -> None:
    """The time of a lock is over."""
    with house.database.write() as session:
        session.get_one(Officer, number).locked_until = now() - timedelta(seconds=1)


def test_each_failure_after_a_lock_doubles_it_up_to_an_hour(house: House) -> None:
    number = officer(house)
    minutes = []
    for _ in range(10):
        with house.database.write() as session:
            assert officers.begin_try(session, number)
        until = house.row(Officer, number).locked_until
        minutes.append(round((until - now()).total_seconds() / 60) if until else 0)
        over(house, number)
    assert minutes == [0, 0, 0, 0, 5, 10, 20, 40, 60, 60]


def test_a_try_is_counted_before_it_is_looked_at(house: House) -> None:
    number = officer(house)
    with house.database.write() as session:
        begun = [officers.begin_try(session, number) for _ in range(8)]
    assert begun == [True] * 5 + [False] * 3, "many at once are no way around the lock"


def test_one_network_gets_twenty_tries(house: House) -> None:
    browser = house.browser()
    told = [fill(browser, "/desk/sign-in", login="x", password="").status_code for _ in range(visitors.TRIES + 1)]
    assert told[:-1] == [401] * visitors.TRIES
    assert told[-1] == 429


def test_a_form_that_another_site_made_is_refused(house: House) -> None:
    officer(house)
    browser = house.browser()
    browser.get("/desk/sign-in")
    assert FORM_COOKIE in browser.cookies
    answer = browser.post("/desk/sign-in", data={"login": "amina", "password": PASSWORD}, follow_redirects=False)
    assert answer.status_code == 403
    assert not is_in(browser)


def test_signing_in_gives_a_new_token_each_time(house: House) -> None:
    officer(house)
    browser = house.browser()
    browser.cookies.set(COOKIE, "a token that somebody else has chosen", path="/desk", domain="desk.test")
    enter(browser)
    first = {each.value for each in browser.cookies.jar if each.name == COOKIE}
    other = house.browser()
    enter(other)
    assert other.cookies[COOKIE] not in first


def test_signing_out_ends_the_sign_in_itself(house: House) -> None:
    seat = house.seat()
    token = seat.browser.cookies[COOKIE]
    assert seat.post("/sign-out") == 303
    again = house.browser()
    again.cookies.set(COOKIE, token)
    assert not is_in(again)


def test_codes_are_asked_for_after_the_password_and_the_password_alone_is_not_enough(house: House) -> None:
    secret = codes.new_secret()
    officer(house, "lead", secret)
    browser = house.browser()
    answer = enter(browser, address="/desk/sign-in?next=/desk/officers")
    assert answer.headers["location"] == "/desk/sign-in/code?next=%2Fdesk%2Fofficers"
    assert not is_in(browser)
    at_steps_begin()
    assert (
        fill(browser, answer.headers["location"], code="000000" if code(secret) != "000000" else "1").status_code == 401
    )
    answer = fill(browser, answer.headers["location"], code=code(secret))
    assert answer.headers["location"] == "/desk/officers"
    assert is_in(browser)


def test_no_code_is_accepted_twice(house: House) -> None:
    secret = codes.new_secret()
    officer(house, "lead", secret)
    at_steps_begin()
    said = code(secret)
    first, second = house.browser(), house.browser()
    for browser in (first, second):
        enter(browser)
        fill(browser, "/desk/sign-in/code", code=said)
    assert is_in(first)
    assert not is_in(second)


def test_a_code_of_the_step_before_or_after_is_accepted_and_none_further_off() -> None:
    secret = codes.new_secret()
    at_steps_begin()
    moment = int(time.time())
    near = [codes.step_of(secret, pyotp.TOTP(secret).at(moment + offset * codes.STEP)) for offset in (-2, -1, 0, 1, 2)]
    assert [bool(step) for step in near] == [False, True, True, True, False]


def test_guessing_codes_locks_as_guessing_passwords_does(house: House) -> None:
    secret = codes.new_secret()
    number = officer(house, "lead", secret)
    browser = house.browser()
    enter(browser)
    for _ in range(5):
        fill(browser, "/desk/sign-in/code", code="12345")
    at_steps_begin()
    assert house.row(Officer, number).locked_until > now()
    assert fill(browser, "/desk/sign-in/code", code=code(secret)).status_code == 401


def test_the_right_password_does_not_wipe_out_failed_codes(house: House) -> None:
    number = officer(house, "lead", codes.new_secret())
    browser = house.browser()
    for _ in range(2):
        enter(browser)
        fill(browser, "/desk/sign-in/code", code="12345")
    assert house.row(Officer, number).failures == 2


@pytest.mark.parametrize("role", ["lead", "administrator"])
def test_who_has_a_say_over_others_must_set_up_codes_first(house: House, role: str) -> None:
    number = officer(house, role)
    browser = house.browser()
    assert enter(browser).headers["location"] == "/desk/sign-in/set-up"
    assert not is_in(browser)
    page = browser.get("/desk/sign-in/set-up").text
    assert '<svg class="code-picture"' in page
    assert "style=" not in page, "the content security policy forbids it"
    answer = set_up(browser)
    assert answer.headers["location"] == "/desk"
    assert is_in(browser)
    sealed = house.row(Officer, number).totp_sealed
    assert shown_secret(page) not in sealed


def shown_secret(page: str) -> str:
    found = re.search(r'<code dir="ltr">([A-Z2-7 ]+)</code>', page)
    assert found
    return found[1].replace(" ", "")


def set_up(browser: TestClient) -> Response:
    """Let an app read the secret and type its code."""
    page = browser.get("/desk/sign-in/set-up").text
    hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page))
    fields = hidden | {"code": code(shown_secret(page))}
    return browser.post("/desk/sign-in/set-up", data=fields, follow_redirects=False)


def test_a_secret_that_was_shown_to_somebody_else_is_not_taken(house: House) -> None:
    officer(house, "lead")
    officer(house, "lead", login="kofi")
    mine, theirs = house.browser(), house.browser()
    enter(mine)
    enter(theirs, login="kofi")
    page = mine.get("/desk/sign-in/set-up").text
    sealed = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page))["sealed"]
    fill(theirs, "/desk/sign-in/set-up", code=code(shown_secret(page)), sealed=sealed)
    assert not is_in(theirs)


def test_a_step_of_another_is_no_way_around_the_code(house: House) -> None:
    officer(house, "lead", codes.new_secret())
    browser = house.browser()
    enter(browser)
    assert STEP_COOKIE in browser.cookies
    assert browser.get("/desk/sign-in/set-up", follow_redirects=False).headers["location"] == "/desk/sign-in"


def test_the_first_administrator_comes_by_a_link_that_works_once(house: House) -> None:
    address = path(first_link(house.parts))
    browser = house.browser()
    answer = fill(browser, address, name="Amina", login="Amina@Desk.test", password=PASSWORD)
    assert answer.headers["location"] == "/desk/sign-in/set-up"
    set_up(browser)
    assert is_in(browser)
    with house.database.read() as session:
        made = session.scalars(select(Officer)).one()
    assert (made.login, made.role) == ("amina@desk.test", "administrator")
    assert house.browser().get(address).status_code == 410
    assert first_link(house.parts) == "", "there is one now"


def path(link: str) -> str:
    return link[link.index("/desk/") :]


def test_a_new_first_link_replaces_the_one_before_and_each_ends_after_half_an_hour(house: House) -> None:
    old, new = first_link(house.parts), first_link(house.parts)
    assert house.browser().get(path(old)).status_code == 410
    assert house.browser().get(path(new)).status_code == 200
    age(house, timedelta(minutes=31))
    assert house.browser().get(path(new)).status_code == 410


def age(house: House, by: timedelta) -> None:
    with house.database.write() as session:
        for link in session.scalars(select(Link)):
            link.expires_at -= by


def test_a_refused_password_does_not_use_the_link_up(house: House) -> None:
    address, browser = path(first_link(house.parts)), house.browser()
    answer = fill(browser, address, name="Amina", login="amina", password="short")
    assert answer.status_code == 422
    assert 'value="Amina"' in answer.text, "what was typed is still there"
    assert fill(browser, address, name="Amina", login="amina", password=PASSWORD).status_code == 303


def test_a_link_sets_a_password_once_and_ends_what_was_signed_in(house: House) -> None:
    seat = house.seat()
    with house.database.write() as session:
        link = password_link(house.parts.settings, session, session.get_one(Officer, seat.id))
    assert not is_in(seat.browser)
    browser = house.browser()
    assert fill(browser, path(link), password=PASSWORD).headers["location"] == "/desk"
    assert is_in(browser)
    assert house.browser().get(path(link)).status_code == 410
    assert enter(house.browser(), login=seat.officer.login).status_code == 303


def test_a_link_of_somebody_who_was_locked_since_does_not_work(house: House) -> None:
    number = officer(house)
    with house.database.write() as session:
        made = session.get_one(Officer, number)
        link = password_link(house.parts.settings, session, made)
        made.active = False
    assert house.browser().get(path(link)).status_code == 410


def test_an_inactive_officer_does_not_get_in(house: House) -> None:
    number = officer(house)
    with house.database.write() as session:
        session.get_one(Officer, number).active = False
    assert enter(house.browser()).status_code == 401


@pytest.mark.parametrize(
    ("password", "fine"),
    [
        (PASSWORD, True),
        ("кот лампа орбита", True),
        ("elf chars!!", False),
        ("123456789012", False),
        ("Password1234!", False),
        ("qwertyuiop12", False),
        ("aaaaaaaaaaaa", False),
        ("iloveyou-dragon-77", False),
        ("amina@desk.test", False),
        ("my amina@desk.test 1", False),
        ("x" * 201, False),
    ],
)
def test_passwords_that_are_easy_to_guess_are_refused(password: str, fine: bool) -> None:
    assert (refusal(password, "amina@desk.test", LANGUAGES["en"]) is None) == fine


@pytest.mark.parametrize(
    ("asked", "led"),
    [
        ("/desk/chats/3?x=1", "/desk/chats/3?x=1"),
        ("/desk", "/desk"),
        ("https://evil.test/desk", "/desk"),
        ("//evil.test/desk", "/desk"),
        ("/desk\\@evil.test", "/desk"),
        ("/desk/\r\nSet-Cookie: x", "/desk"),
        ("/deskevil", "/desk"),
        ("/desk/sign-in?next=/desk", "/desk"),
        ("", "/desk"),
    ],
)
def test_a_sign_in_leads_only_to_the_desk(asked: str, led: str) -> None:
    assert inside(asked) == led


def test_who_is_not_signed_in_is_led_to_the_sign_in_page_and_back(house: House) -> None:
    answer = house.browser().get("/desk/audit?actor=x", follow_redirects=False)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/desk/sign-in?next=%2Fdesk%2Faudit%3Factor%3Dx"


def test_a_part_of_a_page_sends_the_whole_page_to_the_sign_in(house: House) -> None:
    headers = {"HX-Request": "true", "HX-Current-URL": "http://desk.test/desk/chats/7"}
    answer = house.browser().get("/desk/profile", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["hx-redirect"] == "/desk/sign-in?next=%2Fdesk%2Fchats%2F7"


def test_errors_are_told_in_words_in_the_officers_language(house: House) -> None:
    answer = house.seat(language="fr").browser.get("/desk/officers")
    assert answer.status_code == 403
    assert 'lang="fr"' in answer.text
    missing = house.browser().get("/desk/nothing-here")
    assert missing.status_code == 404
    assert "There is nothing at this address." in missing.text


def test_sign_ins_end_after_half_a_day_without_use_and_are_swept_away(house: House) -> None:
    seat = house.seat()
    with house.database.write() as session:
        session.scalars(select(SignIn)).one().seen_at = now() - timedelta(hours=13)
    assert not is_in(seat.browser)
    officer(house)
    enter(house.browser())
    with house.database.read() as session:
        assert session.scalar(select(func.count()).select_from(SignIn)) == 1
