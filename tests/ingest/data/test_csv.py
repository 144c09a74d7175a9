"""Tables in text files."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from ingest.client import Client, TooLarge
from ingest.run import run, told
from store.database import Database
from tests.ingest.data.looking import found, refusal, source
from tests.servers.site import Site

COURSES = {"name": "Course", "url": ["Link", "Link 2"], "text": "About", "starts": "From", "tags": "Topics"}
TABLE = """\
Course,About,From,Topics,Link,Link 2
Typing,Learn to type.,2031-03-01,typing; spreadsheets,https://type.example/1,
"""


def test_a_table_is_read_from_a_file_and_from_an_address_alike(site: Site, client: Client, tmp_path: Path) -> None:
    (tmp_path / "courses.csv").write_text(TABLE, encoding="utf-8")
    site.put("/courses.csv", TABLE.encode())

    here, none = found(source("csv", tmp_path / "courses.csv", columns=COURSES), client)
    there, _ = found(source("csv", f"{site.url}/courses.csv", columns=COURSES), client)

    assert here == there
    assert none == []
    (item,) = here.values()
    assert (item.key, item.name, item.text) == ("https://type.example/1", "Typing", "Learn to type.")
    assert (item.starts, item.tags) == (date(2031, 3, 1), ("typing", "spreadsheets"))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_whatever_a_spreadsheet_makes_of_it_is_read(site: Site, client: Client, encoding: str, separator: str) -> None:
    rows = [[" Course ", "LINK", "about"], ["Été numérique", "https://type.example/1", "Apprendre à taper"]]
    text = "\r\n".join(separator.join(row) for row in rows)
    site.put("/a.csv", text.encode(encoding))

    columns = {"name": "course", "url": "Link", "text": "About"}
    items, troubles = found(source("csv", f"{site.url}/a.csv", columns=columns), client)

    assert [(item.name, item.text) for item in items.values()] == [("Été numérique", "Apprendre à taper")]
    assert troubles == []


def test_lines_and_quotes_inside_a_cell_stay_in_it(site: Site, client: Client) -> None:
    site.put("/a.csv", b'name,text,teaches\n"Typing, fast","Learn ""ten"" fingers.\nBring a pen.","keys\ntables"\n')

    items, troubles = found(source("csv", f"{site.url}/a.csv"), client)

    assert troubles == []
    (item,) = items.values()
    assert item.name == "Typing, fast"
    assert item.text == 'Learn "ten" fingers.\nBring a pen.'
    assert item.teaches == ("keys", "tables")


def test_of_two_links_in_a_cell_the_first_counts(site: Site, client: Client) -> None:
    site.put("/a.csv", b'name,url\nTyping,"https://type.example/1 or https://type.example/2"\n')

    items, _ = found(source("csv", f"{site.url}/a.csv"), client)

    assert list(items) == ["https://type.example/1"]


def test_a_row_whose_cells_are_shifted_is_told_and_the_others_are_taken(site: Site, client: Client) -> None:
    rows = ["name,url", "Typing,https://type.example/1", "Tables,for beginners,https://type.example/2", "Safety,soon"]
    site.put("/a.csv", "\n".join(rows).encode())

    items, troubles = found(source("csv", f"{site.url}/a.csv"), client)

    assert list(items) == ["https://type.example/1"]
    assert [str(trouble).split(" row ")[1] for trouble in troubles] == [
        "3: has 3 cells under 2 headers: is it shifted?",
        "4: “soon” is no address: is it shifted?",
    ]


def test_a_mapping_in_a_file_of_its_own_says_which_column_is_what(site: Site, client: Client, tmp_path: Path) -> None:
    (tmp_path / "mapping.yaml").write_text("name: Kozi\nurl: Kiungo\n", encoding="utf-8")
    site.put("/a.csv", b"Kozi,Kiungo\nKuchapa,https://type.example/1\n")

    items, _ = found(source("csv", f"{site.url}/a.csv", mapping=str(tmp_path / "mapping.yaml")), client)

    assert [item.name for item in items.values()] == ["Kuchapa"]


def test_a_column_that_is_not_there_is_told_with_those_that_are(site: Site, client: Client) -> None:
    site.put("/a.csv", b"Title,Link\nTyping,https://type.example/1\n")

    assert "no column “Course”; there are Title, Link" in refusal(
        source("csv", f"{site.url}/a.csv", columns={"name": "Course"}), client
    )


def test_a_table_that_is_not_there_is_told(client: Client, tmp_path: Path) -> None:
    assert "No such file" in refusal(source("csv", tmp_path / "nothing.csv"), client)


def test_a_file_is_read_no_further_than_a_page(tmp_path: Path) -> None:
    (tmp_path / "large.csv").write_bytes(b"name\n" + b"x" * 1_000)
    with Client(largest=500) as client, pytest.raises(TooLarge):
        client.read(str(tmp_path / "large.csv"))


def test_a_table_goes_the_whole_way(sqlite: Database, site: Site, client: Client) -> None:
    of, header = source("csv", f"{site.url}/a.csv"), "name,url,tags,cost\n"
    site.put("/a.csv", f"{header}Typing,https://t.example/1,typing,free\n,https://t.example/2,,\n".encode())
    first = run(sqlite, of, client)
    site.put("/a.csv", f"{header}Typing,https://t.example/1,typing,20 EUR\n".encode())
    second = run(sqlite, of, client)

    assert first.summary() == "added 1, changed 0, ended 0, rejected 1"
    assert second.summary() == "added 0, changed 1, ended 0, rejected 0"
    assert list(told(second)) == ["~ typing: cost: free → paid"]
