"""The reliability page: places of points, counts, and nothing from elsewhere."""

import re

from specreward.report.reliability import Diagram, diagram, reliability
from specreward.train.quality import bins_of

BINS = bins_of([0.1] * 30 + [0.9] * 10, [0.0] * 15 + [1.0] * 15 + [1.0] * 10, 5)


def test_points_lie_where_score_and_label_are():
    drawn = diagram("score", BINS)
    points = re.findall(r'<circle cx="([\d.]+)" cy="([\d.]+)"', drawn)
    assert len(points) == 2  # empty bins have none
    (x, y), (x2, y2) = [(float(a), float(b)) for a, b in points]
    wide, high = 460 - 52 - 18, 420 - 16 - 110
    assert abs(x - (52 + 0.1 * wide)) < 0.1
    assert abs(y - (16 + 0.5 * high)) < 0.1
    assert abs(x2 - (52 + 0.9 * wide)) < 0.1
    assert abs(y2 - 16) < 0.1
    heights = [float(h) for h in re.findall(r'class="column".*?height="([\d.]+)"', drawn)]
    assert heights[0] == 3 * heights[1] or abs(heights[0] - 3 * heights[1]) < 0.2
    assert "30 steps: mean score 0.100, mean label 0.500" in drawn


def test_a_bar_is_wider_where_a_bin_holds_less():
    few = diagram("score", bins_of([0.5] * 4, [0, 1, 0, 1], 5))
    many = diagram("score", bins_of([0.5] * 400, [0, 1] * 200, 5))
    spans = [
        float(low) - float(high)
        for text in (few, many)
        for high, low in re.findall(r'class="bar".*?y1="([\d.]+)" y2="([\d.]+)"', text)
    ]
    assert spans[0] > 3 * spans[1]


def test_the_page_is_one_file_with_what_it_is_given():
    one = Diagram(name="raw <score>", bins=BINS, facts={"ECE": "0.1234"})
    page = reliability("Model & co", [one, one], {"seed": 7})
    assert page.count("<svg") == 2
    assert "Model &amp; co" in page
    assert "raw &lt;score&gt;" in page
    assert "ECE 0.1234" in page
    assert "seed 7" in page
    assert "http" not in page
    assert "No steps" in diagram("score", [])
