"""The page of a training."""

import re
import xml.etree.ElementTree as ElementTree

from specreward.report.loss import HEIGHT, LEFT, RIGHT, WIDTH, loss_page

ROWS = [
    {"step": 0, "minutes": 0.0, "held_out_auc": 0.5, "held_out_n": 9},
    {"step": 10, "minutes": 0.1, "loss": 2.0, "tokens": 5, "held_out_auc": None, "held_out_n": 9},
    {"step": 20, "minutes": 0.2, "loss": 1.0, "tokens": 5, "held_out_auc": 0.9, "held_out_n": 9},
]


def drawings(page):
    parts = re.findall(r"<h2>(.*?)</h2>\n(<svg.*?</svg>|<p>.*?</p>)", page)
    return dict(parts)


def test_each_number_has_a_drawing_and_the_one_that_decides_is_marked():
    found = drawings(loss_page(ROWS, "held_out_auc", "x < y"))
    assert list(found) == ["loss", "held_out_auc, which decides"]
    for body in found.values():
        ElementTree.fromstring(body)
    assert "<title>x &lt; y</title>" in loss_page(ROWS, "held_out_auc", "x < y")


def test_points_stand_at_their_steps_and_missing_numbers_are_left_out():
    body = drawings(loss_page(ROWS, "held_out_auc", "t"))["held_out_auc, which decides"]
    points = re.search(r'points="(.*?)"', body).group(1).split()
    (x0, y0), (x1, y1) = [tuple(map(float, point.split(","))) for point in points]
    assert (x0, x1) == (LEFT, WIDTH - RIGHT)
    assert 0 < y1 < y0 < HEIGHT  # larger is higher up
    assert "step 20: 0.9" in body


def test_a_number_that_never_changes_or_is_never_there():
    rows = [{"step": 0, "loss": 0.0, "mse": None}, {"step": 1, "loss": 0.0, "mse": None}]
    found = drawings(loss_page(rows, "loss", "t"))
    assert "no such number" in found["mse"]
    ElementTree.fromstring(found["loss, which decides"])
