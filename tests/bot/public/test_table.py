"""The public catalogue as a table."""

from __future__ import annotations

import re

import pytest

from bot import public
from store.tables import Record as Row
from tests.bot.public.house import House


def test_the_table_has_headings_then_hxl_tags_then_a_row_a_record(house: House) -> None:
    house.has(checked="2026-03-01")
    headings, tags, row = house.rows()
    assert len(headings) == len(tags) == len(row)
    assert all(re.fullmatch(r"#[a-z]+(\+[a-z]+)*", tag) for tag in tags)
    assert len(set(tags)) == len(tags)
    told = dict(zip(headings, row, strict=True))
    assert (told["Id"], told["Checked on"], told["Certificate"]) == ("typing-club", "2026-03-01", "")
    assert told["Languages"] == "en, sw"


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "  =", "＝"])
def test_no_cell_of_the_table_is_run_as_a_formula(house: House, begin: str) -> None:
    formula = f'{begin}HYPERLINK("https://evil.example","x")'
    house.has(name=formula, provider=formula, summaries={"en": formula}, licence=formula)
    row = house.rows()[2]
    assert sum("HYPERLINK" in cell for cell in row) == 4
    assert not [cell for cell in row if cell.lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r", "＝"))]


def test_a_tab_or_a_return_before_a_formula_does_not_help_it(house: House) -> None:
    house.has()
    with house.site.database.write() as session:
        row = session.get_one(Row, "typing-club")
        row.body = row.body | {"name": "\t=1+1", "provider": "\r=1+1"}
        row.digest = "another"
    assert house.rows()[2][2:4] == ["'=1+1", "'=1+1"]


def test_a_long_table_comes_in_parts_and_is_whole(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(public, "LINES_AT_ONCE", 2)
    for number in range(5):
        house.has(f"course-{number}", name="Bits, “bytes” and\nlines")
    assert [row[0] for row in house.rows()[2:]] == [f"course-{number}" for number in range(5)]
