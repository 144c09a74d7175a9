"""Catalogue files: what is right goes in, what is wrong is told with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingest.files import STARTER, Problem, catalogue_files, read_records
from ingest.load import load
from locales.messages import LANGUAGES
from retrieval.records import Record
from retrieval.yaml import read
from store import catalogue
from store.database import Database

GOOD = """\
source: a test
records:
  - id: typing-club
    kind: programme
    name: Typing Club
    provider: A club
    summaries: {en: Learn to type.}
    teaches: [typing with ten fingers]
    topics: [typing]
    focus_areas: [digital-literacy]
    audiences: [everyone]
    eligibility: {countries: [ALL], groups: [everyone]}
    regions: [GLOBAL]
    languages: [en]
    modality: unknown
    cost: [free]
    certificate: unknown
    url: https://typing.example
    status: active
    evidence: memory
    confidence: medium
"""
BAD = """\
  - id: no-such-topic
    kind: programme
    name: Wrong
    provider: A club
    summaries: {en: Something.}
    teaches: [something]
    topics:
      - typing
      - flying
    focus_areas: [digital-literacy]
    audiences: [everyone]
    eligibility: {countries: [ALL], groups: [everyone]}
    regions: [GLOBAL]
    languages: [en]
    modality: unknown
    cost: [free]
    certificate: unknown
    url: unknown
    status: active
    evidence: memory
    confidence: medium
