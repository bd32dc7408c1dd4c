import re
import xml.etree.ElementTree as ET

from specreward.report.chart import Point, chart, short, ticks
from specreward.report.page import page, telling
from specreward.report.rows import rows
from specreward.report.three_e import three_e
from specreward.stats import wilson

from . import arms


def made(spec="bfs(verify=speculative())"):
    use = {arms.ONE: arms.spent(100, 20, flops=1e9), arms.SRM: arms.spent(50, flops=1e7)}
    base = {arms.ONE: arms.spent(1000, 200, flops=1e10, dollars=0.1)}
    return [
        arms.arm("cot()", [True, True, False], base, details=False),
        arms.arm(spec, [True, False, True], use, kept=(True, False)),
    ]


def text(compared=None, title="toy", about=None):
    compared = compared or made()
    found = rows(compared, seed=0)
    criteria = three_e(found, "cot()")
    return page(title, compared, found, criteria, about={"seed": 0} if about is None else about)


def body(html):
    return ET.fromstring(html.partition("<body>")[2].join(["<body>", ""]).partition("</html>")[0])


def test_the_page_is_well_formed_and_needs_no_network():
    html = text()
    assert not re.search(r"https?:|//[a-z]|@import|url\(|<script|<link|<img", html)
    root = ET.fromstring(html.removeprefix("<!DOCTYPE html>\n"))
    assert root.tag == "html"
    assert len(list(root.iter("svg"))) == 2
    assert "prefers-color-scheme: dark" in html


def test_the_page_shows_each_strategy_in_charts_tables_and_trees():
    html = text()
    root = body(html)
    assert len([g for g in root.iter("g") if g.get("class", "").startswith("point")]) == 4
    assert html.count("bfs(verify=speculative())") > 6
    assert "66.7%" in html
    assert "laws share" in html
    assert len(list(root.iter("details"))) == 2 * 3
    assert len([li for li in root.iter("li") if li.get("class") == "pruned"]) == 3
    assert len([li for li in root.iter("li") if li.get("class") == "best"]) == 6


def test_what_the_user_wrote_is_escaped():
    html = text(made("<b>&"), title="<i>", about={"problems": "<u>"})
    assert "<b>&" not in html
    assert "<i>" not in html
    assert "<u>" not in html
    body(html)


def test_problems_on_which_strategies_differ_come_first():
    assert telling(made()) == [1, 2, 0]


def test_the_more_tokens_the_further_right_and_the_more_accurate_the_higher():
    points = [
        Point(name="a", cost=10, accuracy=wilson(1, 10)),
        Point(name="b", cost=1000, accuracy=wilson(9, 10)),
        Point(name="free", cost=0, accuracy=wilson(9, 10)),
    ]
    circles = list(ET.fromstring(chart(points, "tokens")).iter("circle"))
    assert len(circles) == 2
    assert float(circles[0].get("cx")) < float(circles[1].get("cx"))
    assert float(circles[0].get("cy")) > float(circles[1].get("cy"))


def test_bars_are_the_intervals():
    drawn = ET.fromstring(chart([Point(name="a", cost=1, accuracy=wilson(5, 10))], "tokens"))
    [bar] = [line for line in drawn.iter("line") if line.get("class") == "bar"]
    [circle] = drawn.iter("circle")
    assert float(bar.get("y1")) < float(circle.get("cy")) < float(bar.get("y2"))


def test_nothing_spent_is_said():
    point = Point(name="a", cost=0, accuracy=wilson(5, 10))
    assert "Nothing was spent" in chart([point], "tokens")


def test_ticks_and_numbers_are_round():
    assert ticks(0.9, 2.1) == [10, 20, 50, 100]
    assert ticks(0.9, 4.1) == [10, 100, 1000, 10000]
    assert [short(x) for x in (0.25, 999, 1234, 2.5e6, 1e12)] == [
        "0.25",
        "999",
        "1.23k",
        "2.5M",
        "1T",
    ]
