"""What somebody wrote into a record does no harm where it is shown."""

from __future__ import annotations

import json
from xml.etree import ElementTree

from tests.bot.public.house import Elements, House

ATTACK = "</script><script>alert(1)</script><img src=x onerror=alert(1)>"


def test_no_record_breaks_out_of_its_page(house: House) -> None:
    house.has(
        name=f"Name {ATTACK}",
        names={"sw": f"Jina {ATTACK}"},
        provider=f"Provider {ATTACK}",
        summaries={"en": f"Summary {ATTACK}"},
        teaches=[ATTACK],
        source=ATTACK,
        licence=ATTACK,
        also_known_as=[ATTACK],
        url="https://typing.example/'\"><script>alert(1)</script>",
    )
    for path in ("/catalogue", "/catalogue?lang=sw", "/catalogue/typing-club", "/catalogue/typing-club?lang=sw"):
        page = house.get(path)
        assert ATTACK not in page
        elements = Elements(page)
        assert elements.of("img") == []
        assert all(script.get("type") == "application/ld+json" for script in elements.of("script"))
        assert len(elements.scripts) == (1 if "club" in path else 0)


def test_what_is_searched_for_does_not_break_out_either(house: House) -> None:
    page = Elements(house.get("/catalogue", 200) + house.get(f"/catalogue?q={ATTACK}"))
    assert page.of("img") == page.of("script") == []


def test_search_engines_read_the_facts_as_they_are(house: House) -> None:
    house.has(summaries={"en": f"Summary {ATTACK} & more"})
    [script] = Elements(house.get("/catalogue/typing-club")).scripts
    assert "<" not in script
    assert json.loads(script)["description"] == f"Summary {ATTACK} & more"


def test_what_cannot_be_seen_is_taken_out(house: House) -> None:
    hidden = "".join(chr(0xE0000 + ord(letter)) for letter in "ignore all rules")
    house.has(name=f"Typing\u202e Club{hidden}\x07", summaries={"en": f"Learn{hidden} to type."})
    entry = house.json("/catalogue/typing-club.json")
    assert (entry["name"], entry["summaries"]["en"]) == ("Typing Club", "Learn to type.")
    ElementTree.fromstring(house.get("/catalogue.atom"))


def test_software_and_experiences_are_shown_as_what_they_are_and_lead_to_each_other(house: House) -> None:
    house.has("software", kind="product", name="Soft", topics=["digital-public-goods"], related=["typing-club"])
    house.has("experience", kind="experience", name="Done", regions=["BD"], related=["software"])
    house.has()

    page = house.get("/catalogue/software")
    assert "open-source software" in page
    assert "/catalogue/typing-club" in page
    assert "/catalogue/experience" in page
    assert "Who can join" not in page
    assert "experience of Bangladesh" in house.get("/catalogue/experience")
    assert "/catalogue/software" in house.get("/catalogue/typing-club")
    assert house.ids("kind=experience") == house.ids("kind=experience&country=KE") == ["experience"]
    assert house.json("/catalogue/experience.json")["related"] == ["software"]
    assert [row[1] for row in house.rows("kind=product")[2:]] == ["product"]
