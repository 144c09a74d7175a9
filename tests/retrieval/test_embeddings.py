"""Another encoder than the one in the package, as a host brings it along."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from langchain_core.embeddings import DeterministicFakeEmbedding, Embeddings

from retrieval.embeddings import HostEmbeddings, SentenceEmbeddings, encoder
from retrieval.engine import Engine
from retrieval.fit import Action
from retrieval.index import Index
from store.database import Database


def stand_in() -> Embeddings:
    """What a host's own module gives."""
    return DeterministicFakeEmbedding(size=64)


def test_a_host_names_the_function_that_gives_its_encoder() -> None:
    assert type(encoder(None)) is SentenceEmbeddings

    brought = encoder(f"{__name__}:stand_in")

    assert isinstance(brought, HostEmbeddings)
    assert np.allclose(np.linalg.norm(brought.encode(["one", "two"]), axis=1), 1)
    assert brought.knows("ha")


def test_what_gives_no_encoder_is_refused() -> None:
    with pytest.raises(TypeError, match="Embeddings"):
        encoder("builtins:list")


def test_another_encoder_has_an_index_of_its_own_and_the_guess_goes_by_letters(
    catalogue: Database, engine: Engine, tmp_path: Path
) -> None:
    brought = encoder(f"{__name__}:stand_in")
    other = Engine(catalogue, Index(catalogue, tmp_path / "index", None, brought), brought)

    assert other.load(), "what the built-in encoder has indexed is not taken over"
    assert other._meaning("Excel course", "en") is None
    verdict = other.judge(other.understand("free Excel course in English"))
    assert verdict.decision.action is Action.ANSWER
    assert "spreadsheets" in verdict.found.results[0].record.topics
