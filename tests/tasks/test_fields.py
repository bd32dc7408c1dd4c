"""Every field of every task refuses what it cannot be, and says what it expected."""

import pytest

from specreward.errors import InputError
from specreward.spec import parse


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("game24(target='x')", "target"),
        ("game24(target=True)", "target"),
        ("game24(largest=1.5)", "largest"),
        ("game24(count=6)", "count"),
        ("blocksworld(blocks=(1, 4))", "blocks"),
        ("blocksworld(blocks=4)", "blocks"),
        ("blocksworld(lengths=())", "lengths"),
        ("blocksworld(lengths=(3, 3))", "lengths"),
        ("blocksworld(slack=1.5)", "slack"),
        ("arithmetic(steps=(2, 9))", "steps"),
        ("arithmetic(largest=5)", "largest"),
        ("arithmetic(distractors=1.5)", "distractors"),
        ("arithmetic(limit=3)", "limit"),
    ],
)
def test_a_bad_field_is_refused_by_name(text: str, field: str) -> None:
    with pytest.raises(InputError, match=rf"{field}: expected .*, got"):
        parse(text, "task")
