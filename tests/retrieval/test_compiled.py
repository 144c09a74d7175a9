"""Compiled words are those of their source, whatever was compiled before."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from retrieval.compiled import trie


def compiled(source: Path) -> list[str]:
    def keys() -> Iterator[str]:
        yield from source.read_text().split()

    return sorted(trie(source, keys))


def test_what_was_compiled_is_read_from_disk(tmp_path: Path) -> None:
    source = tmp_path / "words.txt"
    source.write_text("apple pear")
    compiled(source)

    assert sorted(trie(source, lambda: [])) == ["apple", "pear"]


def test_a_changed_source_is_compiled_anew_and_the_old_one_goes(tmp_path: Path) -> None:
    source = tmp_path / "words.txt"
    source.write_text("apple pear")
    compiled(source)
    source.write_text("apple plum")

    assert compiled(source) == ["apple", "plum"]
    assert len(list((tmp_path / "__pycache__").iterdir())) == 1


def test_words_are_there_where_nothing_can_be_written(tmp_path: Path) -> None:
    source = tmp_path / "words.txt"
    source.write_text("apple pear")
    (tmp_path / "__pycache__").write_text("a file is in the way")

    assert compiled(source) == ["apple", "pear"]
