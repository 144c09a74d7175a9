"""Providers are written to in their language, with the English below it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from bot.confirming import Confirmations
from bot.letters import language_for, written
from bot.mail import Mail
from bot.referrals import Referrals
from ingest.load import keep
from locales import LANGUAGES, translations
from retrieval.records import Record
from store import sources, tickets
from store.database import Database
from store.desk_tables import Officer, Referral, ReferralAddress
from store.source_tables import Revision
from store.tables import now
from store.vault import Vault
from tests.ingest.test_links import PLAIN
from tests.servers.smtp import Post

ADDRESS, LINK = "desk@provider.example", "https://d.example/providers/x/token"


class House:
    """A record, a provider behind it, and a mail server."""

    def __init__(self, database: Database, vault: Vault, post: Post, url: str) -> None:
        self.database, self.post = database, post
        mail = Mail(url, "Dalil <dalil@facility.example>")
        self.confirmations = Confirmations(database, vault, mail, "https://d.example", "The facility")
        self.referrals = Referrals(database, vault, mail, "https://d.example", "The facility")
        with database.write() as session:
            self.officer = Officer(login="amina", name="Amina", role="lead")
            session.add(self.officer)
            address = ReferralAddress(record_id="typing-club", address_sealed=vault.seal(ADDRESS))
            address.confirmed_at = now()
            session.add(address)

    def has(self, *languages: str) -> None:
        """The typing club, given in these languages."""
        more = {"review_by": "2020-01-01", "languages": list(languages) or "unknown"}
        with self.database.write() as session:
            keep(session, Record.model_validate(PLAIN | more))

    def was_sent_in(
        self, language: str, state: str = "approved", kind: str = "added", source: str = "provider"
    ) -> None:
        of: dict[str, Any] = {"record_id": "typing-club", "kind": kind, "source": source, "body": {}}
        with self.database.write() as session:
            session.add(Revision(**of, state=state, language=language))

    def language(self) -> str:
        with self.database.read() as session:
            return language_for(session, "typing-club")


@pytest.fixture
def house(database: Database, vault: Vault) -> Iterator[House]:
    post = Post()
    with post.serving() as url:
        yield House(database, vault, post, url)


# --- in which language ------------------------------------------------------------------------


def test_who_sent_it_in_is_written_to_in_the_language_that_they_wrote_in(house: House) -> None:
    house.has("fr")
    house.was_sent_in("sw")

    assert house.language() == "sw"


def test_the_newest_of_what_was_approved_counts_and_nothing_else(house: House) -> None:
    house.has("fr")
    house.was_sent_in("sw")
    house.was_sent_in("ha")
    house.was_sent_in("ar", state="refused")
    house.was_sent_in("ru", state="open")
    house.was_sent_in("en", kind=sources.ENDED)
    house.was_sent_in("en", source="portal")

    assert house.language() == "ha"


@pytest.mark.parametrize(
    ("taught", "written_in"),
    [(["fr"], "fr"), (["pt-BR"], "pt"), (["fr", "en"], "en"), (["de"], "en"), ([], "en")],
)
def test_else_the_one_language_that_it_is_taught_in_counts(house: House, taught: list[str], written_in: str) -> None:
    house.has(*taught)

    assert house.language() == written_in


def test_where_nothing_is_known_it_is_english(house: House) -> None:
    assert house.language() == "en"


# --- what it says -----------------------------------------------------------------------------


@pytest.mark.parametrize("code", LANGUAGES)
def test_every_letter_is_there_in_every_language_and_in_english_below(code: str) -> None:
    def all_of(said: Any) -> list[Any]:
        return [
            said.still_right_letter("The facility", "Typing Club", LINK, 60),
            said.address_letter("The facility", LINK, 60),
            said.referral_letter("The facility", 7, "Welding for ten", LINK, 60),
            said.taken_letter(7, "Typing Club", LINK),
            said.refused_letter(7, "There is no page at the link."),
        ]

    for number in range(5):
        letter = written(code, lambda said, number=number: all_of(said)[number])
        english = written("en", lambda said, number=number: all_of(said)[number])

        assert letter.text.endswith(english.text)
        assert (letter.text == english.text) == (code == "en")
        assert (letter.subject == english.subject) == (code == "en")
        assert letter.text.count(english.text) == 1


def test_a_link_stands_by_itself_and_opens_in_the_language_of_the_letter() -> None:
    letter = written("ar", lambda said: said.still_right_letter("The facility", "Typing Club", LINK, 60))

    assert f"{LINK}?lang=ar" in letter.text.splitlines()
    assert LINK in letter.text.splitlines()


def test_the_number_of_days_is_said_as_the_language_does() -> None:
    letter = written("ru", lambda said: said.address_letter("The facility", LINK, 60))

    assert "60 дней" in letter.text


# --- the mails --------------------------------------------------------------------------------


def test_still_right_is_asked_in_the_provider_s_language(house: House) -> None:
    house.has("fr")
    assert house.confirmations.step()

    ((_, mail),) = house.post.mails
    assert mail["Subject"] == "Toujours exact ? Typing Club"
    french, english = house.post.texts[0].split("— English —")
    assert translations("fr").gettext("Is what we say of it still right? You see it here, and can say so.") in french
    assert "Is what we say of it still right?" in english


def test_an_address_is_confirmed_and_a_request_is_passed_on_in_the_provider_s_language(house: House) -> None:
    house.has("sw")
    with house.database.write() as session:
        of: dict[str, Any] = {"reason": "need", "language": "en", "country": None, "need": {}}
        ticket = tickets.Ticket(**of)
        session.add(ticket)
        session.flush()
        session.add(Referral(ticket_id=ticket.id, record_id="typing-club", text="Excel for ten", state="queued"))
    assert house.referrals.step()
    house.referrals.enter_address("typing-club", ADDRESS, house.officer)

    passed, asked = house.post.texts
    swahili, english = passed.split("— English —")
    assert "Excel for ten" in swahili
    assert "kwa ridhaa ya mtu aliyeomba" in swahili
    assert "with the consent of the person who asked" in english
    assert "Nothing is sent before you confirm it." in asked
    assert translations("sw").gettext("Nothing is sent before you confirm it.") in asked


def test_in_english_nothing_is_said_twice(house: House) -> None:
    house.has("en")
    house.confirmations.step()

    assert "— English —" not in house.post.texts[0]
    assert house.post.mails[0][1]["Subject"] == "Still right? Typing Club"
