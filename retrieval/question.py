"""A question as understood: what is wanted, for whom, where, in which language, at what price."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Question:
    """Everything is a concept id of `vocabulary/concepts.yaml`, an ISO code or a plain fact."""

    text: str = ""
    language: str = "en"
    """ISO 639-1, of the text."""
    topics: dict[str, float] = field(default_factory=dict)
    """Topic → how sure (1.0, less where a typo was tolerated)."""
    likely: dict[str, float] = field(default_factory=dict)
    """Concept → probability, by letters and meaning of the text (`retrieval.guess`); "" for none."""
    wants: dict[str, float] = field(default_factory=dict)
    """Software, an example or neither ("") → probability (`retrieval.wishes`)."""
    leaning: dict[str, float] = field(default_factory=dict)
    """What can be done with it → probability (`retrieval.leaning`); nothing for what was not said but chosen."""
    guessed: bool = False
    """Whether topics, or what a person is needed for, are only the most likely: no word names them."""
    audiences: tuple[str, ...] = ()
    male: bool = False
    """Whether the one who is to learn is said to be a man or a boy, and no woman or girl is with him."""
    level: str | None = None
    age: int | None = None
    countries: tuple[str, ...] = ()
    """Said by the person: a demand."""
    taught_in: tuple[str, ...] = ()
    """Asked for: a demand. Writing in a language is a preference only."""
    not_taught_in: tuple[str, ...] = ()
    speaks: tuple[str, ...] = ()
    """Languages mentioned without a demand."""
    free: bool = False
    scholarship: bool = False
    """Asks for one that pays: a scholarship, a fellowship, a host who covers the costs."""
    certificate: bool = False
    formats: tuple[str, ...] = ()
    not_formats: tuple[str, ...] = ()
    intents: tuple[str, ...] = ()
    hints: tuple[str, ...] = ()
    """Words for software or for other countries' experience, which alone tell no wish."""
    needs: tuple[str, ...] = ()
    """Needs that a person must take up."""
    asks_someone: bool = False
    """Somebody is asked to come, to help, to work with them."""
    elsewhere: tuple[str, ...] = ()
    refuse: tuple[str, ...] = ()
    distress: tuple[str, ...] = ()
    smalltalk: tuple[str, ...] = ()
    controls: tuple[str, ...] = ()
    """Controls said inside a longer text; a control that is the whole text is found before (`bot.controls`)."""
    about: tuple[str, ...] = ()
    """What is asked of results that were shown, if any were: to compare them, or how one joins."""
    unknown: tuple[str, ...] = ()
    """Words that nothing knows: neither vocabulary, places nor function words."""
    length: int = 0
    """Words in the text."""

    @property
    def constrains(self) -> bool:
        """Whether it says anything that narrows a search down without a topic of its own."""
        return bool(
            self.free
            or self.scholarship
            or self.certificate
            or self.formats
            or self.not_formats
            or self.taught_in
            or self.countries
        )

    @property
    def way(self) -> str:
        """What can most likely be done with it; nothing for what was not said but chosen."""
        return max(self.leaning, key=lambda way: self.leaning[way], default="")

    @property
    def searchable(self) -> bool:
        """Whether there is something to look for."""
        return bool(self.topics or self.audiences)

    def narrowed(self, by: Self) -> Self:
        """The question with what a follow-up ("free ones?", "in French") adds or replaces."""
        return replace(
            self,
            text=f"{self.text} {by.text}".strip(),
            language=by.language,
            countries=by.countries or self.countries,
            taught_in=by.taught_in or self.taught_in,
            not_taught_in=by.not_taught_in or self.not_taught_in,
            audiences=by.audiences or self.audiences,
            male=by.male or (self.male and not by.audiences),
            level=by.level or self.level,
            age=by.age or self.age,
            free=by.free or self.free,
            scholarship=by.scholarship or self.scholarship,
            certificate=by.certificate or self.certificate,
            formats=tuple(f for f in dict.fromkeys((*self.formats, *by.formats)) if f not in by.not_formats),
            not_formats=tuple(f for f in dict.fromkeys((*self.not_formats, *by.not_formats)) if f not in by.formats),
        )

    def facts(self) -> dict[str, Any]:
        """As plain data, without what is empty: for the conversation's context and for tickets."""
        return {key: value for key, value in asdict(self).items() if value not in ((), {}, None, False, "", 0)}

    @classmethod
    def from_facts(cls, facts: dict[str, Any]) -> Self:
        """The question that `facts` came from. Raises `TypeError` for facts of another version."""
        values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in facts.items()}
        return cls(**values)
