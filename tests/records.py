"""A record that nothing is particular about; tests change what they are about."""

from __future__ import annotations

from typing import Any

PLAIN: dict[str, Any] = {
    "id": "typing-club",
    "kind": "programme",
    "name": "Typing Club",
    "provider": "A club",
    "summaries": {"en": "Learn to type."},
    "teaches": ["typing with ten fingers"],
    "topics": ["typing"],
    "focus_areas": ["digital-literacy"],
    "audiences": ["everyone"],
    "eligibility": {"countries": ["ALL"], "groups": ["everyone"]},
    "regions": ["GLOBAL"],
    "languages": ["en", "sw"],
    "modality": "unknown",
    "cost": ["free"],
    "certificate": "unknown",
    "url": "https://typing.example/start",
    "status": "active",
    "source": "a test",
    "evidence": "memory",
    "confidence": "medium",
}
