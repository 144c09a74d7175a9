"""Builds of the index and the pointer to the one in use; vectors that were computed before."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from store.tables import Build, Pointer, Vector

_POINTER = "published"


def begin(session: Session, digest: str) -> Build:
    """Start a build."""
    build = Build(digest=digest)
    session.add(build)
    session.flush()
    return build


def published(session: Session) -> Build | None:
    """The build that answers questions."""
    query = select(Build).join(Pointer, Pointer.build_id == Build.id).where(Pointer.name == _POINTER)
    return session.scalars(query).first()


def publish(session: Session, build_id: int) -> None:
    """Let a build answer questions from now on."""
    pointer = session.get(Pointer, _POINTER)
    if pointer is None:
        session.add(Pointer(name=_POINTER, build_id=build_id))
    else:
        pointer.build_id = build_id


def ready(session: Session) -> list[Build]:
    """The builds that could answer questions, newest first."""
    return list(session.scalars(select(Build).where(Build.state == "ready").order_by(Build.id.desc())))


def set_state(session: Session, build_id: int, state: str, entries: int | None = None) -> None:
    """Note how a build ended."""
    build = session.get_one(Build, build_id)
    build.state = state
    if entries is not None:
        build.entries = entries


def vectors(session: Session, model: str, digests: Sequence[str]) -> dict[str, bytes]:
    """The known vectors among `digests`."""
    found: dict[str, bytes] = {}
    for start in range(0, len(digests), 500):
        query = select(Vector).where(Vector.model == model, Vector.digest.in_(digests[start : start + 500]))
        found |= {vector.digest: vector.values for vector in session.scalars(query)}
    return found


def keep_vectors(session: Session, model: str, made: dict[str, bytes]) -> None:
    """Remember vectors, but for those that another build has brought in meanwhile."""
    there = vectors(session, model, list(made))
    session.add_all(Vector(model=model, digest=d, values=values) for d, values in made.items() if d not in there)


def over(session: Session, killed_before: datetime) -> set[int]:
    """The builds that nobody will need any more; what was begun before `killed_before` and is not ready was killed."""
    killed = (Build.state == "building") & (Build.created_at < killed_before)
    return set(session.scalars(select(Build.id).where(Build.state.in_(("failed", "removed")) | killed)))
