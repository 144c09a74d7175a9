"""How good the answers are, on labelled questions (one JSON object a line)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from retrieval.fit import Action

_TO_A_PERSON = {Action.ESCALATE, Action.HANDOFF}


class Labelled(BaseModel):
    """A question and what is right for it. Only `text` goes to the assistant."""

    model_config = ConfigDict(extra="ignore")

    id: str
    text: str
    lang: str
    action: Action
    answers: tuple[str, ...] = ()
    acceptable: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Given:
    """What the assistant did with a question."""

    action: Action
    language: str
    results: tuple[str, ...]


class BadQuestions(Exception):
    """The file of questions cannot be read; the text says where."""


def read_questions(path: Path) -> list[Labelled]:
    """The questions of a file. Raises `BadQuestions`."""
    questions = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if line.strip():
            try:
                questions.append(Labelled.model_validate_json(line))
            except ValidationError as error:
                raise BadQuestions(f"{path.name}:{number}: {error.errors()[0]['msg']}") from None
    return questions


@dataclass(frozen=True, slots=True)
class Scores:
    """The measures over some questions; none where there is nothing to divide by."""

    questions: int
    success: float | None
    strict: float | None
    wrong: float | None
    action: float | None
    escalation: float | None
    """F1 of handing over to a person."""
    unasked: float | None
    """Share of the answerable questions that were answered, not asked back."""
    language: float | None


def score(pairs: Sequence[tuple[Labelled, Given]]) -> Scores:
    """Compare what was given with what is right."""
    answerable = [(q, g) for q, g in pairs if q.action is Action.ANSWER]
    return Scores(
        questions=len(pairs),
        success=_share(bool(set(g.results[:3]) & {*q.answers, *q.acceptable}) for q, g in answerable),
        strict=_share(bool(set(g.results[:3]) & set(q.answers)) for q, g in answerable),
        wrong=_share(bool(set(g.results[:3]) & set(q.wrong)) for q, g in pairs),
        action=_share(_right(q.action, g.action) for q, g in pairs),
        escalation=_f1(pairs),
        unasked=_share(g.action is Action.ANSWER for _, g in answerable),
        language=_share(q.lang == g.language for q, g in pairs),
    )


def _right(wanted: Action, given: Action) -> bool:
    if wanted in _TO_A_PERSON:
        return given in _TO_A_PERSON
    return wanted is given or (wanted is Action.REFUSE and given is Action.ESCALATE)


def _share(values: Iterable[bool]) -> float | None:
    found = list(values)
    return sum(found) / len(found) if found else None


def _f1(pairs: Sequence[tuple[Labelled, Given]]) -> float | None:
    # Escalating what should be refused counts as right too: such questions are neither hits nor misses.
    judged = [(q.action in _TO_A_PERSON, g.action in _TO_A_PERSON) for q, g in pairs if q.action is not Action.REFUSE]
    hits = sum(wanted and given for wanted, given in judged)
    errors = sum(wanted is not given for wanted, given in judged)
    return 2 * hits / (2 * hits + errors) if hits or errors else None


def table(pairs: Sequence[tuple[Labelled, Given]]) -> str:
    """The scores per language and over all, as text."""
    names = ("success@3", "strict@3", "wrong@3", "action", "esc. F1", "unasked", "language")
    widths = (11, 10, 9, 8, 9, 9, 10)
    lines = [f"{'lang':8}{'n':>5}" + "".join(f"{n:>{w}}" for n, w in zip(names, widths, strict=True))]
    for language in [*dict.fromkeys(q.lang for q, _ in pairs), "all"]:
        scores = score([(q, g) for q, g in pairs if language in {"all", q.lang}])
        cells = (
            scores.success,
            scores.strict,
            scores.wrong,
            scores.action,
            scores.escalation,
            scores.unasked,
            scores.language,
        )
        shown = "".join(f"{'–' if c is None else f'{c:.2f}':>{w}}" for c, w in zip(cells, widths, strict=True))
        lines.append(f"{language:8}{scores.questions:>5}{shown}")
    return "\n".join(lines)


def details(pairs: Iterable[tuple[Labelled, Given]]) -> str:
    """One JSON object a line: what was done with each question."""
    return "".join(json.dumps(_detail(q, g), ensure_ascii=False) + "\n" for q, g in pairs)


def _detail(question: Labelled, given: Given) -> dict[str, Any]:
    return {
        "id": question.id,
        "lang": question.lang,
        "language": given.language,
        "action": given.action,
        "results": list(given.results[:3]),
    }


def evaluate(
    questions: Sequence[Labelled], ask: Callable[[str], Given], progress: Callable[[int], None] = lambda done: None
) -> list[tuple[Labelled, Given]]:
    """Put every question to `ask`."""
    pairs = []
    for question in questions:
        pairs.append((question, ask(question.text)))
        progress(1)
    return pairs
