"""Records as people see them: short cards in an answer, one long card for details."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from bot.replies import LONGEST_REPLY, Replies
from channels.contract import Outgoing
from channels.text import shorten
from retrieval.concepts import concepts
from retrieval.filters import GOODS, NOT_TRAINING
from retrieval.places import EVERYWHERE
from retrieval.records import Kind, Record
from retrieval.search import Reason, Result

_NAMES_SHOWN = 4
_LONGEST_NAME = 60


class Cards:
    """Cards in one language."""

    def __init__(self, replies: Replies) -> None:
        self._replies = replies

    def answer(self, results: Sequence[Result], before: str = "") -> Outgoing:
        """One message with at most three cards, never longer than `LONGEST_REPLY`."""
        replies = self._replies
        closing = replies.after_results(len(results))
        shared, apart = _parted(results)
        for room in (90, 70, 45, 0):
            why = "✓ " + self._whole(shared, 2 * room) if shared and room else ""
            head = "\n".join(line for line in (before, replies.found(len(results)), why) if line)
            cards = [self.card(number, result, room) for number, result in enumerate(apart, 1)]
            text = "\n\n".join([head, *cards, closing.text])
            if len(text) <= LONGEST_REPLY:
                break
        return Outgoing(shorten(text, LONGEST_REPLY), closing.buttons)

    def card(self, number: int, result: Result, room: int) -> str:
        """A short card; `room`: characters that the reasons may take."""
        record, replies = result.record, self._replies
        lines = [f"{replies.run(f'{number}.')} *{self._name(record)}*"]
        if record.provider.casefold() not in record.name.casefold():
            lines[0] += f" – {replies.run(shorten(record.provider, _LONGEST_NAME))}"
        if why := self._whole(result.reasons, room):
            lines.append("✓ " + why)
        lines.append(self.terms(record))
        lines.append(" · ".join(part for part in (self.link(record), self.checked(record)) if part))
        return "\n".join(lines)

    def details(
        self, record: Record, reasons: Sequence[Reason] = (), linked: Sequence[tuple[int, Record]] = ()
    ) -> Outgoing:
        """Everything a person needs to decide. `linked`: what belongs to it, with the numbers that open it."""
        replies = self._replies
        summary = record.summaries.get(replies.code)
        if summary is None:  # in English, and says so
            summary = f"{replies.run(record.summaries['en'])} ({replies.tongue('en')})"
        lines = [
            f"*{self._name(record)}* – {replies.run(record.provider)}",
            summary,
            *(["✓ " + self.why(reasons)] if reasons else []),
            *self.facts(record),
            *([self.link(record)] if record.url else []),
            self.checked(record),
        ]
        if record.status == "unknown":
            lines.insert(-1, self._("Whether it still runs is not known: ask before you plan with it."))
        lines += self._linked(linked)
        return Outgoing(shorten("\n".join(lines), LONGEST_REPLY), (replies.person_button(), replies.new_button()))

    def side_by_side(self, records: Mapping[int, Record], *, best: bool) -> Outgoing:
        """What decides of several records, under the numbers that they were shown by. `best`: number 1 fits best."""
        replies, parts = self._replies, []
        for number, record in records.items():
            name = f"{replies.run(f'{number}.')} *{self._name(record)}*"
            parts.append("\n".join([name, *(f"• {fact}" for fact in self.facts(record))]))
        closing = replies.after_results(len(records))
        text = "\n\n".join([*([replies.which_is_best()] if best else []), *parts, closing.text])
        return Outgoing(shorten(text, LONGEST_REPLY), closing.buttons)

    def facts(self, record: Record) -> list[str]:
        """What decides, a line each."""
        cost = self._("Cost: {cost}").format(cost=self.cost(record))
        if record.kind in NOT_TRAINING:  # nobody joins them or is certified by them
            return [self.kind(record), *([cost] if record.kind is Kind.PRODUCT else [])]
        return [
            self._("Language: {languages}").format(languages=self.languages(record, limit=12)),
            cost,
            self._("Certificate: {certificate}").format(certificate=self.certificate(record, plain=True)),
            self._("How: {modality}").format(modality=self.modality(record, limit=6)),
            self._("Who can join: {who}").format(who=self.who(record)),
        ]

    def terms(self, record: Record) -> str:
        """What decides for most people: languages, cost, certificate, form; or what kind of thing it is."""
        if record.kind in NOT_TRAINING:
            return " · ".join([self.kind(record), *([self.cost(record)] if record.kind is Kind.PRODUCT else [])])
        return " · ".join([self.languages(record), self.cost(record), self.certificate(record), self.modality(record)])

    def kind(self, record: Record) -> str:
        """What software, or an experience, is."""
        if record.kind is Kind.EXPERIENCE:
            places = self._list(self._replies.country(place) for place in record.regions[:_NAMES_SHOWN])
            return self._("experience of {countries}").format(countries=places)
        return self._("open-source software") if GOODS in record.topics else self._("Digital public good")

    def _linked(self, linked: Sequence[tuple[int, Record]]) -> list[str]:
        """Who teaches it, who has done it, what software there is for it, and that each can be opened."""
        groups: dict[str, list[str]] = {
            self._("Who teaches it or helps:"): [],
            self._("What countries have done:"): [],
            self._("Software for it:"): [],
        }
        teaching, done, software = groups.values()
        for number, record in linked:
            group = {Kind.EXPERIENCE: done, Kind.PRODUCT: software}.get(record.kind, teaching)
            group.append(f"{self._replies.run(f'{number}.')} {self._name(record)}")
        lines = [line for title, found in groups.items() if found for line in (title, *found)]
        return ["", *lines, self._("Write a number to open one of these.")] if lines else []

    def _(self, message: str) -> str:
        return self._replies._(message)

    def _name(self, record: Record) -> str:
        name = record.name_in(self._replies.code).replace("*", "")
        return self._replies.run(shorten(name, _LONGEST_NAME))

    def why(self, reasons: Sequence[Reason]) -> str:
        """Why it fits, in words."""
        replies = self._replies
        words: dict[str, Callable[[str], str]] = {
            "topic": lambda value: replies.concept(concepts()[value].gloss),
            "audience": lambda value: self._("for {audience}").format(
                audience=replies.concept(concepts()[value].gloss)
            ),
            "country": lambda value: replies.country(value),
            "language": lambda value: replies.tongue(value),
            "free": lambda value: self._("free"),
            "certificate": lambda value: self._("with certificate"),
        }
        return self._list(words[reason.kind](reason.value) for reason in reasons)

    def _whole(self, reasons: Sequence[Reason], room: int) -> str:
        """As many of the reasons as there is room for, each said in full: half a reason is none."""
        kept: list[Reason] = []
        for reason in reasons:
            if len(self.why([*kept, reason])) <= room:
                kept.append(reason)
        return self.why(kept)

    def _list(self, parts: Iterable[str]) -> str:
        return self._(", ").join(parts)

    def languages(self, record: Record, limit: int = _NAMES_SHOWN) -> str:
        """The languages of teaching; the person's own first."""
        if record.languages is None:
            return self._("language not known")
        own = self._replies.code
        codes = sorted(record.languages, key=lambda code: code != own)
        names = [self._replies.tongue(code) for code in codes[:limit]]
        return self._list(names) + (f" +{len(codes) - limit}" if len(codes) > limit else "")

    def costs(self) -> dict[str, str]:
        """What each kind of cost is called."""
        return {
            "free": self._("free"),
            "free-audit": self._("free to follow, certificate paid"),
            "freemium": self._("partly free"),
            "sponsored": self._("costs are covered"),
            "scholarships": self._("scholarships"),
            "paid": self._("paid"),
            "varies": self._("cost varies"),
        }

    def cost(self, record: Record) -> str:
        """What it costs."""
        if record.cost is None:
            return self._("cost not known")
        words = self.costs()
        return self._list(words[cost] for cost in record.cost[:2])

    def certificate(self, record: Record, *, plain: bool = False) -> str:
        """Whether there is a certificate; `plain` where the word “certificate” stands before it."""
        long = {
            "yes": self._("certificate"),
            "some": self._("some certificates"),
            "no": self._("no certificate"),
            "paid": self._("paid certificate"),
        }
        short = {"yes": self._("yes"), "some": self._("for some courses"), "no": self._("no"), "paid": self._("paid")}
        if record.certificate is None:
            return self._("not known") if plain else self._("certificate not known")
        return (short if plain else long)[record.certificate]

    def modalities(self) -> dict[str, str]:
        """What each way of teaching or giving is called."""
        return {
            "online-self-paced": self._("online, own pace"),
            "online-instructor-led": self._("online with a teacher"),
            "blended": self._("online and on site"),
            "in-person": self._("on site"),
            "offline": self._("works offline"),
            "toolkit": self._("guide"),
            "advisory": self._("advice"),
            "directory": self._("directory"),
        }

    def modality(self, record: Record, limit: int = 2) -> str:
        """How it is taught or given."""
        if record.modality is None:
            return self._("form not known")
        words = self.modalities()
        return self._list(words[mode] for mode in record.modality[:limit])

    def who(self, record: Record) -> str:
        """Who may join."""
        replies, rules = self._replies, record.eligibility
        if rules.countries is None:
            places = self._("countries not known")
        elif EVERYWHERE & set(rules.countries):
            places = self._("people of all countries")
        else:
            places = self._list(replies.country(place) for place in rules.countries[:8])
            places += " …" if len(rules.countries) > 8 else ""
        parts = [places]
        if rules.groups and "everyone" not in rules.groups:
            parts.append(self._list(replies.concept(concepts()[group].gloss) for group in rules.groups))
        how = {
            "registration": self._("after registration"),
            "application": self._("by application"),
            "nomination": self._("nominated by their government or office"),
            "invitation": self._("by invitation"),
            "membership": self._("for members"),
            "partner": self._("through a partner"),
        }
        if rules.how in how:
            parts.append(how[rules.how])
        return " · ".join(parts)

    def link(self, record: Record) -> str:
        """The address, kept in one piece in right-to-left text."""
        return self._replies.run(str(record.url).rstrip("/")) if record.url else ""

    def checked(self, record: Record) -> str:
        """When a person or a source last confirmed it, and whether it is time to do so again."""
        again = self._("to be checked again") if record.overdue else ""
        if record.checked is None:
            return again or self._("not yet checked")
        said = self._("checked on {date}").format(date=self._replies.day(record.checked))
        return f"{said} · {again}" if again else said


def _parted(results: Sequence[Result]) -> tuple[tuple[Reason, ...], list[Result]]:
    """The reasons that several results have in common, said once, and the results with those that set them apart."""
    if len(results) < 2:
        return (), list(results)
    first, *others = results
    shared = tuple(reason for reason in first.reasons if all(reason in other.reasons for other in others))
    return shared, [replace(r, reasons=tuple(each for each in r.reasons if each not in shared)) for r in results]
