"""docs/scores.md says what the code does: who changes how questions are read writes it anew with `make scores`."""

from __future__ import annotations

import re

from retrieval import evaluation
from tests import scores


def test_the_document_says_what_the_code_does() -> None:
    with scores.assistant() as assembly:
        pairs = scores.asked(assembly, scores.questions("untouched"))
    written = re.search(r"^all +\d+ +(.+)$", scores.DOCUMENT.read_text(encoding="utf-8"), re.M)
    assert written
    now = re.search(r"^all +\d+ +(.+)$", evaluation.table(pairs), re.M)
    assert now

    figures = [[float(cell) for cell in row[1].split()] for row in (written, now)]
    differences = [abs(one - other) for one, other in zip(*figures, strict=True)]
    assert max(differences) <= scores.NOISE, f"written {figures[0]}, now {figures[1]}: run `make scores`"
