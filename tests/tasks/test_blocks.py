"""States, goals, shortest plans and canonical forms of Blocksworld."""

from collections import deque
from itertools import pairwise, permutations, product

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from specreward.errors import InputError
from specreward.tasks.blocks import (
    State,
    canonical,
    distance,
    goal_text,
    plan,
    read_goal,
    read_state,
)

CALM = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def states(draw, least=1, most=5, held=True):
    names = list("abcdefgh"[: draw(st.integers(least, most))])
    order = draw(st.permutations(names))
    towers = []
    hand = order.pop() if held and len(order) > 1 and draw(st.booleans()) else None
    for block in order:
        place = draw(st.integers(0, len(towers)))
        if place == len(towers):
            towers.append([block])
        else:
            towers[place].append(block)
    return State(tuple(sorted(map(tuple, towers))), hand)


@st.composite
def problems(draw, most=5):
    state = draw(states(2, most))
    order = draw(st.permutations(state.blocks))
    cuts = draw(st.lists(st.booleans(), min_size=len(order) - 1, max_size=len(order) - 1))
    goal = frozenset(pair for pair, cut in zip(pairwise(order), cuts, strict=True) if not cut)
    return state, goal


def rename(state, goal, names):
    towers = tuple(sorted(tuple(names[b] for b in tower) for tower in state.towers))
    hand = names[state.hand] if state.hand else None
    return State(towers, hand), frozenset((names[u], names[w]) for u, w in goal)


def steps_by_breadth(state, goal):
    """The length of a shortest plan by exhaustive search over all legal actions."""
    far = {state: 0}
    queue = deque([state])
    while queue:
        here = queue.popleft()
        if here.reaches(goal):
            return far[here]
        for action in here.actions():
            there = here.after(action)
            if there not in far:
                far[there] = far[here] + 1
                queue.append(there)
    return None


@pytest.mark.parametrize(
    ("before", "action", "after"),
    [
        ("a b | c", "unstack b a", "a | c / b"),
        ("a b | c", "pick-up c", "a b / c"),
        ("a | c / b", "stack b c", "a | c b"),
        ("a | c / b", "put-down b", "a | b | c"),
        ("a b | c", "pick-up a", None),  # something is on it
        ("a b | c", "pick-up b", None),  # it is not on the table
        ("a b | c", "unstack b c", None),  # it is on another block
        ("a b | c", "unstack c a", None),
        ("a b c", "unstack b a", None),  # it is not clear
        ("a | c / b", "pick-up a", None),  # the hand is full
        ("a b | c / d", "unstack b a", None),
        ("a b | c / d", "stack d a", None),  # the place is taken
        ("a | c / b", "stack c a", None),  # it is not in the hand
        ("a | c / b", "stack b b", None),
        ("a | c / b", "put-down c", None),
        ("a b | c", "put-down c", None),
        ("a b | c", "stack c b", None),
        ("a b | c", "unstack b", None),
        ("a b | c", "lift b a", None),
        ("a b | c", "", None),
        ("a b | c", "pick-up z", None),
    ],
)
def test_actions_by_hand(before, action, after):
    there = read_state(before).after(action)
    assert there == (read_state(after) if after else None)


@CALM
@given(states())
def test_legal_actions_are_those_that_lead_somewhere(state):
    names = state.blocks
    every = [f"{verb} {x}" for verb in ("pick-up", "put-down") for x in names]
    every += [f"{verb} {x} {y}" for verb in ("stack", "unstack") for x in names for y in names]
    assert set(state.actions()) == {action for action in every if state.after(action) is not None}


@CALM
@given(states())
def test_actions_move_one_block_and_can_be_undone(state):
    for action in state.actions():
        there = state.after(action)
        assert there.blocks == state.blocks
        assert any(there.after(back) == state for back in there.actions())


@CALM
@given(states())
def test_states_are_read_as_written(state):
    assert read_state(str(state)) == state


@CALM
@given(problems())
def test_goals_are_read_as_written(problem):
    _, goal = problem
    if goal:
        assert read_goal(goal_text(goal)) == goal


@pytest.mark.parametrize("text", ["", " | ", "a a", "a | b a", "a / b c", "a / a"])
def test_texts_that_are_no_state(text):
    with pytest.raises(InputError, match="expected towers"):
        read_state(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected facts"),
        ("a", "expected facts"),
        ("a on", "expected facts"),
        ("a under b", "expected facts"),
        ("a on a", "expected facts"),
        ("a on b c on d", "expected facts"),
        ("a on b , b on a", "no state"),
        ("a on b , b on c , c on a", "no state"),
        ("a on b , a on c", "no state"),
        ("a on c , b on c", "no state"),
    ],
)
def test_texts_that_are_no_goal(text, message):
    with pytest.raises(InputError, match=message):
        read_goal(text)


@CALM
@given(problems(4))
def test_plans_are_shortest(problem):
    state, goal = problem
    here = state
    actions = plan(state, goal)
    for action in actions:
        here = here.after(action)
    assert here.reaches(goal)
    assert len(actions) == steps_by_breadth(state, goal)


def test_shortest_plans_of_all_pairs_of_three_blocks():
    every = [read_state("a | b | c")]
    for state in every:  # grows while we read it
        every += [t for t in map(state.after, state.actions()) if t not in every]
    resting = [state for state in every if not state.hand]
    assert (len(every), len(resting)) == (13 + 9, 13)
    for state, target in product(every, resting):
        goal = frozenset(target.facts())
        if goal:
            assert distance(state, goal) == steps_by_breadth(state, goal)


def test_a_goal_with_strange_blocks_is_refused():
    with pytest.raises(InputError, match=r"\['z'\]"):
        plan(read_state("a | b"), read_goal("a on z"))


def test_a_plan_that_is_out_of_reach_is_none():
    state, goal = read_state("a b c | d e f"), read_goal("a on d , d on b , b on e")
    assert len(plan(state, goal)) == distance(state, goal)
    assert plan(state, goal, limit=3) is None


@CALM
@given(problems(), st.randoms())
def test_canonical_forms_do_not_depend_on_names(problem, rng):
    names = dict(
        zip(problem[0].blocks, rng.sample("mnopqrst", len(problem[0].blocks)), strict=True)
    )
    assert canonical(*problem) == canonical(*rename(*problem, names))


@CALM
@given(problems(4), problems(4))
def test_canonical_forms_are_equal_only_for_renamings(first, second):
    blocks = first[0].blocks
    same = len(blocks) == len(second[0].blocks) and any(
        rename(*first, dict(zip(blocks, order, strict=True))) == second
        for order in permutations(second[0].blocks)
    )
    assert (canonical(*first) == canonical(*second)) == same


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (("a | b", "a on b"), ("a b", "a on b")),
        (("a b | c d", "a on c"), ("a b | c d", "a on d")),
        (("a | b / c", "a on b"), ("a | b | c", "a on b")),
        (("a | b / c", "a on b"), ("a | b / c", "a on c")),
        (("a b c", "c on b"), ("a b c", "b on a")),
        (("a b | c d", "a on b , c on d"), ("a b | c d", "a on d , c on b")),
    ],
)
def test_canonical_forms_tell_problems_apart(first, second):
    forms = [canonical(read_state(s), read_goal(g)) for s, g in (first, second)]
    assert forms[0] != forms[1]


def test_canonical_forms_of_many_blocks_take_no_time():
    names = [f"b{i}" for i in range(40)]
    state = State(tuple(sorted((name,) for name in names)))
    goal = frozenset(zip(names[1:], names, strict=False))
    assert canonical(state, goal).count(",") == 39
