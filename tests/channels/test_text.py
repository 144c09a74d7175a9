"""Texts are parted where it hurts least, and nothing of them is lost."""

from __future__ import annotations

import random

import pytest

from channels.text import split, units, without_surrogates


def bare(text: str) -> str:
    return "".join(text.split())


class TestSplitting:
    @pytest.mark.parametrize("text", ["", " ", "hello", "😀" * 10, " indented\n\n"])
    def test_a_text_that_fits_is_left_as_it_is(self, text: str) -> None:
        assert split(text, 20) == [text]

    @pytest.mark.parametrize(
        ("text", "pieces"),
        [
            ("one two\n\nthree\nfour five", ["one two", "three\nfour", "five"]),
            ("a\n\nfour\ntwo three", ["a\n\nfour", "two three"]),
            ("one two three\n\nfour\nfive", ["one two three", "four\nfive"]),
            ("one two three four five", ["one two three", "four five"]),
            ("a\n\nb c d e f g h i j k l", ["a\n\nb c d e f g", "h i j k l"]),
            ("abcdefghijklmnopqrstuvwxyz", ["abcdefghijklmn", "opqrstuvwxyz"]),
            ("🙂🙂🙂🙂🙂🙂🙂🙂", ["🙂🙂🙂🙂🙂🙂🙂", "🙂"]),
            ("a🙂🙂🙂🙂🙂🙂🙂🙂", ["a🙂🙂🙂🙂🙂🙂", "🙂🙂"]),
        ],
    )
    def test_it_breaks_after_a_paragraph_a_line_a_word_or_anywhere(self, text: str, pieces: list[str]) -> None:
        assert split(text, 14) == pieces

    @pytest.mark.parametrize(
        ("before", "after"),
        [("课程在这里：", "。更多"), ("see:", ""), ("(", ")"), ("x" * 39, " and more"), ("\u2066", "\u2069")],
    )
    def test_a_link_that_fits_into_a_piece_is_not_broken(self, before: str, after: str) -> None:
        link = "https://example.org/courses?id=4711"
        pieces = split(f"{before}{link}{after}", 36)

        assert any(link in piece for piece in pieces)
        assert "".join(pieces) == bare(f"{before}{link}{after}") or after.startswith(" ")

    def test_two_links_that_touch_are_parted_between_them_and_others(self) -> None:
        text = "字" * 30 + "https://example.org/" + "字" * 60

        assert any("https://example.org/" in piece for piece in split(text, 40))

    def test_a_link_that_is_too_long_for_a_piece_is_broken(self) -> None:
        link = "https://example.org/" + "a" * 100

        assert "".join(split(link, 42)) == link

    @pytest.mark.parametrize("text", ["x" * 10_000, "😀" * 5_000, "neno " * 3_000, "ሰ\n" * 5_000, " " * 9_000 + "end"])
    def test_any_text_can_be_split_and_nothing_of_it_is_lost(self, text: str) -> None:
        pieces = split(text, 4096)

        assert all(0 < units(piece) <= 4096 for piece in pieces)
        assert bare("".join(pieces)) == bare(text)

    def test_whatever_it_is_made_of(self) -> None:
        chance, parts = (
            random.Random(1),
            ["a", "ሰ", "😀", " ", "\n", "\n\n", "\u00a0", "\ud83d", "\ude00", "http://b.ke/"],
        )
        for _ in range(500):
            text = "".join(chance.choices(parts, k=chance.randint(1, 60)))
            limit = chance.randint(2, 40)
            pieces = split(text, limit)

            assert all(units(piece) <= limit for piece in pieces), (text, limit)
            assert bare("".join(pieces)) == bare(text), (text, limit)

    def test_less_than_an_emoji_is_no_limit(self) -> None:
        with pytest.raises(ValueError, match="two units"):
            split("hello", 1)


def test_units_are_those_of_utf_16() -> None:
    for text in ("", "abc", "ሰላም", "👩🏾‍💻", "a😀b"):
        assert units(text) == len(text.encode("utf-16-le")) // 2


def test_halves_of_an_emoji_are_dropped() -> None:
    assert without_surrogates("hab\ud83dari \udc00😀") == "habari 😀"
