"""Who waits is told when somebody answers; who says “cancel” cancels what is going on, and nothing else."""

from __future__ import annotations

from datetime import timedelta
from itertools import count

import pytest
from sqlalchemy import select, update

from bot.controls import Control, control
from bot.outcome import Manners
from bot.turn import Assistant
from channels.contract import Inbound, Kind
from retrieval.engine import Engine
from store.database import Database
from store.desk_tables import Officer, Referral
from store.tables import Contact, Delivery, Message, Ticket, Turn, now
from store.vault import Vault
from tests.bot.test_worker import House

ALWAYS = {"zone": "UTC", "days": {str(day): ["00:00", "23:59"] for day in range(7)}}
WELDING = "where can i learn welding around kumasi"
ASKS = {
    "am": ("መቼ ትመልሱልኛላችሁ?", "ጥያቄዬ ደርሷችኋል?"),
    "ar": ("متى سيرد أحد؟", "هل وصلكم طلبي؟"),
    "bn": ("কখন উত্তর পাব?", "আমার অনুরোধ পেয়েছেন?"),
    "en": ("when will somebody answer?", "did you get my request?"),
    "es": ("¿Cuándo me van a responder?", "¿recibieron mi solicitud?"),
    "fa": ("کی جواب می‌دهید؟", "درخواستم رسید؟"),
    "fr": ("Quand est-ce que quelqu’un va répondre ?", "Avez-vous reçu ma demande ?"),
    "ha": ("Yaushe za ku amsa mini?", "kun samu buƙatata?"),
    "hi": ("जवाब कब मिलेगा?", "क्या आपको मेरा अनुरोध मिला?"),
    "id": ("kapan ada yang jawab?", "permintaan saya sudah diterima?"),
    "ne": ("जवाफ कहिले आउँछ?", "मेरो अनुरोध पाउनुभयो?"),
    "pt": ("Quando é que alguém responde?", "Receberam o meu pedido?"),
    "ru": ("Когда мне ответят?", "Вы получили мой запрос?"),
    "so": ("Goorma la ii jawaabayaa?", "codsigaygii ma hesheen?"),
    "sw": ("Mtanijibu lini?", "mmepata ombi langu?"),
    "tr": ("Ne zaman cevap vereceksiniz?", "talebimi aldınız mı?"),
    "ur": ("جواب کب ملے گا؟", "کیا آپ کو میری درخواست ملی؟"),
    "vi": ("Khi nào có người trả lời?", "đã nhận được yêu cầu của tôi chưa?"),
    "yo": ("Nígbà wo ni ẹ máa dáhùn?", "ṣé ẹ ti gba ìbéèrè mi?"),
    "zh": ("什么时候有人回复？", "你们收到我的请求了吗？"),
}
CANCELS = {
    "am": "ጥያቄዬን ሰርዙልኝ",
    "ar": "إلغاء",
    "bn": "বাতিল করুন",
    "en": "Cancel!",
    "es": "cancelar",
    "fa": "لغو",
    "fr": "annuler",
    "ha": "a soke",
    "hi": "रद्द करो",
    "id": "batalkan",
    "ne": "रद्द",
    "pt": "cancelar",
    "ru": "отмена",
    "so": "codsigayga jooji",
    "sw": "ghairi",
    "tr": "iptal",
    "ur": "منسوخ کریں",
    "vi": "hủy",
    "yo": "fagile",
    "zh": "取消",
}


class Talk(House):
    """One person, and what they are told."""

    def __init__(self, database: Database, vault: Vault, assistant: Assistant) -> None:
        super().__init__(database, vault, assistant)
        self._ids = count(1)

    def officer(self) -> Officer:
        with self.database.write() as session:
            officer = Officer(login="amina", name="Amina", role="officer", languages=["en"], hours=ALWAYS)
            session.add(officer)
        return officer

    def says(self, text: str, choice: str | None = None) -> str:
        before = len(self.rows(Delivery))
        kind = Kind.CHOICE if choice else Kind.TEXT
        self.intake.receive([Inbound("console", "somebody", str(next(self._ids)), kind, text, choice)])
        self.work()
        return "\n".join(delivery.text for delivery in self.rows(Delivery)[before:])

    @property
    def ticket(self) -> Ticket:
        (ticket,) = self.rows(Ticket)
        return ticket  # type: ignore[no-any-return]

    def change(self, **values: object) -> None:
        with self.database.write() as session:
            session.execute(update(Ticket).values(values))


@pytest.fixture
def talk(database: Database, vault: Vault, engine: Engine) -> Talk:
    return Talk(database, vault, Assistant(engine, Manners("the facility", "https://x.example/privacy", 180)))


# --- when will somebody answer? -------------------------------------------------------------------


@pytest.mark.parametrize("code", sorted(ASKS))
def test_who_asks_when_somebody_answers_is_understood_in_every_language(code: str) -> None:
    assert [control(text, None, None) for text in ASKS[code]] == [Control("waiting")] * 2


@pytest.mark.parametrize(
    "text",
    [
        "when will somebody answer?",
        "is anyone there?",
        "how long do I have to wait",
        "did you get my request?",
        "Hello, I wrote to you this morning, how long do I have to wait for you?",
    ],
)
def test_who_waits_is_told_the_number_and_the_promised_time_again(talk: Talk, text: str) -> None:
    talk.officer()
    talk.says(WELDING)

    told = talk.says(text)

    assert f"number {talk.ticket.id}" in told
    assert "within about" in told
    assert talk.ticket.need["words"] == WELDING


