from __future__ import annotations

from retrieval.engine import Engine
from retrieval.retriever import ClearingHouseRetriever


def test_the_clearing_house_plugs_into_a_chain(engine: Engine) -> None:
    documents = ClearingHouseRetriever(engine=engine).invoke("free course to learn python programming")

    assert 0 < len(documents) <= 3
    assert all(document.metadata["url"].startswith("https://") for document in documents)
    assert all(document.metadata["checked"] == "not yet checked" for document in documents)


def test_what_needs_a_person_gives_no_documents(engine: Engine) -> None:
    assert ClearingHouseRetriever(engine=engine).invoke("where can i learn welding") == []
