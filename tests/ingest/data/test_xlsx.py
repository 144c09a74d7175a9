"""Workbooks."""

from __future__ import annotations

import io
import zipfile
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from ingest.client import Client
from ingest.run import run, told
from store.database import Database
from tests.ingest.data.looking import found, refusal, source
from tests.servers.site import Site

COURSES = {"name": "Course", "url": "Link", "provider": "By", "text": "About", "starts": "From", "tags": "Topics"}
HEADER = ["Course", "By", "About", "From", "Topics", "Link"]
TYPING = ["Typing & tables ⌨️", "Club Éducation", "Learn to type.", datetime(2031, 3, 1, 9, 30), "typing; spreadsheets"]


def workbook(rows: list[list[Any]], *, links: dict[str, str] | None = None, merged: tuple[str, ...] = ()) -> bytes:
    from openpyxl import Workbook

    book = Workbook()
    sheet = book.active
    for row in rows:
        sheet.append(row)
    for place, address in (links or {}).items():
        sheet[place].hyperlink = address
    for place in merged:
        sheet.merge_cells(place)
    book.create_sheet("Old")
    book["Old"].append(["nothing", "of use"])
    return saved(book)


def saved(book: Any) -> bytes:
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def test_a_workbook_is_read_from_a_file_and_from_an_address_alike(site: Site, client: Client, tmp_path: Path) -> None:
    content = workbook([HEADER, [*TYPING, "https://type.example/course"]])
    (tmp_path / "courses.xlsx").write_bytes(content)
    site.put("/courses.xlsx", content)

    here, none = found(source("xlsx", tmp_path / "courses.xlsx", columns=COURSES), client)
    there, _ = found(source("xlsx", f"{site.url}/courses.xlsx", columns=COURSES), client)

    assert here == there
    assert none == []
    (item,) = here.values()
    assert (item.key, item.url) == ("https://type.example/course",) * 2
    assert (item.name, item.provider) == ("Typing & tables ⌨️", "Club Éducation")
    assert item.starts == date(2031, 3, 1)
    assert item.tags == ("typing", "spreadsheets")


def test_a_link_behind_a_cell_counts_as_its_address(site: Site, client: Client) -> None:
    rows = [HEADER, [*TYPING, "go there"], ["Second", *TYPING[1:], '=HYPERLINK("https://type.example/2","here")']]
    site.put("/a.xlsx", workbook(rows, links={"F2": "https://type.example/1", "A3": "mailto:someone@type.example"}))

    items, _ = found(source("xlsx", f"{site.url}/a.xlsx", columns=COURSES), client)

    assert list(items) == ["https://type.example/1", "https://type.example/2"]


def test_a_title_that_is_a_link_gives_name_and_address(site: Site, client: Client) -> None:
    rows = [["Course", "By"], ["Typing", "A club"], ["Tables", "A club"]]
    site.put("/a.xlsx", workbook(rows, links={"A2": "https://type.example/1"}))

    items, troubles = found(source("xlsx", f"{site.url}/a.xlsx", columns={"name": "Course", "url": "Course"}), client)

    assert [(item.name, item.url) for item in items.values()] == [("Typing", "https://type.example/1"), ("Tables", "")]
    assert troubles == []


def test_titles_over_the_table_and_empty_rows_are_passed_over_and_rows_keep_their_numbers(
    site: Site, client: Client
) -> None:
    rows = [[None], ["Our courses 2031"], [], HEADER, [], [*TYPING, "https://type.example/1"], [None, "nobody"]]
    site.put("/a.xlsx", workbook(rows, merged=("A2:F2",)))

    items, troubles = found(source("xlsx", f"{site.url}/a.xlsx", columns=COURSES), client)

    assert list(items) == ["https://type.example/1"]
    assert [str(trouble) for trouble in troubles] == [f"{site.url}/a.xlsx row 7: has no name"]


def test_what_is_merged_over_several_rows_holds_for_each_of_them(site: Site, client: Client) -> None:
    rows = [["name", "provider"], ["Typing", "A club"], ["Tables", None], ["Safety", None], ["Alone", None]]
    site.put("/a.xlsx", workbook(rows, merged=("B2:B4",)))

    items, _ = found(source("xlsx", f"{site.url}/a.xlsx"), client)

    assert [item.provider for item in items.values()] == ["A club", "A club", "A club", ""]


