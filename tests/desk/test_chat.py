"""The page of a chat: what an officer sees of it, and what they can do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from channels.console import ConsoleChannel
from desk.chat import VIEW_EVERY, Views
from desk.chat_acts import tomorrow
from desk.chat_words import level
from store import chat, contacts, outbox, tickets
from store.desk_tables import Canned, Note, Officer, Presence, Trust
from store.tables import Audit, Contact, Delivery, Ticket, now
from tests.desk.conftest import House, Seat

HTMX = {"HX-Request": "true"}


class Windowed(ConsoleChannel):
    """A channel that takes free text for a day only, as WhatsApp does."""

    window = timedelta(hours=24)


def said(house: House) -> list[Delivery]:
    with house.database.read() as session:
        return list(session.scalars(select(Delivery).order_by(Delivery.id)))


def answers(house: House) -> list[str]:
    return [delivery.text for delivery in said(house) if delivery.author == "officer"]


def audited(house: House, action: str) -> list[str]:
    with house.database.read() as session:
        return list(session.scalars(select(Audit.subject).where(Audit.action == action).order_by(Audit.id)))


def held(house: House, seat: Seat, **more: Any) -> int:
    """A ticket that somebody has."""
    number = house.ticket(**more)
    house.escalation.claim(number, seat.officer)
    return number


def silent(house: House, address: str = "somebody") -> None:
    """The person wrote two days ago."""
    with house.database.write() as session:
        contact = contacts.meet(session, house.vault, "console", address)[0]
        contact.seen_at = now() - timedelta(days=2)


def tell(house: House, number: int, text: str, **more: Any) -> int:
    """Put something into the outbox for the person of a ticket."""
    with house.database.write() as session:
        conversation = session.get_one(Ticket, number).conversation_id
        assert conversation is not None
        delivery = outbox.queue(session, conversation, "en", text, **more)
        return delivery.id


def has(page: str, *parts: str) -> bool:
    return all(part in page for part in parts)


# --- what is seen ---------------------------------------------------------------------------


def test_the_page_shows_what_person_assistant_and_officer_said(house: House) -> None:
    amina = house.seat()
    number = held(house, amina, words="welding in Kumasi")
    tell(house, number, "This is Dalil")
    assert amina.post(f"/chats/{number}/reply", text="Good day", after="0") == 303
    page = amina.get(f"/chats/{number}")
    assert has(page, 'class="bubble person', 'class="bubble assistant', 'class="bubble officer')
    assert has(page, "welding in Kumasi", "This is Dalil", "Good day")


def test_a_message_says_what_became_of_it(house: House) -> None:
    amina = house.seat()
    number = held(house, amina)
    states = {"sent": "sent", "delivered": "delivered", "read": "read", "parked": "waits until the person writes"}
    for state in states:
        delivery = tell(house, number, f"text {state}")
        with house.database.write() as session:
            session.get_one(Delivery, delivery).state = state
    dead = tell(house, number, "never arrived")
    with house.database.write() as session:
        outbox.bury(session, session.get_one(Delivery, dead), "the number does not exist")
    page = amina.get(f"/chats/{number}/live")
    for state, words in states.items():
        assert f'<span class="state {state}">{words}</span>' in page
    assert 'class="state dead">failed: <bdi>the number does not exist</bdi>' in page


def test_what_is_no_text_is_named(house: House) -> None:
    amina = house.seat()
    number = held(house, amina)
    with house.database.write() as session:
        from store import inbox

        conversation = session.get_one(Ticket, number).conversation_id or 0
        inbox.keep(session, conversation, "picture", "image", "")
    assert "sent an image" in amina.get(f"/chats/{number}/live")


def test_what_the_person_writes_after_closing_stays_with_the_assistant(house: House) -> None:
    amina = house.seat()
    number = held(house, amina)
    assert amina.post(f"/chats/{number}/close", outcome="gap") == 303
    with house.database.write() as session:
        session.get_one(Ticket, number).closed_at = now() - timedelta(minutes=1)
    house.says("my private matter")
    page = amina.get(f"/chats/{number}/live")
    assert "my private matter" not in page
    assert "a gap: nobody offers this" in page


def test_the_need_and_why_the_assistant_handed_over_are_shown(stocked: House) -> None:
    amina = stocked.seat()
    record = next(iter(stocked.parts.engine().records()))  # type: ignore[union-attr]
    question = {"topics": {"python": 1.0}, "free": True, "taught_in": ["sw"], "language": "en"}
    need = {"words": "python in Swahili", "question": question, "shown": [record.id]}
    number = held(stocked, amina, need=need)
    page = amina.get(f"/chats/{number}/live")
    assert has(page, "nothing fitted", record.name.replace("&", "&amp;"))
    assert has(page, 'name="free" value="1" checked', 'name="tongue" value="sw" checked')
    assert 'name="topic" value="python" checked' in page


def test_a_shown_record_says_which_demand_it_breaks(stocked: House) -> None:
    amina = stocked.seat()
    engine = stocked.parts.engine()
    assert engine is not None
    record = next(r for r in engine.records() if r.languages and "sw" not in r.languages)
    need = {"words": "x", "question": {"taught_in": ["sw"], "language": "en"}, "shown": [record.id]}
    number = held(stocked, amina, need=need)
    assert "✗ not in the language asked for" in amina.get(f"/chats/{number}/live")


def test_an_officer_who_has_not_the_chat_reads_but_cannot_write(house: House) -> None:
    amina, omar = house.seat("Amina"), house.seat("Omar")
    number = held(house, amina)
    page = omar.get(f"/chats/{number}/live")
    assert "<bdi>Amina</bdi> has this request. You can read along." in page
    assert 'id="text"' not in page
    assert omar.post(f"/chats/{number}/reply", text="Me too", after="0") == 409
    assert answers(house) == []


def test_a_chat_that_nobody_has_offers_to_take_it(house: House) -> None:
    page = house.seat().get(f"/chats/{house.ticket()}/live")
    assert has(page, "/claim", "Take it")
    assert 'id="text"' not in page


def test_who_takes_back_the_talk_is_told_that_the_person_went_to_the_assistant(house: House) -> None:
    amina = house.seat()
    number = held(house, amina)
    with house.database.write() as session:
        session.get_one(Ticket, number).handed_back_at = now()
    assert "The person went back to the assistant." in amina.get(f"/chats/{number}/live")


def test_opening_marks_as_read_unless_nobody_sees_the_page(house: House) -> None:
    amina = house.seat()
    number = held(house, amina)
    amina.browser.get(f"/desk/chats/{number}/live", headers={"X-Hidden": "1"})
    assert read_by(house, number, amina) == 0
    answer = amina.browser.get(f"/desk/chats/{number}/live")
    assert read_by(house, number, amina) > 0
    assert answer.headers["HX-Trigger"] == "mine"
    assert "HX-Trigger" not in amina.browser.get(f"/desk/chats/{number}/live").headers


def read_by(house: House, number: int, seat: Seat) -> int:
    with house.database.read() as session:
        mine = select(Presence.read_message_id).where(
            Presence.ticket_id == number, Presence.officer_id == seat.officer.id
        )
        return session.scalar(mine) or 0


def test_new_messages_are_marked_as_new_once(house: House) -> None:
    amina = house.seat()
    number = held(house, amina)
    amina.get(f"/chats/{number}/live")
    house.says("are you there?")
    assert amina.get(f"/chats/{number}/live").count("bubble person fresh") == 1
    assert "bubble person fresh" not in amina.get(f"/chats/{number}/live")


def test_a_view_is_audited_once_in_ten_minutes(house: House) -> None:
    amina, omar = house.seat("Amina"), house.seat("Omar")
    number = house.ticket()
    for _ in range(3):
        amina.get(f"/chats/{number}/live")
    omar.get(f"/chats/{number}/live")
    assert audited(house, "ticket.view") == [str(number)] * 2


def test_after_ten_minutes_a_view_is_due_again() -> None:
    views, start = Views(), datetime(2026, 11, 25, 12, tzinfo=UTC)
    assert views.due(1, 7, start)
    views.noted(1, 7, start)
    assert not views.due(1, 7, start + VIEW_EVERY - timedelta(seconds=1))
    assert views.due(1, 8, start)
    assert views.due(1, 7, start + VIEW_EVERY)


def test_there_is_no_chat_without_a_ticket(house: House) -> None:
    amina = house.seat()
    for path in ("/chats/99", "/chats/99/live", "/chats/99/search", "/chats/99/drafting"):
        assert amina.browser.get(f"/desk{path}").status_code == 404
    assert amina.post("/chats/99/reply", text="hello", after="0") == 404
    assert amina.browser.get("/desk/chats/99999999999999999999").status_code in {400, 404, 422}


# --- the address ----------------------------------------------------------------------------


def whatsapp(house: House) -> int:
    with house.database.write() as session:
        conversation = contacts.meet(session, house.vault, "whatsapp", "+254712345678")[1]
        return tickets.open_one(
            session, conversation.id, reason="person", language="sw", country="KE", need={"words": "habari"}
        ).id


def test_an_address_is_masked_until_it_is_asked_for_and_that_is_logged(house: House) -> None:
    amina, number = house.seat(), whatsapp(house)
    house.escalation.claim(number, amina.officer)
    page = amina.get(f"/chats/{number}/live")
    assert "…5678" in page
    assert "71234" not in page
    answer = amina.browser.post(f"/desk/tickets/{number}/address")
    assert "+254712345678" in answer.text
    assert audited(house, "ticket.address") == [str(number)]
    assert "71234" not in amina.get(f"/chats/{number}/live")


def test_only_who_has_the_chat_or_leads_sees_the_address(house: House) -> None:
    omar, lead, number = house.seat("Omar"), house.seat("Lena", role="lead"), whatsapp(house)
    assert omar.post(f"/tickets/{number}/address") == 403
    assert lead.post(f"/tickets/{number}/address") == 200
    assert audited(house, "ticket.address") == [str(number)]


# --- answering ------------------------------------------------------------------------------


def test_a_double_click_sends_once_and_the_next_form_may_say_the_same(house: House) -> None:
    amina = house.seat()
    number = held(house, amina)
    after = str(said(house)[-1].id)
    for _ in range(2):
        amina.post(f"/chats/{number}/reply", text="ok ", after=after)
    assert answers(house) == ["ok"]
    amina.post(f"/chats/{number}/reply", text="ok", after=str(said(house)[-1].id))
    assert answers(house) == ["ok", "ok"]


def test_clicks_at_the_same_moment_send_once(house: House) -> None:
    from concurrent.futures import ThreadPoolExecutor

    amina = house.seat()
    number = held(house, amina)
    after = str(said(house)[-1].id)
    with ThreadPoolExecutor(4) as pool:
        sent = list(pool.map(lambda _: amina.post(f"/chats/{number}/reply", text="ok", after=after), range(4)))
    assert sent == [303] * 4
    assert answers(house) == ["ok"]


def test_nothing_and_far_too_much_are_refused_in_words(house: House) -> None:
    amina = house.seat()
    number = held(house, amina)
    for text, words in ((" ", "Write something first."), ("x" * 4001, "4000 characters at most")):
        answer = amina.browser.post(f"/desk/chats/{number}/reply", data={"text": text, "after": "0"}, headers=HTMX)
        assert answer.status_code == 422
        assert words in answer.text
    assert answers(house) == []


def test_a_draft_is_kept_until_it_is_sent(house: House) -> None:
    amina = house.seat()
    number = held(house, amina)
    assert amina.post(f"/chats/{number}/draft", text="half a <sentence>") == 204
    assert "half a &lt;sentence&gt;</textarea>" in amina.get(f"/chats/{number}/live")
    amina.post(f"/chats/{number}/reply", text="a sentence", after="0")
    assert "half a" not in amina.get(f"/chats/{number}/live")


def test_others_see_that_somebody_is_writing(house: House) -> None:
    amina, omar = house.seat("Amina"), house.seat("Omar")
    number = held(house, amina)
    assert "Amina" not in omar.get(f"/chats/{number}/presence")
    amina.get(f"/chats/{number}/live")
    assert "<bdi>Amina</bdi> is looking at this." in omar.get(f"/chats/{number}/presence")
    amina.post(f"/chats/{number}/draft", text="Dear")
    assert "<bdi>Amina</bdi> is writing …" in omar.get(f"/chats/{number}/presence")
    assert "Amina" not in amina.get(f"/chats/{number}/presence")


def test_signs_of_life_run_out(house: House) -> None:
    amina, omar = house.seat("Amina"), house.seat("Omar")
    number = held(house, amina)
    amina.post(f"/chats/{number}/draft", text="Dear")
    with house.database.read() as session:
        later = chat.others(session, number, omar.id, now() + chat.WRITING)
        gone = chat.others(session, number, omar.id, now() + chat.PRESENT)
    assert [(each.name, each.writing) for each in later] == [("Amina", False)]
    assert gone == []


def test_only_who_has_the_chat_keeps_a_draft(house: House) -> None:
    omar = house.seat("Omar")
    number = held(house, house.seat("Amina"))
    assert omar.post(f"/chats/{number}/draft", text="Me") == 409


def test_outside_the_window_the_box_says_that_words_wait(house: House) -> None:
    house.parts.channels["console"] = Windowed()  # type: ignore[index]
    amina = house.seat()
    number = held(house, amina)
    assert "Free text can be sent until" in amina.get(f"/chats/{number}/live")
    silent(house)
    page = amina.get(f"/chats/{number}/live")
    assert has(page, "the channel takes no free text now", "Keep it, and ask them to write again")
    assert "Ctrl+Enter" not in page
    with house.database.write() as session:
        contact = contacts.meet(session, house.vault, "console", "somebody")[0]
        contact.invited_at = now()
    page = amina.get(f"/chats/{number}/live")
    assert has(page, "They were asked to write again", "Keep it until they write")


def test_who_asked_for_silence_is_not_written_to(house: House) -> None:
    amina = house.seat()
    number = held(house, amina)
    with house.database.write() as session:
        contacts.meet(session, house.vault, "console", "somebody")[0].stopped_at = now()
    page = amina.get(f"/chats/{number}/live")
    assert "The person asked for no more messages." in page
    assert 'id="text"' not in page


def test_htmx_gets_a_fresh_box_and_the_live_parts_are_told(house: House) -> None:
    amina = house.seat()
    number = held(house, amina)
    data = {"text": "hello", "after": "0"}
    answer = amina.browser.post(f"/desk/chats/{number}/reply", data=data, headers=HTMX)
    assert answer.text.strip().startswith('<section class="answer" id="reply"')
    assert f'value="{said(house)[-1].id}"' in answer.text
    assert answer.headers["HX-Trigger"] == f"ticket:{number}, mine"


# --- ready-made answers ---------------------------------------------------------------------


def test_a_ready_made_answer_in_the_language_of_the_person_is_offered_filled_in(house: House) -> None:
    lead = house.seat("Lena", role="lead")
    assert lead.post("/canned", language="en", title="Hello", text="I am {name}, about {number} {other}") == 303
    assert lead.post("/canned", language="fr", title="Bonjour", text="Je suis {name}") == 303
    number = held(house, lead)
    page = lead.get(f"/chats/{number}/live")
    assert f'data-text="I am Lena, about {number} {{other}}"' in page
    assert "Bonjour" not in page


def test_leads_write_ready_made_answers_and_officers_read_them(house: House) -> None:
    lead, amina = house.seat("Lena", role="lead"), house.seat()
    lead.post("/canned", language="en", title="Hello", text="Hello")
    with house.database.read() as session:
        key = session.scalars(select(Canned.id)).one()
    assert "Hello" in amina.get("/canned")
    assert "/desk/canned/" not in amina.get("/canned")
    for path in ("/canned", f"/canned/{key}", f"/canned/{key}/delete"):
        assert amina.post(path, language="en", title="No", text="No") == 403
    assert lead.post(f"/canned/{key}", language="fr", title="Salut", text="Salut") == 303
    assert house.row(Canned, key).text == "Salut"
    assert lead.post(f"/canned/{key}", language="xx", title="Salut", text="Salut") == 422
    assert lead.post(f"/canned/{key}/delete") == 303
    assert house.row(Canned, key) is None
    assert audited(house, "canned.delete") == [str(key)]


# --- the catalogue --------------------------------------------------------------------------


def test_the_search_begins_with_the_need_and_says_why(stocked: House) -> None:
    amina = stocked.seat()
    question = {"topics": {"programming": 1.0}, "text": "learn programming", "language": "en"}
    number = held(stocked, amina, need={"words": "learn programming", "question": question})
    page = amina.get(f"/chats/{number}/search")
    assert 1 <= page.count('<article class="hit">') <= 8
    assert has(page, '<p class="why">✓', "/share")


def test_the_search_shows_what_breaks_a_demand_after_what_fits(stocked: House) -> None:
    amina = stocked.seat()
    question = {"topics": {"programming": 1.0}, "taught_in": ["am"], "free": True, "language": "en", "text": "code"}
    number = held(stocked, amina, need={"words": "code", "question": question})
    page = amina.get(f"/chats/{number}/search")
    assert "✗" in page
    first_broken = page.index("✗")
    assert "not in the language asked for" in page[first_broken:]
    fitting = page[:first_broken].rsplit("<article", 1)[0].count("<article")
    assert "✗" not in "".join(page.split("<article")[1 : fitting + 1])


def test_the_officers_own_words_are_searched(stocked: House) -> None:
    amina = stocked.seat()
    number = held(stocked, amina, need={"words": "?", "question": {"needs": ["job"], "language": "en"}})
    assert "cybersecurity" in amina.get(f"/chats/{number}/search?q=cybersecurity").lower()


def test_without_retrieval_the_search_says_so(house: House) -> None:
    amina = house.seat()
    assert "cannot be searched at the moment" in amina.get(f"/chats/{house.ticket()}/search?q=python")


def test_sharing_posts_the_card_in_the_persons_language_once(stocked: House) -> None:
    amina = stocked.seat()
    number = held(stocked, amina, language="fr")
    engine = stocked.parts.engine()
    assert engine is not None
    record = next(each for each in engine.records() if each.cost and each.offered)
    for _ in range(2):
        assert amina.post(f"/chats/{number}/share", record=record.id) == 303
    assert len(answers(stocked)) == 1
    assert "Coût" in answers(stocked)[0]
    assert stocked.row(Ticket, number).matched == [record.id]
    assert amina.post(f"/chats/{number}/share", record="no-such-record") == 422


def test_a_draft_is_made_in_the_persons_language_from_chosen_records(stocked: House) -> None:
    amina = stocked.seat()
    number = held(stocked, amina)
    engine = stocked.parts.engine()
    assert engine is not None
    record = next(each for each in engine.records() if each.url)
    text = amina.get(f"/chats/{number}/drafting?record={record.id}&record=unknown")
    assert has(text, "I am Amina", str(number), record.name, str(record.url).rstrip("/"))
    assert answers(stocked) == []
    assert "a little more" in amina.get(f"/chats/{number}/drafting")


# --- the need, notes, steps -----------------------------------------------------------------


def test_the_need_is_corrected(house: House) -> None:
    amina = house.seat()
    number = held(house, amina)
    fields = {
        "topic": ["cybersecurity", "", "no-such-topic"],
        "country": "KE",
        "tongue": ["sw", "<b>"],
        "audience": ["women-girls"],
        "free": "1",
    }
    answer = amina.browser.post(f"/desk/chats/{number}/need", data=fields, follow_redirects=False)
    assert answer.status_code == 303
    ticket = house.row(Ticket, number)
    question = ticket.need["question"]
    assert question["topics"] == {"cybersecurity": 1.0}
    assert (question["taught_in"], question["audiences"], question["free"]) == (["sw"], ["women-girls"], True)
    assert (ticket.country, question["countries"], question["certificate"]) == ("KE", ["KE"], False)
    assert ticket.need["words"] == "welding in Kumasi"
    assert audited(house, "ticket.need") == [str(number)]


def test_a_note_is_for_officers_only(house: House) -> None:
    amina, omar = house.seat("Amina"), house.seat("Omar")
    number = held(house, amina)
    before = len(said(house))
    assert omar.post(f"/chats/{number}/note", text="Ask her about Accra") == 303
    page = amina.get(f"/chats/{number}/live")
    assert has(page, "Ask her about Accra", "<bdi>Omar</bdi>")
    assert len(said(house)) == before
    assert omar.post(f"/chats/{number}/note", text="  ") == 422


def test_a_step_is_set_by_who_has_the_chat(house: House) -> None:
    amina, omar = house.seat("Amina"), house.seat("Omar")
    number = held(house, amina)
    assert omar.post(f"/chats/{number}/step", step="referred") == 409
    assert amina.post(f"/chats/{number}/step", step="referred") == 303
    assert house.row(Ticket, number).step == "referred"
    assert "Another partner" in amina.get(f"/chats/{number}/live")
    assert amina.post(f"/chats/{number}/step", step="flown") == 422


@pytest.mark.parametrize(
    ("step", "outcome", "matched", "reached"),
    [
        ("new", None, [], "facility"),
        ("matched", None, ["a"], "offer"),
        ("referred", None, ["a"], "partner"),
        ("closed", "matched", ["a"], "offer"),
        ("closed", "referred", [], "partner"),
        ("closed", "gap", ["a"], "facility"),
    ],
)
def test_the_level_reached_follows_step_and_outcome(
    step: str, outcome: str | None, matched: list[str], reached: str
) -> None:
    assert level(Ticket(step=step, outcome=outcome, matched=matched)) == reached


# --- leaving the chat -----------------------------------------------------------------------


def test_closing_as_matched_needs_a_record_that_there_is(stocked: House, catalogue: Any) -> None:
    amina = stocked.seat()
    number = held(stocked, amina)
    assert amina.post(f"/chats/{number}/close", outcome="matched") == 422
    assert amina.post(f"/chats/{number}/close", outcome="matched", typed="no-such-record") == 422
    assert stocked.row(Ticket, number).state == "open"


def test_closing_keeps_which_records_fit(house: House) -> None:
    from store.tables import Record

    amina = house.seat()
    number = held(house, amina)
    with house.database.write() as session:
        for key in ("first", "second"):
            session.add(Record(id=key, kind="programme", body={}, digest="", status="active", source=""))
    assert amina.post(f"/chats/{number}/close", outcome="matched", record="first", typed="second, first") == 303
    ticket = house.row(Ticket, number)
    assert (ticket.state, ticket.outcome, ticket.matched) == ("closed", "matched", ["first", "second"])
    assert amina.post(f"/chats/{number}/reply", text="One more", after="0") == 404


def test_leaving_a_chat_by_htmx_leads_to_ones_chats(house: House) -> None:
    amina = house.seat()
    number = held(house, amina)
    answer = amina.browser.post(f"/desk/chats/{number}/release", headers=HTMX)
    assert answer.headers["HX-Redirect"] == "/desk/chats"
    assert house.row(Ticket, number).officer_id is None


def test_a_chat_is_handed_over_with_a_note(house: House) -> None:
    amina, omar = house.seat("Amina"), house.seat("Omar", languages=["sw"], capacity=12)
    number = held(house, amina)
    house.ticket(address="another")
    page = amina.get(f"/chats/{number}/live")
    assert has(page, "Omar · Swahili · 0 of 12 chats")
    assert amina.post(f"/chats/{number}/transfer", to=str(omar.id), text="Speaks Swahili") == 303
    assert house.row(Ticket, number).officer_id == omar.id
    assert "Speaks Swahili" in omar.get(f"/chats/{number}/live")
    assert amina.post(f"/chats/{number}/reply", text="Still me?", after="0") == 409
    assert omar.post(f"/chats/{number}/transfer", to="", text="") == 422
    assert omar.post(f"/chats/{number}/transfer", to="999", text="") == 422


def test_a_lead_hands_over_the_chat_of_somebody_who_is_away(house: House) -> None:
    amina, omar, lead = house.seat("Amina"), house.seat("Omar"), house.seat("Lena", role="lead")
    number = held(house, amina)
    assert omar.post(f"/chats/{number}/transfer", to=str(omar.id), text="") == 409, "he is no lead"
    assert f'<option value="{lead.id}">Lena' in lead.get(f"/chats/{number}/live") + lead.get(f"/chats/{number}")

    assert lead.post(f"/chats/{number}/transfer", to=str(omar.id), text="Amina is ill") == 303
    assert house.row(Ticket, number).officer_id == omar.id
    assert "Amina is ill" in omar.get(f"/chats/{number}/live")
    with house.database.read() as session:
        told = session.scalars(select(Delivery.text).order_by(Delivery.id.desc())).first() or ""
    assert "Omar" in told, "the person knows who has their request"


def test_a_chat_is_put_aside_and_taken_up_again(house: House) -> None:
    amina = house.seat()
    number = held(house, amina)

    def until(word: str) -> datetime | None:
        assert amina.post(f"/chats/{number}/snooze", until=word) == 303
        moment: datetime | None = house.row(Ticket, number).snoozed_until
        return moment

    for word, length in (("hour", timedelta(hours=1)), ("hours", timedelta(hours=4))):
        moment = until(word)
        assert moment is not None
        assert abs(moment - now() - length) < timedelta(seconds=30)
    assert until("wake") is None
    assert (until("heard") or now()) > now() + timedelta(days=300)
    house.says("hello?")
    assert house.row(Ticket, number).snoozed_until is None
    assert amina.post(f"/chats/{number}/snooze", until="never") == 422


def test_tomorrow_is_eight_by_the_officers_clock() -> None:
    from desk.access import Visit

    officer = Officer(login="a", name="A", role="officer", language="en", hours={"zone": "Asia/Dhaka"})
    moment = tomorrow(Visit(officer, ""))
    assert (moment.hour, moment.minute, str(moment.tzinfo)) == (8, 0, "Asia/Dhaka")
    assert timedelta(0) < moment - now() <= timedelta(hours=32)


# --- trust ----------------------------------------------------------------------------------


def test_a_lead_gives_trust_with_a_reason_and_takes_it_back(house: House) -> None:
    lead, number = house.seat("Lena", role="lead"), house.ticket()
    assert lead.post(f"/chats/{number}/trust", give="1", reason=" ") == 422
    assert lead.post(f"/chats/{number}/trust", give="1", reason="Ministry of Labour") == 303
    assert has(lead.get(f"/chats/{number}/live"), "trusted", "Ministry of Labour")
    with house.database.read() as session:
        contact = session.scalars(select(Contact)).one()
        trust = session.get_one(Trust, contact.id)
        assert (trust.active, trust.given_by) == (True, lead.id)
    assert lead.post(f"/chats/{number}/trust", give="0") == 303
    assert "Ministry of Labour" not in lead.get(f"/chats/{number}/live")
    assert audited(house, "trust.give") == [f"{number}"], "the reason may say who it is"
    assert audited(house, "trust.take") == [str(number)]


def test_an_officer_cannot_give_trust(house: House) -> None:
    amina = house.seat()
    number = held(house, amina)
    assert amina.post(f"/chats/{number}/trust", give="1", reason="my cousin") == 403
    assert "/trust" not in amina.get(f"/chats/{number}/live")


# --- on both kinds of database --------------------------------------------------------------


def test_presence_is_one_row_however_often_one_looks(database: Any, vault: Any) -> None:
    with database.write() as session:
        officer = Officer(login="a@desk.test", name="A", role="officer")
        session.add(officer)
        conversation = contacts.meet(session, vault, "console", "x")[1]
        ticket = tickets.open_one(session, conversation.id, reason="person", language="en", country=None, need={})
        session.flush()
        for text in ("one", "two"):
            chat.keep_draft(session, ticket.id, officer.id, text)
        chat.look(session, ticket, officer.id, read=True)
        assert [row.draft for row in session.scalars(select(Presence))] == ["two"]
        chat.give_trust(session, conversation.contact_id, officer.id, "because")
        chat.give_trust(session, conversation.contact_id, officer.id, "still")
        assert chat.take_trust(session, conversation.contact_id)
        assert not chat.take_trust(session, conversation.contact_id)
        assert chat.colleagues(session, 0) == [(officer, 0)]
        session.add(Note(ticket_id=ticket.id, officer_id=officer.id, text="n"))
        session.flush()
        assert [(note.text, name) for note, name in chat.notes(session, ticket.id)] == [("n", "A")]
