"""A site with a public catalogue, and what a browser makes of its pages."""

from __future__ import annotations

import csv
import json
from datetime import datetime
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path
from typing import Any

from sqlalchemy import update
from starlette.testclient import TestClient

from ingest.load import keep
from retrieval.records import Record
from store import catalogue
from store.tables import Record as Row
from tests.records import PLAIN
from tests.servers.page import Site


class House:
    """A site with a catalogue that a test fills."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.site = Site(folder, public_url="https://dalil.example", **settings)
        self.browser = TestClient(self.site.app, base_url="https://dalil.example")

    def has(self, record_id: str = "typing-club", **more: Any) -> None:
        """A record like the plain one, but for `more`."""
        with self.site.database.write() as session:
            keep(session, Record.model_validate(PLAIN | {"id": record_id} | more))

    def withdraws(self, record_id: str) -> None:
        with self.site.database.write() as session:
            catalogue.withdraw(session, record_id)

    def changed(self, record_id: str, moment: datetime) -> None:
        with self.site.database.write() as session:
            session.execute(update(Row).where(Row.id == record_id).values(changed_at=moment))

    def get(self, path: str, status: int = 200, **headers: str) -> str:
        answer = self.browser.get(path, headers=headers)
        assert answer.status_code == status, answer.text
        return answer.text

    def json(self, path: str) -> Any:
        return json.loads(self.get(path))

    def ids(self, query: str = "") -> list[str]:
        return [entry["id"] for entry in self.json(f"/catalogue.json?{query}")["entries"]]

    def rows(self, query: str = "") -> list[list[str]]:
        return list(csv.reader(StringIO(self.get(f"/catalogue.csv?{query}"))))


class Elements(HTMLParser):
    """What a browser would make of a page: the tags, and the text of each script."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data: str) -> None:
        if self.cdata_elem == "script":
            self.scripts[-1] += data

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]
