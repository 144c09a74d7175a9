"""What changed since a build was published: searched beside it, exactly, until the next build takes it in."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np

from retrieval.embeddings import Vectors
from retrieval.index import OpenIndex


class Overlay:
    """A published build, which never changes, with what changed since laid over it."""

    def __init__(self, build: OpenIndex, hidden: Collection[str], fresh: Mapping[str, Vectors]) -> None:
        """`hidden`: ids that the build no longer speaks for; `fresh`: id → the vectors of its texts, one a row."""
        self.build = build
        self._hidden = frozenset(hidden)
        self._owners = [record for record, vectors in fresh.items() for _ in range(len(vectors))]
        self._vectors = np.concatenate(list(fresh.values())) if fresh else np.zeros((0, 1), np.float32)

    @property
    def build_id(self) -> int:
        """The number of the build beneath."""
        return self.build.build_id

    def nearest(self, vector: list[float], count: int) -> dict[str, float]:
        """Record ids → cosine similarity of their best entry: of the build's nearest entries, and of all fresh ones."""
        found = self.build.nearest(vector, count)
        best = {record: cosine for record, cosine in found.items() if record not in self._hidden}
        if self._owners:
            asked = np.asarray(vector, np.float32)
            cosines = self._vectors @ (asked / max(float(np.linalg.norm(asked)), 1e-9))
            for record, cosine in zip(self._owners, cosines, strict=True):
                best[record] = max(best.get(record, -1.0), float(cosine))
        return best
