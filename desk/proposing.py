"""Words that an officer typed to be kept; what makes no sense is told in their language."""

from __future__ import annotations

from collections.abc import Mapping

from bot.offering import Senseless, topics
from channels.text import clean
from locales import translations
from retrieval.understanding import understand
from retrieval.vocabulary import languages, vocabulary
from retrieval.words import is_han, normalise, words

LONGEST_WORDS = 80


def read_words(given: Mapping[str, str], code: str) -> dict[str, str]:
    """Words, their language and the topic that they stand for, as `store.proposals.words` gives them back.

    Raises `Senseless`.
    """
    _ = translations(code).gettext
    language, concept, said = given.get("language", ""), given.get("concept", ""), clean(given.get("said", ""))
    # Stars and dots mean something in the vocabulary's files, where they are tested; people do not say them.
    plain = not any(sign in normalise(said) for sign in ("*", "...", "\n"))
    sensible = language in languages() and concept in topics() and len(said) <= LONGEST_WORDS
    if not (plain and sensible and words(said)):
        raise Senseless(_("Choose a language and a topic, and write the words as people say them."))
    if _is_common(said, language):
        raise Senseless(_("These words are too common: many messages about other things have them too."))
    if understand(said, language).topics.get(concept) == 1:
        raise Senseless(_("The assistant understands these words already."))
    return {"language": language, "concept": concept, "words": said}


def _is_common(said: str, language: str) -> bool:
    """Whether nothing but small words is said: every other message would be about them."""
    small = vocabulary(language).function_words | vocabulary("en").function_words
    return all(word in small or (len(word) < 3 and word.isascii() and not is_han(word)) for word in words(said))
