"""Words that leads have approved: laid over the vocabulary's files, in every process, from the next turn on."""

from __future__ import annotations

import threading
from collections import defaultdict

from sqlalchemy.orm import Session

from retrieval.vocabulary import lay_over
from store import proposals

_lock = threading.Lock()
_version = ""
"""What `store.proposals.version` was when the words were laid over."""


def refresh(session: Session) -> None:
    """Take over what was approved since the last turn, if anything was."""
    global _version  # noqa: PLW0603 - the vocabulary is the process's own, and so is what is laid over it
    version = proposals.version(session)
    if version == _version:
        return
    with _lock:
        found: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
        for language, pattern, concept in proposals.words(session):
            found[language].append((pattern, concept))
        lay_over(found)
        _version = version
