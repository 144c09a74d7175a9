"""Whether a message wants software to use, or an example of what others did, rather than training.

Few say so in words that a list has ("our files are on paper"), and who names what software does may as well look for
a course on it. So the concepts that were understood and what the guess holds likely are weighed together
(docs/retrieval.md).
"""

from __future__ import annotations

from math import log

from retrieval.guess import NEITHER
from retrieval.question import Question
from retrieval.weighing import FOLDER, weigh, weights

WEIGHTS = FOLDER / "wishes.json"
SOFTWARE, EXAMPLE = "software", "example"
WISHES = (NEITHER, SOFTWARE, EXAMPLE)
_LEAST = 0.003
_SHORT, _LONG = 4, 16
_MOST_COUNTRIES = 3


def features(question: Question) -> dict[str, float]:
    """What is weighed: the concepts that the words say, and the logarithm of how likely the guess holds each wish."""
    said = (
        *question.topics,
        *question.intents,
        *question.hints,
        *question.needs,
        *question.formats,
        *question.audiences,
        *question.elsewhere,
        *question.refuse,
        *question.controls,
        *question.smalltalk,
        *question.about,
    )
    likely = {f"likely {wish}": log(max(question.wants.get(wish, 0), _LEAST) / _LEAST) for wish in (SOFTWARE, EXAMPLE)}
    return {
        "always": 1.0,
        **dict.fromkeys(said, 1.0),
        **likely,
        "countries": float(min(len(question.countries), _MOST_COUNTRIES)),
        "asks someone": float(question.asks_someone),
        "free": float(question.free),
        "certificate": float(question.certificate),
        "level": float(question.level is not None),
        "few words": float(question.length <= _SHORT),
        "many words": float(question.length > _LONG),
    }


def wishes(question: Question) -> dict[str, float]:
    """Software, an example or neither ("") → probability, the likeliest first. `question.wants`: the guess's."""
    return weigh(features(question), weights(WEIGHTS))
