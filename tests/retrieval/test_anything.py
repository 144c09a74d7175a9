"""Whatever people write is read without an accident."""

from __future__ import annotations

import re
from unicodedata import normalize

from hypothesis import given, settings
from hypothesis import strategies as st

from channels.text import LONGEST_INBOUND, clean
from retrieval.patterns import Patterns
from retrieval.question import Question
from retrieval.understanding import understand
from retrieval.words import words

ALPHABETS = (
    "abc ÉéçñßIİıłđ ЁёЙй أإآىةكلاُ ሀሐፀጸ ኮምፒውተር হিন্দি কম্পিউটার हिन्दी क़ ३ 编程課 "
    "’'`*…./?!،؟።।, 0123 ²½ ﬁ 👩🏾💻\u200f\u202e\n\t"
)
TEXT = st.one_of(st.text(max_size=300), st.text(alphabet=ALPHABETS, max_size=300))


@settings(max_examples=150, deadline=None)
@given(TEXT)
def test_any_text_is_understood_as_something(text: str) -> None:
    question = understand(text)

    assert Question.from_facts(question.facts()) == question


@settings(max_examples=300, deadline=None)
@given(TEXT)
def test_words_stay_the_same_when_they_are_read_again(text: str) -> None:
    once = words(text)

    assert words(" ".join(once)) == once
    assert all(word and " " not in word for word in once)


@settings(max_examples=200, deadline=None)
@given(TEXT)
def test_a_text_finds_itself_as_a_pattern(text: str) -> None:
    plain = re.sub(r"\*|\.\.\.|\n", " ", normalize("NFKC", text))  # these mean something in a pattern
    found = words(plain)

    matches = list(Patterns.of("xx", [(plain, "it")]).find(found))

    assert not found or any(match.start == 0 and match.end == len(found) for match in matches)


@settings(max_examples=300, deadline=None)
@given(st.text())
def test_cleaned_text_is_short_and_stays_as_it_is(text: str) -> None:
    once = clean(text)

    assert len(once) <= LONGEST_INBOUND
    assert clean(once) == once
