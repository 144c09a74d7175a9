"""Who works at the desk: the list, adding and changing, one's own profile, the audit log, the command line."""

from __future__ import annotations

import csv
import re
from io import StringIO
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from bot.cli import main
from desk import codes, passwords
from store import officers, tickets
from store.database import Database
from store.desk_tables import Officer
from store.tables import Audit
from tests.desk.conftest import House, Seat
from tests.desk.test_sign_in import HASH, PASSWORD, at_steps_begin, code, enter, fill, is_in, path, shown_secret

DUTIES = {"capacity": "30"}
NEW = {"login": "Kofi@Desk.test", "name": "Kofi", "role": "officer", "language": "fr"}


def named(house: House, login: str) -> Officer:
    with house.database.read() as session:
        found = officers.by_login(session, login)
    assert found is not None
    return found


def link_in(page: str) -> str:
    found = re.search(r"http://\S+/desk/password/[\w-]+", page)
    assert found
    return path(found[0])


def last_audit(house: House) -> tuple[str, str, str]:
    with house.database.read() as session:
        entry = session.scalars(select(Audit).order_by(Audit.id.desc())).first()
    assert entry is not None
    return entry.actor, entry.action, entry.subject


@pytest.fixture
def chief(house: House) -> Seat:
    """An administrator."""
    return house.seat("Chief", "administrator")


def test_an_added_officer_sets_a_password_by_the_link_and_is_in(house: House, chief: Seat) -> None:
    page = chief.browser.post("/desk/officers", data=NEW)
    assert last_audit(house) == ("chief@desk.test", "officer.add", "kofi@desk.test officer")
    browser = house.browser()
    assert fill(browser, link_in(page.text), password=PASSWORD).status_code == 303
    assert is_in(browser)
    assert (named(house, "kofi@desk.test").languages, named(house, "kofi@desk.test").language) == (["fr"], "fr")


def test_nobody_is_added_twice_or_without_a_name(house: House, chief: Seat) -> None:
    assert chief.post("/officers", **NEW) == 200
    assert chief.post("/officers", **NEW) == 409
    assert chief.post("/officers", **NEW | {"login": "two words"}) == 422
    assert chief.post("/officers", **NEW | {"login": "esi", "name": " \u202e "}) == 422
    assert chief.post("/officers", **NEW | {"login": "esi", "role": "king"}) == 422


def test_leads_see_the_list_without_a_way_to_change_it(house: House, chief: Seat) -> None:
    lead = house.seat("Lea", "lead")
    page = lead.get("/officers")
    assert "Chief" in page
    assert "/desk/officers/" not in page
    assert "Add an officer" not in page
    assert lead.post(f"/officers/{chief.id}", role="officer", **DUTIES) == 403


def test_names_are_shown_as_text(house: House, chief: Seat) -> None:
    house.seat("<script>alert(1)</script>")
    assert "<script>alert" not in chief.get("/officers")


def test_a_change_of_role_ends_their_sign_ins_and_one_of_duties_does_not(house: House, chief: Seat) -> None:
    seat = house.seat("Kofi")
    assert chief.post(f"/officers/{seat.id}", role="officer", active="on", **DUTIES) == 303
    assert is_in(seat.browser)
    assert chief.post(f"/officers/{seat.id}", role="lead", active="on", **DUTIES) == 303
    assert not is_in(seat.browser)
    assert named(house, seat.officer.login).role == "lead"


def test_locking_ends_their_sign_ins(house: House, chief: Seat) -> None:
    seat = house.seat("Kofi")
    chief.post(f"/officers/{seat.id}", role="officer", **DUTIES)
    assert not is_in(seat.browser)
    assert not named(house, seat.officer.login).active


def test_administrators_cannot_take_away_their_own_role_or_lock_themselves(house: House, chief: Seat) -> None:
    house.seat("Other", "administrator")
    assert chief.post(f"/officers/{chief.id}", role="lead", active="on", **DUTIES) == 422
    assert chief.post(f"/officers/{chief.id}", role="administrator", **DUTIES) == 422
    kept = named(house, chief.officer.login)
    assert (kept.role, kept.active) == ("administrator", True)


