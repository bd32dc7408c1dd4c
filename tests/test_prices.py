import json

import pytest

from specreward.errors import InputError
from specreward.prices import Price, Prices
from specreward.types import Usage


def table(tmp_path, document):
    path = tmp_path / "prices.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return path


def test_each_kind_of_token_has_its_price():
    usage = Usage(prompt_tokens=1_000_000, cached_tokens=400_000, completion_tokens=2_000_000)
    assert Price(prompt=1.0).dollars(usage) == pytest.approx(0.6)
    assert Price(cached=1.0).dollars(usage) == pytest.approx(0.4)
    assert Price(completion=1.0).dollars(usage) == pytest.approx(2.0)


def test_the_most_takes_the_dearer_of_computed_and_cached():
    assert Price(prompt=2.0, cached=1.0).most(1_000_000, 0) == 2.0
    assert Price(prompt=1.0, cached=2.0).most(1_000_000, 0) == 2.0
    assert Price(completion=3.0).most(0, 1_000_000) == 3.0


@pytest.mark.parametrize("bad", [-1.0, float("nan"), float("inf"), True, "1"])
@pytest.mark.parametrize("name", ["prompt", "cached", "completion"])
def test_a_price_below_zero_or_not_a_number_is_refused(name, bad):
    with pytest.raises(InputError, match=f"{name}: expected dollars"):
        Price(**{name: bad})


def test_exact_names_go_before_beginnings_and_longer_ones_before_shorter():
    exact, long, short = Price(prompt=1.0), Price(prompt=2.0), Price(prompt=3.0)
    prices = Prices({"m*": short, "model-*": long, "model-a": exact})
    assert prices.find("model-a") is exact
    assert prices.find("model-b") is long
    assert prices.find("mine") is short
    assert prices.find("other") is None


def test_a_table_is_read_from_a_file(tmp_path):
    row = {"prompt": 1, "cached": 0.5, "completion": 2}
    prices = Prices.read(table(tmp_path, {"models": {"a": row}}))
    assert prices.find("a") == Price(prompt=1, cached=0.5, completion=2)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("{", "expected a price table in JSON"),
        ([], 'no "models"'),
        ({"models": {"a": {"prompt": 1}}}, "a: expected the fields prompt, cached, completion"),
        ({"models": {"a": {"prompt": -1, "cached": 0, "completion": 0}}}, "a: prompt: expected"),
    ],
)
def test_a_bad_table_is_refused_with_its_place(tmp_path, document, message):
    with pytest.raises(InputError, match=message) as error:
        Prices.read(table(tmp_path, document))
    assert "prices.json" in str(error.value)


def test_a_missing_table_is_said(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        Prices.read(tmp_path / "none.json")


def test_the_packaged_table_tells_sizes_of_a_model_apart():
    prices = Prices.packaged()
    small, large = prices.find("gpt-4o-mini-2024-07-18"), prices.find("gpt-4o")
    assert small.prompt < large.prompt
    assert all(price.cached <= price.prompt for price in prices.table.values())
    assert prices.find("no-such-model") is None
