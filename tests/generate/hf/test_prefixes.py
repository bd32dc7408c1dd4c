from hypothesis import given, settings
from hypothesis import strategies as st

from specreward.generate.hf.prefixes import Prefixes

ROWS = st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=8), min_size=1, max_size=6)


def fill(tree, row, places, known, kept):
    """Keep at each new place the tokens up to it; what was known must be there already."""
    for length, place in enumerate(places, start=1):
        if length > known:
            kept[place] = tuple(row[:length])
        assert kept[place] == tuple(row[:length])
    for stretch in tree.fresh:
        stretch.filled = True


@settings(max_examples=60)
@given(turns=st.lists(ROWS, max_size=8), bound=st.integers(0, 20))
def test_each_place_holds_its_own_prefix_whatever_was_forgotten(turns, bound):
    tree, kept = Prefixes(bound), {}
    for rows in turns:
        tree.begin()
        entered = []
        for row in rows:
            places, known = tree.enter(row)
            assert len(set(places)) == len(places) == len(row)
            fill(tree, row, places, known, kept)
            entered.append((row, places))
        tree.trim()
        for row, places in entered:  # this turn's rows stay
            assert [kept[place] for place in places] == [
                tuple(row[:length]) for length in range(1, len(row) + 1)
            ]
            assert tree.enter(row) == (places, len(row))
        distinct = {tuple(row[:n]) for row, _ in entered for n in range(1, len(row) + 1)}
        assert len(distinct) <= len(tree) <= max(bound, len(distinct))
        tree.begin()
        assert tree.trim()
        assert len(tree) <= bound


def test_fresh_stretches_are_what_is_new_and_their_past_what_was_before():
    tree = Prefixes(100)
    tree.begin()
    (first, _), (second, known) = tree.enter([1, 2, 3, 4]), tree.enter([1, 2, 5])
    assert known == 2
    assert sorted(stretch.tokens for stretch in tree.fresh) == [(1, 2), (3, 4), (5,)]
    past = {stretch.tokens: stretch.past() for stretch in tree.fresh}
    assert past == {(1, 2): [], (3, 4): first[:2], (5,): first[:2]}
    assert second[:2] == first[:2]
    for stretch in tree.fresh:
        stretch.filled = True
    tree.begin()
    assert tree.enter([1, 9])[1] == 1
    assert [stretch.tokens for stretch in tree.fresh] == [(9,)]  # the cut (1, 2) is filled


def test_the_row_used_longest_ago_goes_first_and_leaves_before_their_parents():
    tree = Prefixes(6)
    for row in ([1, 2, 3], [4, 5, 6], [1, 2, 3]):
        tree.begin()
        tree.enter(row)
    tree.begin()
    tree.enter([7, 8])
    assert tree.trim()
    assert tree.enter([1, 2, 3])[1] == 3
    assert tree.enter([4, 5, 6])[1] == 0


def test_room_is_made_or_refused():
    tree = Prefixes(5)
    tree.begin()
    tree.enter([1, 2, 3])
    assert tree.trim(room=2)
    assert not tree.trim(room=3)  # the row of this turn stays
    assert len(tree) == 3
    tree.begin()
    assert tree.trim(room=3)
    assert len(tree) == 0


def test_places_are_used_again():
    tree = Prefixes(0)
    for turn in range(5):
        tree.begin()
        tree.enter([turn, 1, 2])
        tree.begin()
        tree.trim()
    assert tree.places == 3