def test_a_header_of_two_rows_is_read_by_the_lower_one(site: Site, client: Client) -> None:
    rows = [["name", "When", None], [None, "starts", "ends"], ["Typing", date(2031, 3, 1), "02.04.2031"]]
    site.put("/a.xlsx", workbook(rows, merged=("A1:A2", "B1:C1")))

    items, _ = found(source("xlsx", f"{site.url}/a.xlsx"), client)

    assert [(item.name, item.starts, item.ends) for item in items.values()] == [
        ("Typing", date(2031, 3, 1), date(2031, 4, 2))
    ]


def test_a_sheet_is_chosen_by_name_or_number_and_a_hidden_one_is_not_chosen_by_itself(
    site: Site, client: Client
) -> None:
    from openpyxl import Workbook

    book = Workbook()
    book.active.title, book.active.sheet_state = "Lists", "hidden"
    book.active.append(["name"])
    book.active.append(["Hidden"])
    book.create_sheet("2031").append(["name"])
    book["2031"].append(["Seen"])
    site.put("/a.xlsx", saved(book))

    def names(**more: Any) -> list[str]:
        return [item.name for item in found(source("xlsx", f"{site.url}/a.xlsx", **more), client)[0].values()]

    assert [names(), names(sheet="2031"), names(sheet=2), names(sheet=1)] == [["Seen"], ["Seen"], ["Seen"], ["Hidden"]]
    assert "there are Lists, 2031" in refusal(source("xlsx", f"{site.url}/a.xlsx", sheet="1999"), client)


def test_errors_of_formulas_are_no_words_and_far_empty_cells_are_no_rows(site: Site, client: Client) -> None:
    from openpyxl import Workbook

    book = Workbook()
    book.active.append(["name", "provider", "tags"])
    book.active.append(["Typing", "#N/A", "#REF!"])
    book.active["A1048576"] = "far away"
    site.put("/a.xlsx", saved(book))

    items, _ = found(source("xlsx", f"{site.url}/a.xlsx"), client)

    assert [(item.name, item.provider, item.tags) for item in items.values()] == [("Typing", "", ())]


def zipped(**parts: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in parts.items():
            packed.writestr(name, content)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"<html><h1>Please sign in</h1></html>", "no .xlsx file"),
        (b"", "no .xlsx file"),
        (b"\xd0\xcf\x11\xe0 old", "save it as .xlsx"),
        (zipped(readme=b"hello"), "no .xlsx file"),
        (workbook([["name"], ["Typing"]])[:-200], "no .xlsx file"),
    ],
)
def test_what_is_no_workbook_is_refused_in_words(site: Site, client: Client, content: bytes, reason: str) -> None:
    site.put("/a.xlsx", content)

    assert reason in refusal(source("xlsx", f"{site.url}/a.xlsx"), client)


def test_a_file_that_becomes_too_large_when_unpacked_is_refused(
    site: Site, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.sources.xlsx._LARGEST", 1_000_000)
    site.put("/bomb.xlsx", zipped(sheet=bytes(2_000_000)))

    assert "larger than 1 MB when unpacked" in refusal(source("xlsx", f"{site.url}/bomb.xlsx"), client)


def test_a_workbook_that_is_not_there_is_told(client: Client, tmp_path: Path) -> None:
    assert "No such file" in refusal(source("xlsx", tmp_path / "nothing.xlsx"), client)


def test_a_workbook_goes_the_whole_way(sqlite: Database, site: Site, client: Client) -> None:
    of = source("xlsx", f"{site.url}/a.xlsx")
    header = ["name", "url", "tags", "cost"]
    site.put(
        "/a.xlsx", workbook([header, ["Typing", "https://t.example/1", "typing", "free"], ["", "https://t.example/2"]])
    )
    first = run(sqlite, of, client)
    site.put("/a.xlsx", workbook([header, ["Typing", "https://t.example/1", "typing", "20 EUR"]]))
    second = run(sqlite, of, client)

    assert first.summary() == "added 1, changed 0, ended 0, rejected 1"
    assert second.summary() == "added 0, changed 1, ended 0, rejected 0"
    assert list(told(second)) == ["~ typing: cost: free → paid"]
