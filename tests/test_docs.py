"""The docs know every algorithm, and every link between pages leads somewhere."""

import re
from pathlib import Path

import pytest

from specreward.registry import kind_of, load, registered

DOCS = Path(__file__).parents[1] / "docs"
PAGES = sorted([*DOCS.rglob("*.md"), DOCS.parent / "README.md"])
STRATEGIES = [name for name in registered("strategy") if kind_of(name) == "strategy"]


@pytest.mark.parametrize("name", [*STRATEGIES, "lookahead"])
def test_every_algorithm_has_a_page_that_is_linked_where_one_chooses(name):
    page = DOCS / "algorithms" / f"{name}.md"
    assert page.exists(), f"write {page}"
    text = page.read_text("utf-8").lower()
    for said in ("cost", "when not", "specreward "):
        assert said in text, f"{page.name} says nothing of {said!r}"


@pytest.mark.parametrize("page", sorted((DOCS / "algorithms").glob("*.md")), ids=lambda p: p.stem)
def test_every_page_is_linked_where_one_chooses(page):
    choose = (DOCS / "choose-a-strategy.md").read_text("utf-8")
    assert f"(algorithms/{page.name})" in choose


def test_every_cited_paper_is_in_the_index():
    index = (DOCS / "papers.md").read_text("utf-8")
    cited = {
        number
        for name in registered()
        for number in re.findall(r"\b\d{4}\.\d{5}\b", vars(load(name)).get("__cite__", ""))
    }
    assert len(cited) > 30
    assert not [number for number in sorted(cited) if number not in index]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_between_pages_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#\s]+?)(?:#[^)]*)?\)", page.read_text("utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name}: {target}"
