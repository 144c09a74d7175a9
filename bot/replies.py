"""What the assistant says, in the language of the person: all but what is in `cards`, `export` and `offer_replies`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from math import ceil
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_skeleton, format_time, get_timezone_location

from channels.contract import Button, Outgoing
from channels.text import isolate
from locales import DEFAULT, LANGUAGES, speak, translations
from retrieval.concepts import concepts
from retrieval.places import language_name, place_name

LONGEST_REPLY = 1200
"""Characters of one reply: what a phone shows without much scrolling, and fewer than any channel's limit."""

_COMMAND = re.compile(r"\W*/([a-z]+)\W+(.+)")
"""A command and its description in a line of /help."""

TOPICS_OFFERED = ("computer-basics", "programming", "e-commerce", "cybersecurity", "digital-government")
"""Topics that are offered as buttons when somebody does not say what they look for."""


class Replies:
    """The sentences of one language."""

    def __init__(self, code: str) -> None:
        """`code`: any language tag; English is spoken where we have no better."""
        self.language = speak(code)
        self.code = self.language.code
        self._gettext = translations(self.code)

    def _(self, message: str) -> str:
        return self._gettext.gettext(message)

    def _n(self, one: str, many: str, count: int) -> str:
        return self._gettext.ngettext(one, many, count)

    def run(self, text: str) -> str:
        """A left-to-right run (link, number, Latin name), isolated where the language runs right to left."""
        return isolate(text) if self.language.right_to_left else text

    def concept(self, gloss: str) -> str:
        """A concept's plain phrase."""
        return self._(gloss)

    def country(self, code: str) -> str:
        """A country's or region's name."""
        return self._(place_name(code, self.code))  # CLDR has no names of groups such as “Arab States”: we do

    def tongue(self, code: str) -> str:
        """A language's name."""
        return language_name(code, self.code)

    def in_it(self, link: str) -> str:
        """The address of a page of ours in this language; in English browsers may choose."""
        return link if self.code == DEFAULT else f"{link}?lang={self.code}"

    def day(self, day: date) -> str:
        """A day, written as the language does."""
        return format_date(day, "medium", locale=self.code)

    # --- first contact, help, small talk ------------------------------------------------------

    def welcome(self, operator: str, days: int, privacy: str) -> Outgoing:
        """Two lines at first contact: who runs this, what is kept, how to reach a person, how to stop."""
        first = self._("This is Dalil, the automatic assistant of {operator} for digital skills.")
        second = self._n(
            "What you write is kept for {days} day at most: {link} · For a person write /person · To stop write /stop",
            "What you write is kept for {days} days at most: {link} · For a person write /person · To stop write /stop",
            days,
        )
        return Outgoing(
            f"{first.format(operator=self.run(operator))}\n{second.format(days=days, link=self.run(privacy))}"
        )

    def examples(self) -> list[str]:
        """Three questions that people might ask."""
        return [
            self._("I want to learn to use a computer, free of charge"),
            self._("Online course on artificial intelligence for civil servants"),
            self._("How can I sell my products on the internet?"),
        ]

    def greeting(self) -> Outgoing:
        """To a greeting: what one can ask, with examples as buttons."""
        text = self._(
            "Hello! Tell me what you want to learn or find, where you are, and what matters to you. For example:"
        )
        buttons = [Button(example, f"example:{number}") for number, example in enumerate(self.examples(), 1)]
        return Outgoing("\n".join([text, *(f"• {b.title}" for b in buttons)]), tuple(buttons))

    def thanks(self) -> Outgoing:
        """To thanks."""
        return Outgoing(self._("You are welcome. Write whenever you need something else."))

    def goodbye(self) -> Outgoing:
        """To a goodbye."""
        return Outgoing(self._("Goodbye, and good luck. Write whenever you need something."))

    def who(self, operator: str) -> Outgoing:
        """To “who are you”."""
        text = self._(
            "I am Dalil, an automatic assistant of {operator}. I look for training, guides and organisations for "
            "digital skills in a catalogue, and hand over to a person when nothing fits."
        )
        return Outgoing(text.format(operator=self.run(operator)), (self.person_button(),))

    def help(self) -> Outgoing:
        """What one can write."""
        return Outgoing("\n".join(self._help_lines()), (self.person_button(),))

    def menu(self) -> list[tuple[str, str]]:
        """Commands and what they do, as /help says it: for channels that have a menu of commands."""
        parts = [part for line in self._help_lines() for part in line.split("·")]
        found = [_COMMAND.fullmatch(part.strip()) for part in parts]
        return [(match[1], match[2]) for match in found if match]

    def _help_lines(self) -> list[str]:
        return [
            self._("Write in your own words what you want to learn or find. Then you can also write:"),
            self._("2 – details of the second result"),
            self._("more – other results"),
            self._("free · in French · online – to narrow it down"),
            self._("/person – talk to a person"),
            self._("/new – a new question"),
            self._("/language – another language"),
            self._("/me – what I know about you · /export – all of it · /erase – delete it"),
            self._("/stop – I write no more · /start – begin again"),
        ]

    # --- answers ------------------------------------------------------------------------------

    def found(self, count: int) -> str:
        """The line before the results."""
        return self._n("This fits best:", "These {count} fit best:", count).format(count=count)

    def after_results(self, count: int) -> Outgoing:
        """The line after the results, and its buttons."""
        text = (
            self._("Write a number for details, or “more”.") if count > 1 else self._("Write 1 for details, or “more”.")
        )
        more = Button(self._("More"), "more")
        none = Button(self._("None of these fits"), "none")
        return Outgoing(text, (more, none, self.person_button()))

    def which_is_best(self) -> str:
        """The line before results that are compared."""
        return self._("The first fits your words best; which is best for you depends on what matters to you:")

    def particulars(self, link: str | None) -> Outgoing:
        """How long it takes and how one joins, which no record says. `link`: of what is asked about, if it is clear."""
        text = self._("How long it takes, when it begins and how to sign up is on the provider’s own page.")
        more = self.run(link) if link else self._("Write a number for what I know of it and the link.")
        return Outgoing(f"{text}\n{more}", (self.person_button(),))

    def privacy(self, operator: str, days: int, link: str) -> Outgoing:
        """To “who reads my messages?”, in the words of the page on privacy."""
        who = self._(
            "Dalil is run by the %(operator)s. It is an automatic assistant: a program answers, unless it says that an "
            "officer does."
        )
        kept = self._n(
            "When nothing has been said for %(days)s day, the conversation is erased.",
            "When nothing has been said for %(days)s days, the conversation is erased.",
            days,
        )
        lines = [
            who % {"operator": self.run(operator)},
            self._("If you ask for a person, an officer reads the conversation in order to help you."),
            self._("Your number or address is kept encrypted, and no provider gets it from us."),
            kept % {"days": days},
            self._("/export sends you all of it, /erase deletes it."),
            self.run(self.in_it(link)),
        ]
        return Outgoing("\n".join(lines), (self.person_button(),))

    def no_more(self) -> Outgoing:
        """After the last result."""
        text = self._("That is all I have that fits. Shall a person look for you?")
        return Outgoing(text, (self.person_button(), self.new_button()))

    def which(self, shown: int = 0) -> Outgoing:
        """The one question when a wish is too vague, with topics to choose from. `shown`: results that still stand."""
        text = self._("What would you like to learn or find? Write it in a few words, or choose:")
        if shown:
            text = f"{self.after_results(shown).text}\n{text}"
        glosses = [(key, self.concept(concepts()[key].gloss)) for key in TOPICS_OFFERED]
        buttons = [Button(gloss, f"topic:{key}") for key, gloss in glosses]
        return Outgoing("\n".join([text, *(f"• {b.title}" for b in buttons)]), (*buttons, self.person_button()))

    def no_number(self) -> Outgoing:
        """A number was written that no result has."""
        return Outgoing(self._("There is no result with that number. Write your question in a few words."))

    # --- a person -----------------------------------------------------------------------------

    def person_button(self) -> Button:
        """To a person."""
        return Button(self._("Talk to a person"), "person")

    def new_button(self) -> Button:
        """To a new question."""
        return Button(self._("New question"), "new")

    def nothing_fits(self) -> str:
        """Nothing fits."""
        return self._("I found nothing in the catalogue that really fits your request.")

    def needs_person(self) -> str:
        """A person must take this up."""
        return self._("This is something for a person, not for a list of courses.")

    def not_searchable(self) -> str:
        """The index is not there."""
        return self._("I cannot search the catalogue at the moment.")

    def handed_over(self, number: int, operator: str, hours: str | None, expected: str | None = None) -> str:
        """What happens next with a request. `expected`: when somebody answers; else the operator's `hours`."""
        text = self._("I have passed your request on to the people of {operator}. It is kept under number {number}.")
        lines = [text.format(operator=self.run(operator), number=self.run(str(number)))]
        if expected:
            lines.append(expected)
        elif hours:
            lines.append(self._("They answer at these times: {hours}.").format(hours=self.run(hours)))
        lines.append(self._("The answer will come here. You can go on asking me meanwhile."))
        return "\n".join(lines)

    def answer_by(self, by: datetime, moment: datetime, zone: ZoneInfo | None) -> str:
        """By when an officer answers: in minutes or hours if it is soon, else by the clock of the officer's zone."""
        minutes = 5 * ceil((by - moment) / timedelta(minutes=5))
        if minutes <= 90:
            text = self._n(
                "An officer answers within about {minutes} minute.",
                "An officer answers within about {minutes} minutes.",
                minutes,
            )
            return text.format(minutes=minutes)
        hours = ceil(minutes / 60)
        if zone is None or hours <= 3:
            text = self._n(
                "An officer answers within about {hours} hour.", "An officer answers within about {hours} hours.", hours
            )
            return text.format(hours=hours)
        if _same_day(by, moment, zone):
            text = self._("An officer answers by about {time} ({place}).")
        else:
            text = self._("An officer answers on {day} by about {time} ({place}).")
        return text.format(**self._when(by, moment, zone))

    def back_at(self, opens: datetime, moment: datetime, zone: ZoneInfo) -> str:
        """No officer is there now: when they are."""
        if _same_day(opens, moment, zone):
            text = self._("Our officers are back at {time} ({place}).")
        else:
            text = self._("Our officers are back on {day} at {time} ({place}).")
        return text.format(**self._when(opens, moment, zone))

    def _when(self, then: datetime, moment: datetime, zone: ZoneInfo) -> dict[str, str]:
        local = then.astimezone(zone)
        days = (local.date() - moment.astimezone(zone).date()).days
        weekday = format_date(local, "EEEE", locale=self.code)
        day = weekday if days < 7 else format_skeleton("EEEEdMMMM", local, zone, locale=self.code)
        return {"time": self.run(format_time(local, "HH:mm", zone, self.code)), "day": day, "place": self._place(zone)}

    def _place(self, zone: ZoneInfo) -> str:
        if zone.key == "UTC":
            return self.run("UTC")
        return self._("{city} time").format(city=get_timezone_location(zone, locale=self.code, return_city=True))

    def late(self) -> str:
        """The line before `moved_on`; by it a process knows what was said."""
        return self._("It is taking longer than it should, and I am sorry for that.")

    def moved_on(self, *, another: bool) -> str:
        """Nobody answered in time. `another`: somebody else looks at the request now."""
        if another:
            what_now = self._("Another officer looks at your request now.")
        else:
            what_now = self._("Your request is still open, and nothing of it is lost.")
        return f"{self.late()} {what_now}"

    def not_in_time(self, name: str) -> str:
        """A note for officers, on a request that its officer left unanswered."""
        return self._("{name}: not answered in time").format(name=name)

    def what_came(self, number: int, days: int, about: str | None) -> Outgoing:
        """Some time after a request was closed: what came of it? `about`: a concept's phrase."""
        text = self._("Some time ago you asked us for help, and we may ask how it went. What came of it?")
        if about:
            text = self._("Some time ago you asked us about “{topic}”, and we may ask how it went. What came of it?")
        buttons = (Button(title, f"result:{number}.{days}.{answer}") for answer, title in self.results().items())
        return Outgoing(text.format(topic=about), tuple(buttons))

    def results(self) -> dict[str, str]:
        """What can have come of a request, as buttons say it."""
        return {
            "enrolled": self._("I have enrolled"),
            "finished": self._("I have finished"),
            "using": self._("I am using it"),
            "no": self._("Nothing yet"),
        }

    def invitation(self) -> str:
        """What may be sent by template when a person has been silent for too long; it ends with a full stop."""
        return self._("There is an answer for you from Dalil, the digital skills desk. Please write back to read it.")

    def crowded(self) -> str:
        """Say that no request is taken, since the network of this person has sent too many."""
        return self._("Many requests from your network wait for an officer. Please try again later.")

    def closed(self, number: int) -> Outgoing:
        """Say that a request was closed, and ask whether it helped."""
        text = self._("Your request number {number} is closed. Did it help you?")
        buttons = (
            Button(self._("It helped"), f"rate:{number}.1"),
            Button(self._("It did not help"), f"rate:{number}.0"),
            Button(self._("I still need help"), f"reopen:{number}"),
        )
        return Outgoing(text.format(number=self.run(str(number))), buttons)

    def taken(self, name: str, number: int) -> Outgoing:
        """An officer has taken a request; from now on they talk."""
        text = self._("{name} has your request number {number} now and answers here. To go back to me, write /new.")
        return Outgoing(text.format(name=self.run(name), number=self.run(str(number))))

    def may_pass_on(self, name: str, text: str, referral: int) -> Outgoing:
        """May a request be passed on to a provider? All that they would read is shown."""
        asked = self._(
            "May I pass your request on to {name}? They get this text, and neither your number nor your name:"
        )
        yes, no = Button(self._("Yes"), f"consent:{referral}.yes"), Button(self._("No"), f"consent:{referral}.no")
        return Outgoing(f"{asked.format(name=self.run(name))}\n\n{text}", (yes, no))

    def reopened(self, number: int) -> Outgoing:
        """A closed request is open again."""
        text = self._("I have opened your request number {number} again. An officer will read what you wrote.")
        return Outgoing(text.format(number=self.run(str(number))))

    def no_request(self) -> Outgoing:
        """To somebody who asks when they are answered, and waits for nobody."""
        text = self._("No request of yours is open. Write what you want to learn or find, or talk to a person.")
        return Outgoing(text, (self.person_button(),))

    def cancel_ask(self, number: int) -> Outgoing:
        """After “cancel” of somebody with an open request: asks once."""
        text = self._("Shall I cancel your request number {number}?").format(number=self.run(str(number)))
        yes = Button(self._("Yes, cancel it"), f"cancel:{number}.yes")
        return Outgoing(text, (yes, Button(self._("No, keep it open"), f"cancel:{number}.no")))

    def cancelled(self, number: int) -> Outgoing:
        """A person has cancelled their request."""
        text = self._("Your request number {number} is cancelled.")
        return Outgoing(text.format(number=self.run(str(number))), (self.new_button(),))

    def still_open(self) -> Outgoing:
        """A request is not cancelled after all."""
        return Outgoing(self._("Your request is still open, and nothing of it is lost."))

    def nothing_to_cancel(self) -> Outgoing:
        """After “cancel” where nothing is going on: some mean that they want no more messages."""
        text = self._("There is nothing to cancel. If I should not write to you any more, write /stop.")
        return Outgoing(text)

    def left(self) -> Outgoing:
        """What was asked back need not be answered."""
        return Outgoing(self._("All right. Write again whenever you need something."))

    def acted(self, act: str, number: int, answer: str) -> Outgoing:
        """After a button under what was said about a request."""
        if act == "reopen":
            return self.reopened(number)
        if act == "rate":
            return self._may_we_ask(number)
        if act == "consent" and answer != "yes":
            return Outgoing(self._("All right, your request is not passed on."))
        if act == "consent":
            return Outgoing(self._("Thank you. Your request is passed on, without your number or name."))
        if act == "news" and answer != "yes":
            return Outgoing(self._("All right. Write again whenever you need something."))
        return Outgoing(self._("Thank you for telling us."))

    def _may_we_ask(self, number: int) -> Outgoing:
        text = self._(
            "Thank you. May we write to you again about this: when something new fits, and to hear how it went?"
        )
        yes, no = Button(self._("Yes"), f"news:{number}.yes"), Button(self._("No"), f"news:{number}.no")
        return Outgoing(text, (yes, no))

    def helpline(self, helpline: str | None) -> list[str]:
        """To a person in distress, after `OwnWords.in_danger`. None is named that the operator has not set."""
        return [self._("You can also reach: {helpline}").format(helpline=self.run(helpline))] if helpline else []

    def read_first(self) -> str:
        """To a person in distress, last."""
        return self._("A person will read your message first.")

    def refusal(self) -> Outgoing:
        """To what is not ours."""
        text = self._(
            "I cannot help with that. I help people find training, guides and organisations for digital skills."
        )
        return Outgoing(text, (self.person_button(),))

    # --- what cannot be read ------------------------------------------------------------------

    def only_text(self) -> Outgoing:
        """To an image, a voice note and the like."""
        text = self._("For now I can only read text. Please write your question in a few words, in your own language.")
        return Outgoing(text, (self.person_button(),))

    def only_link(self) -> Outgoing:
        """To a bare link."""
        text = self._("I do not open links. Please write in a few words what you want to learn or find.")
        return Outgoing(text, (self.person_button(),))

    # --- controls -----------------------------------------------------------------------------

    def stopped(self) -> Outgoing:
        """After /stop."""
        return Outgoing(self._("I will not write to you any more. Write /start if you want me back."))

    def still_stopped(self) -> Outgoing:
        """To a message of somebody who stopped."""
        return Outgoing(
            self._("You asked me to stop. Write /start and I will answer again."), (Button("/start", "start"),)
        )

    def restarted(self) -> Outgoing:
        """After /start of somebody who stopped."""
        return Outgoing(self._("I am here again. What are you looking for?"))

    def fresh(self) -> Outgoing:
        """After /new."""
        return Outgoing(self._("A new question, then. What do you want to learn or find?"))

    def choose_language(self) -> Outgoing:
        """After /language."""
        names = [f"{number}. {language.name}" for number, language in enumerate(LANGUAGES.values(), 1)]
        buttons = tuple(Button(language.name, f"language:{language.code}") for language in LANGUAGES.values())
        return Outgoing("\n".join([self._("Which language? Write its number or its name."), *names]), buttons)

    def language_set(self) -> Outgoing:
        """After choosing a language."""
        return Outgoing(self._("From now on I write {language}.").format(language=self.language.name))

    def me(
        self, language: str, country: str | None, audience: str | None, tickets: Sequence[int], days: int
    ) -> Outgoing:
        """What is known of the person."""
        numbers = self._(", ").join(self.run(str(number)) for number in tickets)
        lines = [
            self._("This is what I know about you:"),
            *self.facts(None, language, country, audience),
            self._("Open requests: {numbers}").format(numbers=numbers or self._("none")),
            self._n(
                "It is kept for {days} day after your last message.",
                "It is kept for {days} days after your last message.",
                days,
            ).format(days=days),
            self._("/export sends you all of it, /erase deletes it."),
        ]
        return Outgoing("\n".join(lines))

    def facts(self, channel: str | None, language: str | None, country: str | None, audience: str | None) -> list[str]:
        """What is remembered of a person, a line each. `audience`: a concept."""
        unknown = self._("not known")
        who = self.concept(concepts()[audience].gloss) if audience in concepts() else unknown
        return [
            *([self._("Channel: {channel}").format(channel=self.run(channel))] if channel else []),
            self._("Language: {language}").format(language=self.tongue(language) if language else unknown),
            self._("Country: {country}").format(country=self.country(country) if country else unknown),
            self._("You are, or ask for: {audience}").format(audience=who),
        ]

    def seen(self, first: date, last: date) -> list[str]:
        """When a person wrote first and last."""
        return [
            self._("First message: {date}").format(date=self.day(first)),
            self._("Last message: {date}").format(date=self.day(last)),
        ]

    def request(self, number: int, day: date, *, is_open: bool) -> str:
        """One request of a person, with its state."""
        text = (
            self._("Request {number}, made on {date}: open")
            if is_open
            else self._("Request {number}, made on {date}: closed")
        )
        return text.format(number=self.run(str(number)), date=self.day(day))

    def export_title(self) -> str:
        """Before an export."""
        return self._("This is everything that is kept about you:")

    def said_by(self, author: str) -> str:
        """Who said a line of an export."""
        return {"person": self._("You"), "officer": self._("Officer")}.get(author, "Dalil")

    def export_cut(self, left: int) -> str:
        """At the end of an export that is too long for a chat."""
        text = self._n(
            "{left} older message is left out here; ask for it with /person.",
            "{left} older messages are left out here; ask for them with /person.",
            left,
        )
        return text.format(left=left)

    def erase_ask(self) -> Outgoing:
        """After /erase: asks once."""
        text = self._(
            "Shall I delete everything that is kept about you, your requests included? This cannot be undone."
        )
        return Outgoing(
            text, (Button(self._("Yes, delete it"), "erase:yes"), Button(self._("No, keep it"), "erase:no"))
        )

    def erased(self) -> Outgoing:
        """After the erasure."""
        return Outgoing(self._("Done: everything about you is deleted. If you write again, we start anew."))

    def kept(self) -> Outgoing:
        """After “no, keep it”."""
        return Outgoing(self._("Nothing was deleted."))

    def failed(self) -> str:
        """The assistant itself failed."""
        return self._("Something went wrong on my side, so a person will look at your message.")

    def too_fast(self) -> str:
        """Too many messages in a minute."""
        return self._("You are writing faster than I can read. Please wait a minute.")


def _same_day(then: datetime, moment: datetime, zone: ZoneInfo) -> bool:
    return then.astimezone(zone).date() == moment.astimezone(zone).date()
