"""Which records a question is compared with where there are too many to compare it with each."""

from __future__ import annotations

import pytest

from retrieval.records import Record
from retrieval.shelf import Shelf
from tests.records import PLAIN


@pytest.fixture
def shelf() -> Shelf:
    topics = {"typing-club": ["typing"], "office-school": ["typing", "spreadsheets"], "number-club": ["spreadsheets"]}
    return Shelf([Record.model_validate({**PLAIN, "id": key, "topics": found}) for key, found in topics.items()])


def test_those_that_have_most_of_what_was_named_are_looked_at(shelf: Shelf) -> None:
    named = [shelf.by_topic["typing"], shelf.by_topic["spreadsheets"]]

    assert shelf.having_most(named, 1) == {"office-school"}


def test_those_that_came_since_are_counted_too(shelf: Shelf) -> None:
    new = Record.model_validate({**PLAIN, "id": "new-school", "topics": ["typing", "spreadsheets"]})
    changed = shelf.changed([new], gone=["office-school"])
    named = [changed.by_topic["typing"], changed.by_topic["spreadsheets"]]

    assert changed.having_most(named, 1) == {"new-school"}


def test_where_nothing_was_named_there_are_none(shelf: Shelf) -> None:
    assert shelf.having_most([], 3) == set()
