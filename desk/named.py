"""What codes and concepts are called, for officers."""

from __future__ import annotations

from bot.replies import Replies
from locales import translations
from retrieval.concepts import concepts
from store.demand import UNKNOWN
from store.desk_tables import Gap


class Names:
    """The names in one language."""

    def __init__(self, code: str) -> None:
        """`code`: an interface language."""
        self._replies = Replies(code)
        self._ = translations(code).gettext

    def topic(self, topic: str) -> str:
        """A topic, or something outside our field."""
        return self._gloss(topic, self._("topic not understood"))

    def audience(self, audience: str) -> str:
        """Whom it is for."""
        return self._gloss(audience, self._("not said for whom"))

    def country(self, code: str) -> str:
        """A country."""
        return self._replies.country(code) if code else self._("country not known")

    def language(self, code: str) -> str:
        """A language."""
        return self._replies.tongue(code) if code else self._("any language")

    def need(self, need: str) -> str:
        """A type of need: a concept, or why a request came to a person."""
        _ = self._
        reasons = {
            "nothing-fits": _("nothing fitted"),
            "elsewhere": _("outside our field"),
            "outside": _("outside our field"),
            "person": _("asked for a person"),
            "need": _("needs a person"),
            "failure": _("the assistant failed"),
            "vague": _("too vague to search"),
            "unread": _("could not be read"),
        }
        return reasons.get(need) or self._gloss(need, need)

    def gap(self, gap: Gap) -> str:
        """A gap by its title, or by what it is about."""
        return gap.title or self.cell(gap)

    def cell(self, gap: Gap) -> str:
        """What a gap is about."""
        cell = [self.topic(gap.topic)]
        cell += [self.country(gap.country)] if gap.country else []
        cell += [self.language(gap.language)] if gap.language else []
        cell += [self.audience(gap.audience)] if gap.audience else []
        return " · ".join(cell)

    def gap_state(self, state: str) -> str:
        """How far a gap is."""
        _ = self._
        return {"open": _("open"), "called": _("providers are called"), "closed": _("filled")}[state]

    def of(self, dimension: str, value: str) -> str:
        """A value on one of the dimensions of `store.demand`."""
        return str(getattr(self, dimension)(value))

    def _gloss(self, concept: str, otherwise: str) -> str:
        found = concepts().get(concept)
        return self._(found.gloss) if found else (concept if concept != UNKNOWN else otherwise)
