"""``specreward threshold``."""

import json

from specreward.search.speculative import GSI, RSD, SPECS
from specreward.spec import parse

TOY = ("threshold", "game24", "--limit", 6)


def test_it_writes_the_strategy_with_its_threshold(call, tmp_path):
    file = tmp_path / "gsi.json"
    done = call(*TOY, "-s", "gsi(n=2)", "--accept", 0.6, "--seed", 1, "-o", file)
    assert done.exit_code == 0, done.stderr
    text = done.stdout.splitlines()[-1]
    found = json.loads(file.read_text())
    assert found["strategy"] == text
    strategy = parse(text, "strategy")
    assert strategy == GSI(2, threshold=found["threshold"])
    assert found["from"] == "gsi(n=2)"
    assert found["rate"] >= found["accept"] == 0.6
    assert found["statistic"] == "tilted"
    assert found["steps"] >= found["problems"] == 6
    assert (found["task"], found["split"], found["seed"]) == ("game24()", "tune", 1)
    assert found["quantiles"]["0"] <= found["threshold"] <= found["quantiles"]["1"]
    assert any("srm" in name for name in found["reward"])
    assert any("draft" in name for name in found["models"])
    assert f"{found['rate']:.1%} of {found['steps']} steps" in done.stdout
    again = call(*TOY, "-s", "gsi(n=2)", "--accept", 0.6, "--seed", 1, "--concurrency", 1)
    assert again.stdout == done.stdout


def test_it_serves_all_three(call):
    for text, kind in (("rsd()", RSD), ("specs(n=2)", SPECS)):
        done = call(*TOY, "-s", text)
        assert done.exit_code == 0, done.stderr
        assert isinstance(parse(done.stdout.splitlines()[-1], "strategy"), kind)
        assert "reward of the last step" in done.stdout


def test_what_it_refuses(call, tmp_path):
    other = call(*TOY, "-s", "greedy()")
    assert other.exit_code == 2
    assert "expected gsi(...), rsd(...) or specs(...), got greedy()" in other.stderr
    share = call(*TOY, "-s", "gsi()", "--accept", 1.5)
    assert share.exit_code == 2
    assert "accept: expected a share above 0 and at most 1, got 1.5" in share.stderr
    nobody = call("threshold", "toy", "--models", "toy", "-s", "gsi(n=2)", "--limit", 2)
    assert nobody.exit_code == 2
    assert "--draft" in nobody.stderr
    blocked = call(*TOY, "-s", "gsi(n=2)", "-o", tmp_path / "no" / "\0")
    assert blocked.exit_code == 2
