"""The planner of shared prefixes: every request once, behind its own tokens, in any order alike."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from validation.evaluation.prefixes import plan as planning
from validation.evaluation.prefixes.forest import forest, preorder
from validation.evaluation.prefixes.plan import Budget, Plan, Request, plan

WIDE = Budget(4096, 4096)


def request(tokens: list[int], targets: int) -> Request:
    """The last `targets` places are asked for, as lm-eval asks: the next token each, and one at the end."""
    return Request(tuple(tokens), (*tokens[len(tokens) - targets + 1 :], 7))


#: Of few different tokens, so that much begins alike; and long, so that there are trunks.
shots = st.lists(st.integers(0, 2), min_size=0, max_size=3).flatmap(
    lambda head: st.sampled_from([0, 3, 70, 200]).map(lambda length: head + [5] * length)
)


@st.composite
def many(draw: st.DrawFn) -> list[Request]:
    found = []
    for beginning in draw(st.lists(shots, min_size=1, max_size=3)):
        for tail in draw(st.lists(st.lists(st.integers(0, 2), max_size=6), min_size=1, max_size=8)):
            tokens = [*beginning, *tail] or [1]
            found.append(request(tokens, draw(st.integers(1, len(tokens)))))
    return found


budgets = st.builds(Budget, st.integers(1, 2000), st.integers(1, 2000), st.none() | st.integers(1, 200_000))


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows so short that all that a plan can have comes up."""
    monkeypatch.setattr(planning, "ROW", 100)
    monkeypatch.setattr(planning, "BRANCHES", 12)


def seen(found: Plan, number: int, place: int) -> list[int]:
    """The tokens that a place of a row sees, itself included, by their positions."""
    row = found.rows[number]
    before = [] if row.trunk is None else found.rows[row.trunk].tokens
    own = [at for at in range(place + 1) if place < row.ends[at]]
    assert [row.positions[at] for at in own] == list(range(len(before), len(before) + len(own)))
    return [*before, *(row.tokens[at] for at in own)]


@given(many(), budgets, st.booleans())
def test_every_target_is_wanted_once_after_exactly_the_tokens_of_its_request(
    requests: list[Request], budget: Budget, branches: bool
) -> None:
    found = plan(requests, budget, branches=branches)
    wanted = {}
    for number, row in enumerate(found.rows):
        assert len(row.tokens) == len(row.positions) == len(row.ends)
        for want in row.wants:
            assert (want.request, want.k) not in wanted
            wanted[want.request, want.k] = (seen(found, number, want.place), want.target)
    assert wanted == {
        (number, k): (list(each.tokens[: len(each.tokens) - len(each.targets) + k + 1]), target)
        for number, each in enumerate(requests)
        for k, target in enumerate(each.targets)
    }


@given(many(), budgets, st.booleans())
def test_every_row_is_in_one_batch_behind_its_trunk_and_within_the_budget(
    requests: list[Request], budget: Budget, branches: bool
) -> None:
    found = plan(requests, budget, branches=branches)
    for groups in (found.groups, found.regrouped(found.groups, budget.halved())):
        placed = [number for group in groups for few in (group.trunks, *group.batches) for number in few]
        assert sorted(placed) == list(range(len(found.rows)))
        for group in groups:
            trunks = [found.rows[number] for number in group.trunks]
            kept = max(map(len, trunks), default=0)
            assert len(trunks) < 2 or len(trunks) * kept <= budget.kept
            assert branches or len({len(each) for each in trunks}) < 2
            for batch in (group.trunks, *group.batches):
                rows = [found.rows[number] for number in batch]
                width = max(map(len, rows), default=0)
                assert len(rows) < 2 or len(rows) * width <= budget.tokens
                assert branches or all(end == len(row) for row in rows for end in row.ends)
            for batch in group.batches:
                assert {found.rows[number].trunk for number in batch} <= {*group.trunks, None}
                if budget.scores is not None and len(batch) > 1:
                    width = max(len(found.rows[number]) for number in batch)
                    assert len(batch) * width * (kept + width) <= budget.scores


@given(many(), budgets, st.booleans(), st.randoms())
def test_in_any_order_the_same_tokens_are_computed_together(
    requests: list[Request], budget: Budget, branches: bool, chance: object
) -> None:
    order = list(range(len(requests)))
    chance.shuffle(order)  # type: ignore[attr-defined]
    one = plan(requests, budget, branches=branches)
    other = plan([requests[place] for place in order], budget, branches=branches)
    assert one.groups == other.groups
    for own, its in zip(one.rows, other.rows, strict=True):
        assert replace(own, wants=[]) == replace(its, wants=[])
        back = [replace(want, request=order[want.request]) for want in its.wants]
        assert sorted(map(repr, back)) == sorted(map(repr, own.wants))


@given(many(), st.booleans())
def test_no_more_is_computed_than_every_distinct_request_whole(
    requests: list[Request], branches: bool
) -> None:
    found = plan(requests, WIDE, branches=branches)
    whole = sum(len(each) for each in {each.tokens for each in requests})
    unique = forest([each.tokens for each in requests])[0].size
    trunks = sum(len(found.rows[number]) for group in found.groups for number in group.trunks)
    assert unique <= found.computed <= whole + (trunks if branches else 0)


@given(many())
def test_a_forest_holds_every_sequence_and_siblings_begin_differently(
    requests: list[Request],
) -> None:
    root, ends = forest([each.tokens for each in requests])
    for each, end in zip(requests, ends, strict=True):
        assert tuple(end.tokens[: end.end].tolist()) == each.tokens
    for node in preorder(root):
        begins = [int(child.tokens[child.start]) for child in node.children]
        assert begins == sorted(set(begins))
        assert all(child.start == node.end and child.parent is node for child in node.children)


def _subject(number: int, questions: int) -> list[Request]:
    shots = [number, *([3] * 599)]
    return [request([*shots, *([4] * 40), question, *([6] * 19)], 1) for question in range(questions)]


def test_shots_of_a_subject_are_computed_once_and_small_subjects_share_batches(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.undo()
    requests = [each for number in range(8) for each in _subject(number, 24)]
    found = plan(requests, Budget(8 * 640, 8 * 640))
    assert found.computed < sum(len(each.tokens) for each in requests) / 8
    group, *others = found.groups
    assert len(group.trunks) == 8 and not others
    assert any(len({found.rows[number].trunk for number in batch}) > 4 for batch in group.batches)


def test_four_endings_of_a_context_are_one_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    context = list(range(100, 400))
    found = plan([request([*context, ending, *range(20)], 20) for ending in range(4)], WIDE)
    assert [len(row) for row in found.rows] == [300 + 4 * 21]
    assert found.groups[0].trunks == ()


def test_without_branches_the_endings_are_rows_behind_their_context(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    context = list(range(100, 400))
    requests = [request([*context, ending, *range(20)], 20) for ending in range(4)]
    found = plan(requests, WIDE, branches=False)
    assert sorted(map(len, found.rows)) == [21, 21, 21, 21, 300]