def test_a_promise_that_was_broken_is_not_made_again(talk: Talk) -> None:
    talk.officer()
    talk.says(WELDING)
    talk.change(promised_at=now() - timedelta(hours=1))

    told = talk.says("when will somebody answer?")

    assert "longer than it should" in told
    assert "within about" not in told


def test_who_waits_for_nobody_is_told_so_and_offered_a_person(talk: Talk) -> None:
    told = talk.says("when will somebody answer?")

    assert "No request of yours is open" in told
    assert ["Talk to a person", "person"] in talk.rows(Delivery)[-1].buttons
    assert talk.rows(Ticket) == []


def test_after_a_request_was_closed_it_can_be_opened_again(talk: Talk) -> None:
    amina = talk.officer()
    talk.says(WELDING)
    number = talk.ticket.id
    talk.escalation.claim(number, amina)
    talk.escalation.close(number, "declined", "amina", amina)

    told = talk.says("did you get my request?")

    assert "is closed" in told
    assert ["I still need help", f"reopen:{number}"] in talk.rows(Delivery)[-1].buttons


def test_an_officer_who_owes_an_answer_is_spoken_for_and_reads_the_question(talk: Talk) -> None:
    amina = talk.officer()
    talk.says(WELDING)
    talk.escalation.claim(talk.ticket.id, amina)

    assert "within about" in talk.says("when will you answer?")
    assert talk.rows(Turn)[-1].action == "held"


def test_an_officer_who_has_just_answered_speaks_for_herself(talk: Talk) -> None:
    amina = talk.officer()
    talk.says(WELDING)
    talk.escalation.claim(talk.ticket.id, amina)
    talk.escalation.reply(talk.ticket.id, "There is a school.", "amina", amina)

    assert talk.says("are you there?") == ""


def test_a_question_about_how_long_a_course_takes_is_a_question(talk: Talk) -> None:
    talk.says("how long do I have to wait for the next free python course")

    assert talk.rows(Turn)[-1].action == "answer"


# --- cancel ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", sorted(CANCELS))
def test_cancel_is_no_stop_in_any_language(code: str) -> None:
    assert control(CANCELS[code], None, code) == Control("cancel")


def test_cancel_with_nothing_going_on_says_how_to_stop_and_stops_nothing(talk: Talk) -> None:
    talk.says("free python course")

    assert "/stop" in talk.says("cancel")
    assert talk.rows(Contact)[0].stopped_at is None


def test_a_request_is_cancelled_after_one_question(talk: Talk) -> None:
    talk.says(WELDING)

    assert f"cancel your request number {talk.ticket.id}?" in talk.says("cancel")
    assert talk.ticket.state == "open"
    assert "is cancelled" in talk.says("yes")
    assert (talk.ticket.state, talk.ticket.outcome) == ("closed", "cancelled")


def test_a_request_stays_if_the_person_thinks_again(talk: Talk) -> None:
    talk.says(WELDING)
    talk.says("please cancel my request")

    assert "still open" in talk.says("no")
    talk.says("yes")
    assert talk.ticket.state == "open"


def test_a_yes_that_comes_later_cancels_nothing(talk: Talk) -> None:
    talk.says(WELDING)
    talk.says("cancel")
    talk.says("thank you very much")
    talk.says("yes")

    assert talk.ticket.state == "open"


def test_words_after_a_cancelled_request_do_not_open_it_again(talk: Talk) -> None:
    talk.says(WELDING)
    talk.says("cancel")
    talk.says("Yes, cancel it", f"cancel:{talk.ticket.id}.yes")

    talk.says("I would like something")

    assert talk.ticket.state == "closed"


def test_what_would_be_passed_on_of_a_cancelled_request_is_not(talk: Talk) -> None:
    talk.says(WELDING)
    with talk.database.write() as session:
        session.add(Referral(ticket_id=talk.ticket.id, record_id="alison", text="welding", state="queued"))
    talk.says("cancel")
    talk.says("yes")

    with talk.database.read() as session:
        assert session.scalars(select(Referral.state)).all() == ["refused"]


def test_nobody_cancels_the_request_of_another(talk: Talk) -> None:
    talk.says(WELDING)
    inbound = Inbound("console", "another", "1", Kind.CHOICE, "Yes", f"cancel:{talk.ticket.id}.yes")
    talk.intake.receive([inbound])
    talk.work()

    assert talk.ticket.state == "open"


def test_cancel_said_to_an_officer_is_for_the_officer(talk: Talk) -> None:
    amina = talk.officer()
    talk.says(WELDING)
    talk.escalation.claim(talk.ticket.id, amina)

    assert talk.says("cancel") == ""
    assert "Shall I cancel" in talk.says("/cancel")


def test_cancel_leaves_a_question_that_was_asked_back(talk: Talk) -> None:
    talk.says("I want to learn something")

    assert "All right" in talk.says("annuler")
    assert talk.rows(Message)[-1].text == "annuler"
    assert talk.rows(Contact)[0].stopped_at is None


def test_cancel_leaves_an_offer(talk: Talk) -> None:
    talk.says("I want to offer a course for your catalogue")

    assert "nothing was sent" in talk.says("अनुरोध रद्द करें")


def test_cancel_keeps_what_was_to_be_deleted(talk: Talk) -> None:
    talk.says("/erase")

    assert "Nothing was deleted" in talk.says("cancel")


def test_a_person_is_called_by_yes_when_nothing_is_left(talk: Talk) -> None:
    talk.says("free python course")
    for _ in range(30):
        if "Shall a person look for you?" in talk.says("more"):
            break
    talk.says("yes")

    assert talk.ticket.reason == "person"
