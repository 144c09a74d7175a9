from __future__ import annotations

import pytest

from retrieval.patterns import Patterns, longest
from retrieval.words import words


def found(patterns: Patterns, text: str) -> list[str]:
    return [match.target for match in longest(patterns.find(words(text)))]


@pytest.mark.parametrize(
    ("pattern", "text", "is_found"),
    [
        ("machine learning", "I like Machine Learning!", True),
        ("machine learning", "learning machine", False),
        ("обуч*", "хочу обучение", True),
        ("*jifunz*", "nataka kujifunza kompyuta", True),
        ("*jifunz*", "nataka kuji funza", False),
        ("donate ... laptop*", "who can donate some old laptops", True),
        ("donate ... laptop*", "donate one two three four five laptops", False),
        ("编程", "我想学编程", True),
        ("ኮምፒውተር", "በኮምፒውተር መስራት", True),
        ("برمجة", "والبرمجة", True),
        ("l'intelligence artificielle", "formation sur l’intelligence artificielle", True),
    ],
)
def test_a_pattern_is_found_in_the_words_of_a_text(pattern: str, text: str, is_found: bool) -> None:
    patterns = Patterns.of("ar", [(pattern, "it")])

    assert (found(patterns, text) == ["it"]) is is_found


def test_a_longer_pattern_wins_over_one_inside_it() -> None:
    patterns = Patterns.of("en", [("learning", "learn"), ("machine learning", "machine-learning")])

    assert found(patterns, "machine learning") == ["machine-learning"]


def test_a_typo_is_taken_for_the_word_it_was_meant_for() -> None:
    patterns = Patterns.of("en", [("programming", "programming")])

    assert patterns.spelled_like("programing") == "programming"


def test_a_word_that_exists_is_no_typo() -> None:
    patterns = Patterns.of("en", [("export", "export-trade"), ("an expert to help", "bespoke-advice")])

    assert patterns.spelled_like("expert") is None


def test_only_arabic_writes_small_words_onto_others() -> None:
    # Persian "ورم" is a swelling, not "and a ram".
    assert found(Patterns.of("fa", [("رم", "it")]), "ورم") == []