def test_of_two_administrators_who_demote_each_other_at_once_one_stays(house: House, chief: Seat) -> None:
    other = house.seat("Other", "administrator")
    together = Barrier(2)

    def demote(by: Seat, whom: Seat) -> None:
        together.wait()
        by.post(f"/officers/{whom.id}", role="officer", active="on", **DUTIES)

    threads = [Thread(target=demote, args=pair) for pair in ((chief, other), (other, chief))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    roles = {named(house, seat.officer.login).role for seat in (chief, other)}
    assert roles == {"administrator", "officer"}


def test_a_new_link_signs_out_and_takes_the_codes_away_if_they_are_lost(house: House, chief: Seat) -> None:
    seat = house.seat("Kofi", "lead", totp_sealed=house.vault.seal(codes.new_secret()))
    chief.browser.post(f"/desk/officers/{seat.id}/link")
    assert not is_in(seat.browser)
    assert named(house, seat.officer.login).totp_sealed is not None
    page = chief.browser.post(f"/desk/officers/{seat.id}/link", data={"codes": "on"})
    browser = house.browser()
    assert fill(browser, link_in(page.text), password=PASSWORD).headers["location"] == "/desk/sign-in/set-up"


def test_officers_say_what_they_answer_and_when(house: House) -> None:
    seat = house.seat()
    fields: dict[str, Any] = {
        "name": "Amina  B",
        "language": "sw",
        "languages": ["sw", "en", "xx"],
        "countries": ["KE", "QQ"],
        "topics": ["python", "nonsense"],
        "zone": "Africa/Nairobi",
        "from-0": "08:00",
        "to-0": "17:00",
        "capacity": "12",
    }
    seat.post("/profile", **fields)
    kept = named(house, seat.officer.login)
    assert (kept.name, kept.language, kept.capacity) == ("Amina B", "sw", 12)
    assert set(kept.languages) == {"sw", "en"}
    assert (kept.countries, kept.topics) == (["KE"], ["python"])
    assert kept.hours == {"zone": "Africa/Nairobi", "days": {"0": ["08:00", "17:00"]}}
    page = seat.get("/profile")
    assert 'name="from-0" value="08:00"' in page
    assert '<html lang="sw"' in page


@pytest.mark.parametrize(
    "wrong",
    [
        {"capacity": "many"},
        {"capacity": "-1"},
        {"name": ""},
        {"language": "xx"},
        {"from-1": "17:00", "to-1": "08:00", "zone": "UTC"},
        {"from-1": "08:00", "zone": "UTC"},
        {"from-1": "08:00", "to-1": "17:00", "zone": "Mars/Base"},
        {"from-1": "<b>", "to-1": "17:00", "zone": "UTC"},
    ],
)
def test_what_makes_no_sense_in_a_profile_is_told_and_not_kept(house: House, wrong: dict[str, str]) -> None:
    seat = house.seat()
    fields = {"name": "Changed", "language": "en", "capacity": "5"} | wrong
    assert seat.post("/profile", **fields) == 422
    assert named(house, seat.officer.login).name == "Amina"


def test_no_hours_at_all_mean_always_there(house: House) -> None:
    seat = house.seat(hours={"zone": "UTC", "days": {"0": ["08:00", "17:00"]}})
    assert seat.post("/profile", name="Amina", language="en", zone="UTC", **DUTIES) == 303
    assert named(house, seat.officer.login).hours == {}


def test_the_profile_opens_in_every_language(house: House) -> None:
    from locales import LANGUAGES

    for each in LANGUAGES:
        seat = house.seat(f"Amina{each}", "lead", language=each)
        assert f'lang="{each}"' in seat.get("/profile")


def test_a_changed_password_ends_all_sign_ins(house: House) -> None:
    seat = house.seat(password_hash=HASH)
    assert seat.post("/profile/password", password="wrong", new="entirely other words") == 422
    assert seat.post("/profile/password", password=PASSWORD, new="short") == 422
    assert is_in(seat.browser)
    assert seat.post("/profile/password", password=PASSWORD, new="entirely other words") == 303
    assert not is_in(seat.browser)
    assert enter(house.browser(), "entirely other words", seat.officer.login).status_code == 303


def test_new_codes_replace_the_old_ones(house: House) -> None:
    seat = house.seat(role="lead", password_hash=HASH, totp_sealed=house.vault.seal(codes.new_secret()))
    before = named(house, seat.officer.login).totp_sealed
    page = seat.browser.post("/desk/profile/codes", data={"password": PASSWORD}).text
    sealed = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page))["sealed"]
    assert seat.post("/profile/codes/confirm", sealed=sealed, code="1") == 422
    assert named(house, seat.officer.login).totp_sealed == before, "only a code proves that the app has it"
    at_steps_begin()
    assert seat.post("/profile/codes/confirm", sealed=sealed, code=code(shown_secret(page))) == 303
    kept = named(house, seat.officer.login)
    assert house.vault.open(kept.totp_sealed or "") == shown_secret(page)


