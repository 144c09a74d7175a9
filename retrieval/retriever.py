"""The clearing house as a LangChain retriever, for other people's chains."""

from __future__ import annotations

from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from pydantic import ConfigDict

from retrieval.engine import Engine
from retrieval.fit import Action
from retrieval.search import Result


class ClearingHouseRetriever(BaseRetriever):
    """Gives the records that fit a question, best first; none where a person should take it up."""

    engine: Engine
    """A loaded engine."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    def _get_relevant_documents(self, query: str, *, run_manager: CallbackManagerForRetrieverRun) -> list[Document]:
        verdict = self.engine.judge(self.engine.understand(query))
        if verdict.decision.action is not Action.ANSWER:
            return []
        return [_document(result) for result in verdict.found.results]


def _document(result: Result) -> Document:
    record = result.record
    return Document(
        id=record.id,
        page_content=f"{record.name}. {record.summaries['en']}",
        metadata={
            "kind": record.kind.value,
            "url": str(record.url) if record.url else "unknown",
            "why": [f"{reason.kind}: {reason.value}".rstrip(": ") for reason in result.reasons],
            "checked": record.checked.isoformat() if record.checked else "not yet checked",
        },
    )
