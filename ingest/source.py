"""What a source is, and what its adapter finds there: things in the source's own words."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from ingest import sources
from ingest.client import Client
from retrieval.records import Kind
from retrieval.yaml import BadYaml, read

_DAYS = {"h": 1 / 24, "d": 1.0, "w": 7.0}


class Source(BaseModel):
    """A place that records come from, as an operator has set it up in `sources.yaml`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")
    adapter: str
    location: str = Field(min_length=1, max_length=2000)
    """An address or a file."""
    licence: str | None = Field(None, max_length=160)
    provider: str = Field("", max_length=160)
    """Who offers what is found there, where the source does not say."""
    trusted: bool = False
    """Whether what it says is offered to people before somebody has looked at it."""
    every: timedelta | None = None
    """How often it is looked at; never by itself if empty."""
    kind: Kind = Kind.PROGRAMME
    options: dict[str, Any] = {}
    """What its adapter wants to know; each says what."""

    @field_validator("every", mode="before")
    @classmethod
    def _how_often(cls, value: Any) -> Any:
        said = re.fullmatch(r"(\d+)([hdw])", value) if isinstance(value, str) else None
        return timedelta(days=int(said[1]) * _DAYS[said[2]]) if said else value

    @field_validator("adapter")
    @classmethod
    def _known(cls, value: str) -> str:
        if value not in adapters():
            raise ValueError(f"there is no adapter “{value}”; there are {', '.join(adapters())}")
        return value


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that a source tells of. Words are the source's own; what it does not say stays empty."""

    key: str
    """What the source knows it by, for ever."""
    name: str
    url: str = ""
    provider: str = ""
    kind: Kind = Kind.PROGRAMME
    text: str = ""
    """What it is; may have markup in it."""
    teaches: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    countries: tuple[str, ...] = ()
    """Names or codes of countries or regions where people can join it; of an experience, where it was made."""
    audiences: tuple[str, ...] = ()
    cost: str = ""
    modality: tuple[str, ...] = ()
    level: tuple[str, ...] = ()
    certificate: str = ""
    starts: date | None = None
    ends: date | None = None
    licence: str = ""
    related: tuple[str, ...] = ()
    """Keys of other items of the same source."""


@dataclass(frozen=True, slots=True)
class Occurrence(Item):
    """The next one of what takes place again and again: that its days move on is no news."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that was not taken, and why, for an operator."""

    where: str
    message: str

    def __str__(self) -> str:
        """As `where: message`."""
        return f"{self.where}: {self.message}"


Found = Iterator[Item | Trouble]
Adapter = Callable[[Source, Client], Found]
"""Gives all that there is at a source. Raises `ingest.client.Unreachable`: then nothing is taken for ended."""


def adapters() -> list[str]:
    """The names of the adapters: the files in `ingest/sources/`."""
    return sorted(module.name for module in iter_modules(sources.__path__) if not module.name.startswith("_"))


def adapter(name: str) -> Adapter:
    """The adapter of this name; what it imports is imported now."""
    found: Adapter = import_module(f"ingest.sources.{name}").items
    return found


def complete(name: str) -> bool:
    """Whether what is no longer there has ended: not so with an adapter that only sees what came last."""
    return bool(getattr(import_module(f"ingest.sources.{name}"), "COMPLETE", True))


def name_of(location: str) -> str:
    """A name for a source that was only typed: its host, or its file."""
    parts = urlsplit(location)
    said = parts.hostname or Path(location).stem
    return re.sub(r"[^a-z0-9]+", "-", said.lower()).strip("-")[:40] or "typed"


class BadSources(Exception):
    """`sources.yaml` cannot be read; the text says why."""


def configured(path: Path) -> dict[str, Source]:
    """The sources of a `sources.yaml`, by name; none if there is no such file. Raises `BadSources`."""
    if not path.exists():
        return {}
    try:
        content = read(path)
        found = [Source.model_validate(row) for row in content["sources"]]
    except (BadYaml, TypeError, KeyError) as error:
        raise BadSources(f"{path.name}: expected a list `sources:` ({error})") from None
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        raise BadSources(f"{path.name}: {'.'.join(map(str, fault['loc']))}: {fault['msg']}") from None
    return {source.name: source for source in found}