def test_new_codes_need_the_password(house: House) -> None:
    seat = house.seat(password_hash=HASH)
    assert seat.post("/profile/codes", password="wrong") == 422


def test_signing_out_everywhere_ends_other_browsers_too(house: House) -> None:
    seat = house.seat(password_hash=HASH)
    other = house.browser()
    enter(other, login=seat.officer.login)
    assert is_in(other)
    seat.post("/profile/sign-out-everywhere")
    assert not is_in(other)
    assert not is_in(seat.browser)


def write_log(house: House, count: int, actor: str = "amina", action: str = "ticket.view") -> None:
    with house.database.write() as session:
        for number in range(count):
            tickets.note(session, actor, action, f"subject-{number}")


def test_the_audit_log_shows_the_newest_first_in_pages_of_a_hundred(house: House, chief: Seat) -> None:
    write_log(house, 150)
    page = chief.get("/audit?actor=amina")
    assert re.findall(r"subject-\d+", page) == [f"subject-{number}" for number in range(149, 49, -1)]
    older = re.search(r'href="/desk(/audit\?[^"]*before=\d+)"', page)
    assert older
    page = chief.get(older[1].replace("&amp;", "&"))
    assert re.findall(r"subject-\d+", page) == [f"subject-{number}" for number in range(49, -1, -1)]


def test_the_audit_log_can_be_narrowed_and_looking_is_written_down(house: House, chief: Seat) -> None:
    write_log(house, 1)
    write_log(house, 1, "kofi", "ticket.close")
    page = chief.get("/audit?action=ticket.close")
    assert "<bdi>kofi</bdi>" in page
    assert "<bdi>amina</bdi>" not in page
    assert last_audit(house) == ("chief@desk.test", "audit.view", "ticket.close")


def test_the_audit_file_holds_everything_and_no_formula(house: House, chief: Seat) -> None:
    write_log(house, 1200)
    for bad in ("=1+1", "+1", "-1", "@x", "\tx", "\rx"):
        write_log(house, 1, bad)
    rows = list(csv.reader(StringIO(chief.browser.get("/desk/audit.csv").text, newline="")))
    assert len(rows) == 1 + 1 + 1200 + 6
    assert [row for row in rows if any(cell[:1] in "=+-@\t\r" for cell in row if cell)] == []
    assert last_audit(house)[1] == "audit.export"


@pytest.fixture
def dalil(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The command line on a data folder of its own; gives status and what was printed."""
    monkeypatch.setenv("DALIL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DALIL_PUBLIC_URL", "https://desk.test")

    def run(*words: str) -> tuple[int, str]:
        result = CliRunner().invoke(main, list(words))
        return result.exit_code, result.output

    return run


def test_officers_are_added_listed_and_locked_in_the_terminal(dalil: Any, tmp_path: Path) -> None:
    status, said = dalil("officer", "add", "Amina@X.org", "Amina", "--role", "administrator", "--language", "fr")
    assert status == 0
    assert said.startswith("https://desk.test/desk/password/")
    assert dalil("officer", "add", "amina@x.org", "Again")[0] == 1
    assert "only administrator" in dalil("officer", "lock", "amina@x.org")[1]
    assert dalil("officer", "add", "kofi", "Kofi")[0] == 0
    assert dalil("officer", "lock", "kofi") == (0, "locked\n")
    assert dalil("officer", "link", "kofi")[0] == 1, "a locked officer gets no link"
    listed = dalil("officer", "list")[1].splitlines()
    assert listed[0].split() == ["amina@x.org", "administrator", "fr", "invited", "Amina"]
    assert listed[1].split() == ["kofi", "officer", "en", "locked", "Kofi"]
    database = Database(f"sqlite:///{tmp_path / 'home' / 'dalil.db'}")
    with database.read() as session:
        actions = list(session.scalars(select(Audit.action).order_by(Audit.id)))
    database.close()
    assert actions == ["officer.add", "officer.add", "officer.lock"]


def test_a_new_link_in_the_terminal_makes_the_one_before_worthless(dalil: Any, house: House, tmp_path: Path) -> None:
    dalil("officer", "add", "amina", "Amina")
    first, second = (dalil("officer", "link", "amina")[1].split()[0].rpartition("/")[2] for _ in range(2))
    database = Database(f"sqlite:///{tmp_path / 'home' / 'dalil.db'}")
    with database.read() as session:
        found = [officers.subject_of(session, "password", token) for token in (first, second)]
    database.close()
    assert found == [None, "1"]


def test_a_password_typed_on_another_keyboard_is_the_same() -> None:
    assert passwords._plain("cafe\u0301") == passwords._plain("caf\u00e9")
