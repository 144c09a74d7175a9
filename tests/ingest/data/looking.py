"""What the tests of these adapters share."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from ingest.client import Client, Unreachable
from ingest.source import Item, Source, Trouble, adapter

TODAY = date.today()
SOON, LATER, LONG_AGO = TODAY + timedelta(20), TODAY + timedelta(90), TODAY - timedelta(400)


def source(name: str, location: object, **more: Any) -> Source:
    options = {key: more.pop(key) for key in list(more) if key not in Source.model_fields}
    return Source(name=f"our-{name}", adapter=name, location=str(location), options=options, trusted=True, **more)


def found(of: Source, client: Client) -> tuple[dict[str, Item], list[Trouble]]:
    """The items by their keys, and the troubles."""
    everything = list(adapter(of.adapter)(of, client))
    items = [each for each in everything if isinstance(each, Item)]
    assert len({each.key for each in items}) == len(items)
    return {each.key: each for each in items}, [each for each in everything if isinstance(each, Trouble)]


def refusal(of: Source, client: Client) -> str:
    """Why nothing can be had."""
    with pytest.raises(Unreachable) as caught:
        list(adapter(of.adapter)(of, client))
    return str(caught.value)
