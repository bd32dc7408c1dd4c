"""Items of steps and their scores, made by hand."""

from specreward.bench import Answer, Item, Judged
from specreward.seeds import uniform


def one(name, group, scores, **gold):
    """An item with one answer and a score for each of its steps."""
    steps = tuple([f"step {place}" for place in range(len(scores))])
    item = Item(name, group, "What is it?", (Answer(steps),), gold)
    return Judged(item, (), (tuple(scores),))


def scored(items, rule):
    """Items with a score for each step: ``rule(item, place of the answer, place of the step)``."""
    return [
        Judged(
            item,
            (),
            tuple(
                [
                    tuple([rule(item, which, place) for place in range(len(answer.steps))])
                    for which, answer in enumerate(item.answers)
                ]
            ),
        )
        for item in items
    ]


def constant(value):
    """A rule that says the same of every step."""
    return lambda item, which, place: value


def noise(item, which, place):
    """A rule that knows nothing."""
    return uniform(0, item.id, which, place)
