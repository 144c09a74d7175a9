"""Words compiled into tries that are mapped from disk: read in no time, shared by all processes, small.

They lie beside their sources, in `__pycache__`, as Python does with its modules, and are built anew when a source, our
code or a library is another one. Where that folder cannot be written they are built in memory at each start.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from tempfile import NamedTemporaryFile

from marisa_trie import Trie

_CODE = Path(__file__).parent


def trie(source: Path, keys: Callable[[], Iterable[str]]) -> Trie:
    """The trie of `keys()`, which are made of `source`: from disk, or built and kept there."""
    digest = sha256(_makers() + source.read_bytes()).hexdigest()[:16]
    kept = source.parent / "__pycache__" / f"{source.stem}.{digest}.trie"
    if not kept.exists():
        built = Trie(keys())
        with suppress(OSError):
            _keep(built, kept)
        return built
    return Trie().mmap(os.fspath(kept))


@cache
def _makers() -> bytes:
    """What else decides what is in a trie: our code, the names of CLDR, the tables of Unicode."""
    code = (_CODE / f"{name}.py" for name in ("compiled", "patterns", "vocabulary", "words"))
    sources = [path.read_bytes() for path in (*code, _CODE / "vocabulary" / "concepts.yaml")]
    return b"".join((sys.version.encode(), version("babel").encode(), version("marisa-trie").encode(), *sources))


def _keep(built: Trie, path: Path) -> None:
    """Write under another name first: whoever opens `path` meanwhile finds all of it or nothing."""
    path.parent.mkdir(exist_ok=True)
    with NamedTemporaryFile(dir=path.parent, prefix=path.stem, delete=False) as file:
        built.save(file.name)
    written = Path(file.name)
    written.chmod(0o644)  # whoever runs the service may be another user than who installed it
    written.replace(path)
    for old in path.parent.glob(f"{path.name.partition('.')[0]}.*.trie"):
        if old != path:
            old.unlink(missing_ok=True)
