"""What goes into a turn and what comes out of it, as plain data."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from channels.contract import Kind, Outgoing
from retrieval.fit import Action, Cause
from retrieval.question import Question
from retrieval.records import Record


@dataclass(frozen=True, slots=True)
class Heard:
    """A message as the turn sees it."""

    kind: Kind
    text: str = ""
    choice: str | None = None


@dataclass(frozen=True, slots=True)
class Act:
    """What a person decided about a ticket: `rate`, `reopen`, `news`, `result`, `consent`, `return`, `cancel`.

    `waiting` changes nothing: they ask when it is answered.
    """

    name: str
    value: str = ""
    """What the button said after the name, such as `12.1`: from outside, to be checked."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of the person and of the conversation before the turn."""

    channel: str = ""
    language: str | None = None
    language_chosen: bool = False
    language_asked: bool = False
    """They were asked which language they share with us."""
    country: str | None = None
    audience: str | None = None
    stopped: bool = False
    welcomed: bool = True
    tickets: tuple[int, ...] = ()
    held: bool = False
    """An officer has the talk."""
    closed: int | None = None
    """The request that was closed a short while ago: they may still write about it."""
    context: dict[str, Any] = field(default_factory=dict)

    def after(self, outcome: Outcome) -> Known:
        """What is known once `outcome` has been said."""
        return replace(self, context=outcome.context, **outcome.remember)

    def question(self) -> Question:
        """The question before; an empty one if there is none, or if another version wrote it down."""
        try:
            return Question.from_facts(self.context.get("question", {}))
        except TypeError:
            return Question()

    def settled(self) -> dict[str, Any]:
        """The context once what was asked back is answered."""
        return {key: value for key, value in self.context.items() if key not in {"asked", "offer"}}


@dataclass(frozen=True, slots=True)
class TicketRequest:
    """A ticket to open. Its number is known only at the commit, so the words around it come as a template."""

    cause: Cause
    need: dict[str, Any]
    before: str
    urgent: bool = False


@dataclass(frozen=True, slots=True)
class Submission:
    """Something for the catalogue that a person has sent in. Its number and id are known only at the commit."""

    record: Record
    alike: tuple[tuple[str, float], ...] = ()
    """Records that may be the same, and how alike they are (0–1); the person says that it is another one."""


@dataclass(slots=True)
class Outcome:
    """What a turn did: committed as a whole or not at all."""

    action: Action
    language: str
    messages: list[Outgoing] = field(default_factory=list)
    afterwards: list[Outgoing] = field(default_factory=list)
    """What is asked once everything else has been said: what comes of a ticket or a decision, too."""
    shown: tuple[str, ...] = ()
    context: dict[str, Any] = field(default_factory=dict)
    remember: dict[str, Any] = field(default_factory=dict)
    """Fields of the contact to set."""
    ticket: TicketRequest | None = None
    erase: bool = False
    export: bool = False
    acts: tuple[Act, ...] = ()
    submissions: tuple[Submission, ...] = ()

    def followed_by(self, later: Outcome) -> Outcome:
        """Both as one: everything is said, and the later one decides how it goes on."""
        urgent = self.ticket if self.ticket and self.ticket.urgent else None
        return replace(
            later,
            messages=[*self.messages, *later.messages],
            afterwards=[*self.afterwards, *later.afterwards],
            shown=later.shown or self.shown,
            remember=self.remember | later.remember,
            ticket=urgent or later.ticket or self.ticket,
            erase=self.erase or later.erase,
            export=self.export or later.export,
            acts=self.acts + later.acts,
            submissions=(() if later.erase else self.submissions) + later.submissions,
        )


@dataclass(frozen=True, slots=True)
class Manners:
    """What the operator has set that people are told."""

    operator: str
    privacy: str
    retention_days: int
    helpline: str | None = None
    hours: str | None = None
    join: str = ""
    """Where the form is by which one offers something for the catalogue."""
