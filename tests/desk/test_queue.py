"""The queue and an officer's own chats."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from channels.console import ConsoleChannel
from desk.needs import need_line, outside, promise, span
from desk.queue import my_chats
from store import contacts, queue
from store.database import Database
from store.desk_tables import Presence, Trust
from store.tables import Audit, Conversation, Delivery, Message, Ticket, now
from store.vault import Vault
from tests.desk.conftest import House, Seat

WELDING = {"words": "welding in Kumasi", "question": {"elsewhere": ["trade-skill"]}}


class Letters(ConsoleChannel):
    """A channel that takes free text for a day only, as WhatsApp does."""

    window = timedelta(hours=24)


def change(house: House, number: int, **values: Any) -> None:
    with house.database.write() as session:
        for name, value in values.items():
            setattr(session.get_one(Ticket, number), name, value)


def trust(house: House, number: int, **values: Any) -> None:
    with house.database.write() as session:
        conversation = session.get_one(Conversation, session.get_one(Ticket, number).conversation_id)
        session.add(Trust(contact_id=conversation.contact_id, reason="a ministry", **values))


def numbers(page: str) -> list[int]:
    return [int(number) for number in re.findall(r'id="ticket-(\d+)"', page)]


def chats(page: str) -> list[int]:
    return [int(number) for number in re.findall(r'id="chat-(\d+)"', page)]


def read(house: House, number: int, seat: Seat) -> None:
    """The officer has seen all that the person wrote."""
    with house.database.write() as session:
        last = session.scalars(select(Message.id).order_by(Message.id.desc())).first()
        session.add(Presence(ticket_id=number, officer_id=seat.id, read_message_id=last))


def line(language: str = "en", **question: Any) -> str:
    return need_line(Ticket(need={"question": question}), language)


# --- the queue ----------------------------------------------------------------------------------


def test_the_need_stands_in_the_officers_language_beside_the_persons_own_words(house: House) -> None:
    house.ticket("nataka kujifunza python", language="sw", country="KE")
    page = house.seat(language="fr").get("/queue")
    assert "programmation en Python" in page
    assert '<blockquote dir="auto" lang="sw">nataka kujifunza python</blockquote>' in page
    assert "swahili" in page
    assert "Kenya" in page


def test_a_line_names_what_is_wanted_for_whom_where_in_which_language_and_at_what_price() -> None:
    wish = {"topics": {"spreadsheets": 0.7, "python": 1.0}, "audiences": ["teachers"], "countries": ["GH"]}
    told = line(**wish, taught_in=["fr"], free=True)
    assert (
        told
        == "Python programming, spreadsheets and Excel · for teachers and trainers · in Ghana · taught in French · free"
    )


def test_a_line_says_what_else_is_needed() -> None:
    assert line(needs=["financing"]).startswith("finding money")
    assert line(elsewhere=["trade-skill"]).startswith("a manual trade")


@pytest.mark.parametrize("question", [{}, None, [], {"topics": ["no-such"]}, {"topics": 7, "countries": "GH"}])
def test_a_need_that_cannot_be_read_says_so(question: Any) -> None:
    assert need_line(Ticket(need={"question": question}), "en") == "Not understood: see the person's own words"


def test_only_what_nobody_holds_is_in_the_queue_unless_one_asks_for_all(house: House) -> None:
    amina, omar = house.seat(), house.seat("Omar")
    free, taken = house.ticket(address="a"), house.ticket(address="b")
    house.escalation.claim(taken, omar.officer)
    assert numbers(amina.get("/queue")) == [free]
    everything = amina.get("/queue?held=1")
    assert numbers(everything) == [free, taken]
    assert "with <bdi>Omar</bdi>" in everything


def test_the_desk_begins_with_the_queue(house: House) -> None:
    number = house.ticket()
    assert numbers(house.seat().get("")) == [number]


def test_the_urgent_stand_first_then_the_trusted_then_what_is_promised_soonest_then_the_oldest(house: House) -> None:
    old, new, later, soon, trusted, urgent = (house.ticket(address=each) for each in "abcdef")
    change(house, old, opened_at=now() - timedelta(days=3))
    change(house, later, promised_at=now() + timedelta(hours=3))
    change(house, soon, promised_at=now() + timedelta(hours=1))
    trust(house, trusted)
    change(house, urgent, urgent=True)
    page = house.seat().get("/queue")
    assert numbers(page) == [urgent, trusted, soon, later, old, new]
    assert "Urgent" in page
    assert "Trusted" in page


def test_trust_that_was_taken_back_counts_no_more(house: House) -> None:
    first, second = house.ticket(address="a"), house.ticket(address="b")
    trust(house, second, active=False)
    page = house.seat().get("/queue")
    assert numbers(page) == [first, second]
    assert "Trusted" not in page


def test_leads_see_first_what_went_to_a_lead(house: House) -> None:
    first, moved = house.ticket(address="a"), house.ticket(address="b")
    change(house, moved, with_lead=True)
    assert numbers(house.seat("Lea", role="lead").get("/queue")) == [moved, first]
    assert numbers(house.seat().get("/queue")) == [first, moved]


def test_a_row_tells_how_long_the_person_waits_and_what_they_were_promised(house: House) -> None:
    number = house.ticket()
    change(house, number, opened_at=now() - timedelta(hours=3, minutes=20, seconds=5))
    change(house, number, promised_at=now() - timedelta(minutes=10, seconds=5))
    page = house.seat().get("/queue")
    assert "<bdi>3 hr 20 min</bdi>" in page
    assert "answer was promised 10 min ago" in page


def test_who_wrote_on_after_an_answer_waits_since_then(house: House) -> None:
    number = house.ticket()
    change(house, number, opened_at=now() - timedelta(days=2), answered_at=now() - timedelta(days=1))
    change(house, number, heard_at=now() - timedelta(hours=1))
    assert now() - queue.waiting_since(house.row(Ticket, number)) < timedelta(hours=2)


def test_who_writes_twice_before_an_answer_waits_since_the_first_time(house: House) -> None:
    number = house.ticket()
    change(house, number, opened_at=now() - timedelta(days=2))
    house.says("hello?")
    assert now() - queue.waiting_since(house.row(Ticket, number)) > timedelta(days=1)


def test_a_ticket_that_was_offered_to_an_officer_says_so_to_them_alone(house: House) -> None:
    amina, omar = house.seat(), house.seat("Omar")
    change(house, house.ticket(), offered_to=amina.id)
    assert "Offered to you" in amina.get("/queue")
    assert "Offered to you" not in omar.get("/queue")


def test_colleagues_see_who_looks_at_a_ticket_now(house: House) -> None:
    amina, omar = house.seat(), house.seat("Omar")
    number = house.ticket()
    assert omar.post(f"/tickets/{number}/presence", writing="0") == 204
    assert "looking: <bdi>Omar</bdi>" in amina.get("/queue")
    with house.database.write() as session:
        session.scalars(select(Presence)).one().seen_at = now() - timedelta(minutes=1)
    assert "looking:" not in amina.get("/queue")


def test_filters_show_what_they_say_and_offer_what_is_there(house: House) -> None:
    ghana = house.ticket(address="a")
    kenya = house.ticket(address="b", language="sw", country="KE", need={"question": {"topics": {"java": 1.0}}})
    amina = house.seat()
    assert numbers(amina.get("/queue?language=sw")) == [kenya]
    assert numbers(amina.get("/queue?country=GH")) == [ghana]
    assert numbers(amina.get("/queue?topic=java")) == [kenya]
    assert numbers(amina.get("/queue?topic=java&country=GH")) == []
    page = amina.get("/queue?country=GH")
    assert '<option value="GH" selected>Ghana</option>' in page
    assert '<option value="KE">Kenya</option>' in page


def test_words_of_people_are_shown_as_text(house: House) -> None:
    house.ticket("<script>alert(1)</script>")
    page = house.seat().get("/queue?topic=%22%3E%3Cscript%3Ealert(2)")
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in house.seat("Omar").get("/queue")


def test_it_is_noted_who_looks_but_not_each_time_the_list_is_drawn_anew(house: House) -> None:
    amina = house.seat()
    for _ in range(3):
        amina.get("/queue/rows")
        amina.get("/chats/rows")
    with house.database.read() as session:
        assert sorted(session.scalars(select(Audit.action))) == ["chats.view", "queue.view"]


# --- outside our field --------------------------------------------------------------------------


def test_what_is_outside_our_field_waits_in_its_own_lane(house: House) -> None:
    ours = house.ticket(address="a")
    trade = house.ticket(address="b", reason="elsewhere", need=WELDING)
    both = house.ticket(
        address="c", reason="elsewhere", need={"question": {"topics": {"python": 1.0}, "elsewhere": ["trade-skill"]}}
    )
    danger = house.ticket(address="d", reason="elsewhere", need=WELDING, urgent=True)
    amina = house.seat()
    assert numbers(amina.get("/queue")) == [danger, ours, both]
    assert numbers(amina.get("/queue?lane=outside")) == [trade]


def test_many_outside_our_field_are_closed_at_once_and_each_is_told_in_their_language(house: House) -> None:
    amina = house.seat()
    for address, language in (("a", "fr"), ("b", "en")):
        house.ticket("welding", address, reason="elsewhere", need=WELDING, language=language)
    answer = amina.browser.post("/desk/queue/close", data={"ticket": ["1", "2"]}, follow_redirects=False)
    assert answer.headers["location"] == "/desk/queue?lane=outside"
    with house.database.read() as session:
        told = {each.language: each.text for each in session.scalars(select(Delivery))}
        assert told == {"fr": outside("fr"), "en": outside("en")}
        assert {(each.state, each.outcome) for each in session.scalars(select(Ticket))} == {("closed", "gap")}
        acts = session.execute(select(Audit.action, Audit.subject).where(Audit.action == "ticket.close")).all()
        assert acts == [("ticket.close", "1 gap"), ("ticket.close", "2 gap")]


def test_only_what_is_outside_our_field_and_nobody_elses_is_closed_that_way(house: House) -> None:
    amina, omar = house.seat(), house.seat("Omar")
    ours = house.ticket(address="a")
    held = house.ticket("welding", "b", reason="elsewhere", need=WELDING)
    house.escalation.claim(held, omar.officer)
    amina.browser.post("/desk/queue/close", data={"ticket": [str(ours), str(held), "99", "x", "-1"]})
    assert house.row(Ticket, ours).state == house.row(Ticket, held).state == "open"


# --- taking -------------------------------------------------------------------------------------


def test_who_takes_a_ticket_comes_to_its_chat(house: House) -> None:
    amina, number = house.seat(), house.ticket()
    answer = amina.browser.post(f"/desk/tickets/{number}/claim", headers={"HX-Request": "true"})
    assert answer.headers["HX-Redirect"] == f"/desk/chats/{number}"
    assert house.row(Ticket, number).officer_id == amina.id


def test_without_scripts_as_well(house: House) -> None:
    number = house.ticket()
    answer = house.seat().browser.post(f"/desk/tickets/{number}/claim", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/desk/chats/{number}")


def test_of_two_who_click_at_once_one_gets_it_and_the_other_is_told_who(house: House) -> None:
    seats, number = [house.seat(), house.seat("Omar")], house.ticket()

    def click(seat: Seat) -> tuple[int, str]:
        answer = seat.browser.post(f"/desk/tickets/{number}/claim", headers={"HX-Request": "true"})
        return answer.status_code, answer.text

    with ThreadPoolExecutor() as pool:
        answers = list(pool.map(click, seats))
    holder = house.row(Ticket, number).officer_id
    winner, loser = sorted(zip(seats, answers, strict=True), key=lambda each: each[0].id != holder)
    assert winner[1][0] == 204
    assert loser[1] == (409, f"{winner[0].officer.name} has request {number} already.")


def test_a_closed_ticket_cannot_be_taken(house: House) -> None:
    number = house.ticket()
    house.escalation.close(number, "gap", "root")
    assert house.seat().post(f"/tickets/{number}/claim") == 409


def test_nothing_is_taken_or_closed_without_proof_that_the_page_is_ours(house: House) -> None:
    amina, number = house.seat(), house.ticket("welding", reason="elsewhere", need=WELDING)
    amina.browser.headers.pop("x-csrf-token")
    for path in (f"/tickets/{number}/claim", "/queue/close", f"/tickets/{number}/presence"):
        assert amina.post(path, ticket=str(number), csrf="guessed") == 403
    assert house.row(Ticket, number).officer_id is None


# --- my chats -----------------------------------------------------------------------------------


def test_chats_with_something_unread_stand_first_and_are_counted(house: House) -> None:
    amina = house.seat()
    for number in (house.ticket(address=each) for each in "abc"):
        house.escalation.claim(number, amina.officer)
        read(house, number, amina)
    assert amina.get("/unread") == ""
    house.says("are you there?", "c")
    house.says("hello?", "c")
    page = amina.get("/chats")
    assert chats(page) == [3, 1, 2]
    assert '<span class="quiet">unread: </span>2</span>' in page
    assert "hello?" in page
    assert amina.get("/unread") == "1"


def test_a_chat_that_came_from_a_colleague_is_unread_until_it_is_opened(house: House) -> None:
    amina, omar, number = house.seat(), house.seat("Omar"), house.ticket()
    house.escalation.claim(number, omar.officer)
    house.escalation.transfer(number, omar.officer, amina.id, "")
    assert amina.get("/unread") == "1"
    read(house, number, amina)
    assert amina.get("/unread") == ""


def test_then_comes_what_is_due_first(house: House) -> None:
    amina = house.seat()
    for number, hours in ((house.ticket(address=f"p{hours}"), hours) for hours in (5, 1, 3)):
        house.escalation.claim(number, amina.officer)
        read(house, number, amina)
        change(house, number, promised_at=now() + timedelta(hours=hours, seconds=5))
    page = amina.get("/chats")
    assert chats(page) == [2, 3, 1]
    assert "answer promised in 1 hr" in page


def test_a_chat_shows_until_when_the_channel_takes_free_text(house: House) -> None:
    amina, number = house.seat(), house.ticket()
    house.escalation.claim(number, amina.officer)
    parts = replace(house.parts, channels={"console": Letters()})
    with house.database.write() as session:
        contact = contacts.of_conversation(session, 1)
        contact.seen_at = now() - timedelta(hours=22)
        (row,) = my_chats(session, parts, amina.id)
        assert row.window
        assert re.fullmatch(r"free text for 1 hr 5\d min more", row.window.words)
        assert row.window.late
        contact.seen_at = now() - timedelta(hours=25)
        (row,) = my_chats(session, parts, amina.id)
        assert row.window
        assert row.window.words == "free text only once they write again"
        (row,) = my_chats(session, house.parts, amina.id)
        assert row.window is None


def test_snoozed_chats_are_folded_away_until_the_person_writes(house: House) -> None:
    amina = house.seat()
    for address in "ab":
        number = house.ticket(address=address)
        house.escalation.claim(number, amina.officer)
        read(house, number, amina)
    house.escalation.snooze(1, amina.officer, now() + timedelta(hours=4, seconds=5))
    page = amina.get("/chats")
    assert chats(page) == [2, 1]
    assert re.search(r'<details class="snoozed"[^>]*>.*id="chat-1".*back in .*4 hr', page, re.DOTALL)
    house.says("I am here now", "a")
    assert "snoozed" not in amina.get("/chats")


def test_the_list_marks_the_chat_that_is_open(house: House) -> None:
    amina = house.seat()
    for address in "ab":
        house.escalation.claim(house.ticket(address=address), amina.officer)
    page = amina.get("/chats/rows?current=2")
    assert re.findall(r'id="chat-(\d)"[^>]*aria-current', page) == ["2"]
    assert 'hx-get="/desk/chats/rows?current=2"' in page


def test_the_list_shows_ones_own_open_chats_only(house: House) -> None:
    amina, omar = house.seat(), house.seat("Omar")
    for address, seat in (("a", amina), ("b", omar), ("c", amina)):
        house.escalation.claim(house.ticket(address=address), seat.officer)
    house.escalation.close(3, "gap", "amina", amina.officer)
    assert chats(amina.get("/chats")) == [1]


def test_the_list_survives_a_person_who_was_forgotten(house: House) -> None:
    amina, number = house.seat(), house.ticket()
    house.escalation.claim(number, amina.officer)
    change(house, number, conversation_id=None, need={"question": {"topics": {"python": 1.0}}})
    assert chats(amina.get("/chats")) == [number]


def test_thirty_chats_take_a_handful_of_queries(house: House) -> None:
    from sqlalchemy import event

    amina = house.seat()
    for each in range(30):
        house.escalation.claim(house.ticket(address=f"p{each}"), amina.officer)
    asked: list[str] = []
    event.listen(house.database.engine, "before_cursor_execute", lambda *call: asked.append(call[2]))
    with house.database.read() as session:
        assert len(my_chats(session, house.parts, amina.id)) == 30
    assert len(asked) <= 6


# --- the frame ----------------------------------------------------------------------------------


def test_each_page_leads_where_its_officer_may_go(house: House) -> None:
    assert 'href="/desk/audit"' not in house.seat().get("/queue")
    assert 'href="/desk/referrals"' in house.seat("Lea", role="lead").get("/queue")
    assert 'href="/desk/audit"' in house.seat("Ada", role="administrator").get("/queue")


def test_pages_speak_the_officers_language_in_its_direction(house: House) -> None:
    assert '<html lang="ar" dir="rtl">' in house.seat(language="ar").get("/chats")


# --- words and rows -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("minutes", "words"),
    [(0, "0 min"), (59.9, "59 min"), (60, "1 hr"), (200, "3 hr 20 min"), (1441, "1 day"), (3000, "2 days 2 hr")],
)
def test_a_length_of_time_is_told_in_its_two_largest_units(minutes: float, words: str) -> None:
    assert span(timedelta(minutes=minutes), "en") == words


def test_a_promise_that_is_near_or_over_is_marked() -> None:
    moment = now()
    assert not promise(moment + timedelta(hours=1), moment, "en").late
    assert promise(moment + timedelta(minutes=5), moment, "en").late
    assert promise(moment - timedelta(minutes=5), moment, "en").late


def test_lists_and_looks_work_on_both_databases(database: Database, vault: Vault, tmp_path) -> None:  # type: ignore[no-untyped-def]
    from bot.settings import Settings

    house = House(database, vault, Settings(_env_file=None, home=tmp_path), None)  # type: ignore[call-arg]
    amina, number = house.seat(), house.ticket()
    assert numbers(amina.get("/queue")) == [number]
    house.escalation.claim(number, amina.officer)
    for writing in "10":
        assert amina.post(f"/tickets/{number}/presence", writing=writing) == 204
    house.says("hello")
    assert amina.get("/unread") == "1"
    assert chats(amina.get("/chats")) == [number]
    with database.read() as session:
        kinds = {mark.kind for mark in queue.marks(session, now() - timedelta(minutes=1), now())}
        assert kinds == {"ticket", "message", "delivery", "presence"}
        assert session.scalars(select(Presence)).one().writing_at is None
