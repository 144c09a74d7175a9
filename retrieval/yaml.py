"""YAML as we use it: safe, fast, and able to say on which line a value stands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class BadYaml(Exception):
    """The file is not YAML; the text says where."""


def read(path: Path) -> Any:
    """The content of a YAML file. Raises `BadYaml`."""
    return parse(path.read_text(encoding="utf-8"))


def parse(text: str) -> Any:
    """The content of a YAML text. Raises `BadYaml`."""
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - the safe loader, in C where there is one
    except yaml.YAMLError as error:
        raise BadYaml(str(error)) from None


def lines(text: str) -> dict[tuple[str | int, ...], int]:
    """Path of every value in a YAML text → its line, counted from 1."""
    found: dict[tuple[str | int, ...], int] = {}
    try:
        root = yaml.compose(text, Loader=_Loader)
    except yaml.YAMLError as error:
        raise BadYaml(str(error)) from None
    if root is not None:
        _walk(root, (), found)
    return found


def _walk(node: yaml.Node, path: tuple[str | int, ...], found: dict[tuple[str | int, ...], int]) -> None:
    found[path] = node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            _walk(value, (*path, str(key.value)), found)
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            _walk(value, (*path, number), found)
