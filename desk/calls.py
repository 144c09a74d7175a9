"""The call for providers: what is sought, in words that may be shown outside."""

from __future__ import annotations

from desk.named import Names
from locales import translations
from store.desk_tables import Gap

FEWEST = 5
"""People from whom on their number is named outside."""


def draft(gap: Gap, people: int, operator: str, code: str) -> str:
    """The text of a call, in English and in the officer's language. `people`: how many asked in vain."""
    return "\n\n".join(_text(gap, people, operator, language) for language in dict.fromkeys(("en", code)))


def lines(gap: Gap, code: str) -> list[str]:
    """The call in one line, in English and in the officer's language."""
    made = []
    for language in dict.fromkeys(("en", code)):
        _ = translations(language).gettext
        made.append(_("Sought: {what}").format(what=Names(language).cell(gap)))
    return made


def _facts(gap: Gap, names: Names, code: str) -> list[str]:
    _ = translations(code).gettext
    facts = []
    if gap.country:
        facts.append(_("Country: {country}").format(country=names.country(gap.country)))
    if gap.language:
        facts.append(_("Language: {language}").format(language=names.language(gap.language)))
    if gap.audience:
        facts.append(_("For whom: {audience}").format(audience=names.audience(gap.audience)))
    return facts


def _text(gap: Gap, people: int, operator: str, code: str) -> str:
    names, words = Names(code), translations(code)
    _ = words.gettext
    text = [
        _("Call for providers: {topic}").format(topic=names.topic(gap.topic)),
        _("People ask {operator} for this, and nothing in our catalogue fits:").format(operator=operator),
        *_facts(gap, names, code),
    ]
    if people >= FEWEST:
        asked = words.ngettext("So far {people} person has asked.", "So far {people} people have asked.", people)
        text.append(asked.format(people=people))
    text.append(
        _("Do you offer this, or do you know who does? Please tell us, and we will show it to those who asked.")
    )
    return "\n".join(text)
