"""Looks politely whether the addresses of records still answer: a few at a time, each once a week."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from urllib.parse import urlsplit

from ingest.client import Client, NoHost, Refused, TooLarge, Unreachable, checked, shown
from store import links
from store.database import Database
from store.links import Answer

Progress = Callable[[int], None]

MOST = 20
_LARGEST, _LONGEST = 100_000, 30.0
"""Bytes and seconds: whether a page is there shows soon."""
_GONE = frozenset({404, 410})


@contextmanager
def looking(address: str | None, private: Iterable[str] = ()) -> Iterator[Client]:
    """A client for links. `address`: where people can read who looks; `private`: hosts of a test."""
    agent = f"Dalil (+{address})" if address else "Dalil"
    with Client(private=private, agent=agent, largest=_LARGEST, longest=_LONGEST) as client:
        yield client


def check_some(
    database: Database, client: Client, moment: datetime, most: int = MOST, progress: Progress = lambda done: None
) -> int:
    """Look at the links that are due, `most` of them; gives how many these were. `progress` is told of each."""
    with database.alone("links"):  # two at once would count one failure twice
        with database.read() as session:
            due = links.due(session, moment, most)
        for link in due:
            answer, reason = look(client, link.url, lambda: _names_work(database))
            with database.write() as session:
                links.note(session, link, answer, reason, moment)
            progress(1)
    return len(due)


def look(client: Client, url: str, names_work: Callable[[], bool]) -> tuple[Answer, str | None]:
    """What a link answers, and if it is no page, why. `names_work`: whether other hosts can be found at present."""
    try:
        client.get(url)
    except TooLarge:
        return Answer.THERE, None
    except NoHost as error:
        return (Answer.GONE if names_work() else Answer.UNCLEAR), str(error)
    except Refused as error:
        return (Answer.GONE if error.status in _GONE else Answer.UNCLEAR), _reason(error, url)
    except Unreachable as error:
        return Answer.UNCLEAR, _reason(error, url)
    except Exception as error:  # whatever one page does, the others are looked at as well
        return Answer.UNCLEAR, f"cannot be read ({type(error).__name__})"
    return Answer.THERE, None


def _names_work(database: Database) -> bool:
    """Whether a host of a link that answered before is found: if none is, it is our own network that is down."""
    with database.read() as session:
        hosts = [urlsplit(url).hostname or "" for url in links.answering(session)]
    return any(map(_found, hosts))


def _found(host: str) -> bool:
    try:
        checked(host, 443, allow_private=True)
    except Unreachable:
        return False
    return True


def _reason(error: Unreachable, url: str) -> str:
    return str(error).removeprefix(f"{shown(url)}: ")