"""


def file(folder: Path, text: str, name: str = "some.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def problems(path: Path) -> list[Problem]:
    return [found for found in read_records([path]) if isinstance(found, Problem)]


def test_loading_twice_changes_nothing(sqlite: Database, tmp_path: Path) -> None:
    path = file(tmp_path, GOOD)

    first, second = load(sqlite, path), load(sqlite, path)

    assert (first.added, first.changed, first.unchanged) == (1, 0, 0)
    assert (second.added, second.changed, second.unchanged) == (0, 0, 1)


def test_a_changed_record_replaces_the_old_one_and_loses_its_check(sqlite: Database, tmp_path: Path) -> None:
    load(sqlite, file(tmp_path, GOOD))
    with sqlite.write() as session:
        (row,) = catalogue.offered(session)
        catalogue.mark_checked(session, row.id, "an officer", row.changed_at.date())

    loaded = load(sqlite, file(tmp_path, GOOD.replace("Learn to type.", "Learn to type fast.")))

    assert loaded.changed == 1
    with sqlite.read() as session:
        assert [row.id for row in catalogue.unchecked(session)] == ["typing-club"]


def test_a_bad_row_is_told_with_file_line_and_field_and_the_rest_loads(sqlite: Database, tmp_path: Path) -> None:
    path = file(tmp_path, GOOD + BAD)

    loaded = load(sqlite, path)

    assert loaded.added == 1
    (problem,) = loaded.problems
    line = (GOOD + BAD).splitlines().index("      - flying") + 1
    assert str(problem).startswith(f"some.yaml:{line}: topics.1: ")
    assert "no-such-topic" in str(problem)


def test_of_two_records_with_one_id_the_first_is_taken(tmp_path: Path) -> None:
    twice = GOOD + GOOD.partition("records:\n")[2]

    (problem,) = problems(file(tmp_path, twice))

    assert problem.field == "id"
    assert problem.line == GOOD.count("\n") + 1


@pytest.mark.parametrize(
    ("content", "field"),
    [
        (b"records: [", "file"),
        (b"\xff\xfe\x00", "file"),
        (b"just a sentence", "records"),
        (b"source: x\nrecords:\n  - 5\n", "record"),
        (b"", "records"),
    ],
)
def test_a_file_that_is_no_catalogue_is_refused_in_words(tmp_path: Path, content: bytes, field: str) -> None:
    path = tmp_path / "odd.yaml"
    path.write_bytes(content)

    (problem,) = problems(path)

    assert problem.field == field


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        catalogue_files(tmp_path / "nothing.yaml")


def test_the_starter_catalogue_is_whole_and_claims_no_checks() -> None:
    records = list(read_records(catalogue_files(STARTER)))

    assert len(records) == 289
    assert [record for record in records if isinstance(record, Problem)] == []
    entries = [record for record in records if isinstance(record, Record)]
    assert {record.checked for record in entries} == {None}
    assert "low" not in {record.confidence for record in entries}


def test_a_translators_file_beside_the_catalogue_adds_names_and_summaries(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text(GOOD)
    (tmp_path / "translations").mkdir()
    (tmp_path / "translations" / "sw.yaml").write_text("typing-club: {name: Klabu ya Kuchapa, summary: Jifunze.}")

    (record,) = read_records(catalogue_files(tmp_path))

    assert isinstance(record, Record)
    assert record.name_in("sw") == "Klabu ya Kuchapa"
    assert record.summaries == {"en": "Learn to type.", "sw": "Jifunze."}


@pytest.mark.parametrize("own", ["    names:\n", "    names: Klabu\n"])
def test_a_record_with_a_mistake_where_translations_go_spoils_no_other(tmp_path: Path, own: str) -> None:
    (tmp_path / "own.yaml").write_text(GOOD + own + GOOD.partition("records:\n")[2].replace("typing-club", "other"))
    (tmp_path / "translations").mkdir()
    (tmp_path / "translations" / "sw.yaml").write_text("typing-club: {name: Klabu ya Kuchapa}")

    problem, record = read_records(catalogue_files(tmp_path))

    assert isinstance(problem, Problem)
    assert (problem.file, problem.field) == ("own.yaml", "names")
    assert isinstance(record, Record)
    assert record.id == "other"


def test_an_id_that_is_no_text_is_told_beside_translations_too(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text(GOOD.replace("id: typing-club", "id: [typing-club]"))
    (tmp_path / "translations").mkdir()
    (tmp_path / "translations" / "sw.yaml").write_text("typing-club: {name: Klabu ya Kuchapa}")

    (problem,) = read_records(catalogue_files(tmp_path))

    assert isinstance(problem, Problem)
    assert problem.field == "id"


def test_a_translators_file_that_is_a_list_is_told(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text(GOOD)
    (tmp_path / "translations").mkdir()
    (tmp_path / "translations" / "sw.yaml").write_text("- typing-club")

    problem, _ = read_records(catalogue_files(tmp_path))

    assert isinstance(problem, Problem)
    assert (problem.file, problem.field) == ("sw.yaml", "file")


def test_what_was_withdrawn_comes_back_by_its_file_only_if_that_says_something_else(
    database: Database, tmp_path: Path
) -> None:
    file = tmp_path / "own.yaml"
    file.write_text(GOOD)
    load(database, file)
    with database.write() as session:
        catalogue.withdraw(session, "typing-club")

    assert load(database, file).unchanged == 1
    with database.read() as session:
        assert not catalogue.offers(session, "typing-club")

    file.write_text(GOOD.replace("cost: [free]", "cost: [paid]"))
    assert load(database, file).changed == 1
    with database.read() as session:
        assert catalogue.offers(session, "typing-club")


def test_a_translators_file_with_a_mistake_is_told_and_the_catalogue_is_read_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text(GOOD)
    (tmp_path / "translations").mkdir()
    (tmp_path / "translations" / "sw.yaml").write_text("typing-club: {title: Klabu}")

    problem, record = read_records(catalogue_files(tmp_path))

    assert isinstance(problem, Problem)
    assert (problem.file, problem.field) == ("sw.yaml", "typing-club")
    assert isinstance(record, Record)


def test_the_most_useful_records_of_the_starter_catalogue_speak_the_twelve_languages() -> None:
    records = {found.id: found for found in read_records(catalogue_files(STARTER)) if isinstance(found, Record)}
    translated = {path.stem: read(path) for path in (STARTER / "translations").glob("*.yaml")}

    assert set(translated) == set(LANGUAGES) - {"en"}
    for language, texts in translated.items():
        assert set(texts) <= set(records), language
        assert len(texts) >= 50, language
        assert all(records[key].summaries[language] != records[key].summaries["en"] for key in texts), language
