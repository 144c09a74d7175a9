"""What is not wanted, and which languages are asked for, ruled out or just mentioned."""

from __future__ import annotations

from itertools import pairwise

from retrieval.patterns import Match
from retrieval.vocabulary import Frame, vocabulary

VERB_LAST = frozenset({"hi", "bn", "am", "tr", "ur", "ne", "fa", "so"})
"""Languages whose verbs, and so most of their negations, come last."""
Negation = tuple[bool, bool]
"""Whether a "not" stands before a word, and after it."""


def negations(named: list[Match], matches: list[Match], breaks: frozenset[int], language: str) -> list[Negation]:
    """For each of `named`, in the order of the text, whether it is negated.

    At most one word may stand in between, and no comma (`breaks`: where clauses begin). A "not" between two belongs to
    the one behind it, or, where the verb comes last, to the one before it.
    """
    nots = [match for match in matches if match.target == "not"]

    def near(first: Match, second: Match) -> bool:
        return 0 <= second.start - first.end <= 1 and not breaks & set(range(first.end, second.start + 1))

    before = [{n for n in nots if near(n, match)} for match in named]
    after = [{n for n in nots if near(match, n)} for match in named]
    taken = set().union(*(after if language in VERB_LAST else before))
    if language in VERB_LAST:
        return [(bool(b - taken), bool(a)) for b, a in zip(before, after, strict=True)]
    return [(bool(b), bool(a - taken)) for b, a in zip(before, after, strict=True)]


def language_demands(
    found: list[str], named: list[Match], matches: list[Match], breaks: frozenset[int], active: tuple[str, ...]
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Languages demanded, refused, and only mentioned. `active`: the vocabularies to read with, its own first."""
    language = active[0]
    demanded: list[str] = []
    unwanted: list[str] = []
    spoken: list[str] = []
    welcome = [match.target for match in named if _would_do(found, match, active)]
    asked = [_asked_for(found, match, active) for match in named]
    stated = _shared(named, negations(named, matches, breaks, language), asked)
    for match, wanted, (before, after) in zip(named, asked, stated, strict=True):
        if match.target in welcome:
            continue
        if before or (after and language in VERB_LAST):
            unwanted.append(match.target)
        elif wanted and not after:  # "English is no problem" asks for nothing
            demanded.append(match.target)
        else:
            spoken.append(match.target)
    if language in spoken and not demanded:  # whoever names the very language that they write in asks for it
        demanded, spoken = [language], [code for code in spoken if code != language]
    if unwanted and not demanded and language not in unwanted:  # "not in English" wants one's own
        demanded = [language]
    beside = _beside(named, matches, demanded)
    demanded += [code for code in spoken if code in beside]
    spoken = [code for code in spoken if code not in beside]
    if demanded:  # "in Nepali, English is fine too"
        demanded += welcome
    else:
        spoken += welcome
    return tuple(dict.fromkeys(demanded)), tuple(dict.fromkeys(unwanted)), tuple(dict.fromkeys(spoken))


def _beside(named: list[Match], matches: list[Match], demanded: list[str]) -> set[str]:
    """Languages that an "or" joins to one that is demanded: "Ukrainian or Russian"."""
    joints = {(match.start, match.end) for match in matches if match.target == "either"}
    pairs = [(a.target, b.target) for a, b in pairwise(named) if (a.end, b.start) in joints]
    return {one for a, b in pairs for one, other in ((a, b), (b, a)) if other in demanded}


def _shared(named: list[Match], stated: list[Negation], asked: list[bool]) -> list[Negation]:
    """Negations, carried over to languages beside them ("neither English nor French") that are not asked for."""
    carried = list(stated)
    for i in range(1, len(named)):
        if not asked[i] and named[i].start - named[i - 1].end <= 1:
            carried[i] = (carried[i][0] or carried[i - 1][0], carried[i][1])
    for i in range(len(named) - 2, -1, -1):
        if not asked[i] and named[i + 1].start - named[i].end <= 1:
            carried[i] = (carried[i][0], carried[i][1] or carried[i + 1][1])
    return carried


def _asked_for(found: list[str], match: Match, active: tuple[str, ...]) -> bool:
    """Whether the words around a language's name turn it into a demand ("in {}", "{} में", "بال{}")."""
    frames = (frame for language in active for frame in vocabulary(language).in_language)
    return written_on(found, match) or any(_stands_in(found, match, frame) for frame in frames)


def _would_do(found: list[str], match: Match, active: tuple[str, ...]) -> bool:
    """Whether a language is said to do as well ("{} is fine too"), which demands nothing."""
    frames = (frame for language in active for frame in vocabulary(language).also_language)
    return any(_stands_in(found, match, frame) for frame in frames)


def _stands_in(found: list[str], match: Match, frame: Frame) -> bool:
    before = tuple(found[max(0, match.start - len(frame.before)) : match.start])
    after = tuple(found[match.end : match.end + len(frame.after)])
    return not frame.written_on and before == frame.before and after == frame.after


def written_on(found: list[str], match: Match) -> bool:
    """Whether an "in" is written onto a language's name, as in Arabic and Amharic."""
    frames = vocabulary(match.language).in_language
    return match.length == 1 and any(f.written_on and found[match.start].startswith(f.written_on) for f in frames)
