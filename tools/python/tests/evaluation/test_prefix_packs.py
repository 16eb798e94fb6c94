"""The packs of shared prefixes: every request once, behind its own tokens, in any order, within the room."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_prefix_plan import _subject, many

from validation.evaluation.prefixes.forest import forest
from validation.evaluation.prefixes.packs import Pack, Room, packs
from validation.evaluation.prefixes.plan import Request
from validation.evaluation.prefixes.sizes import ROOM, room_of, sampled_together, token_bytes

WIDE = Room(4096, 1 << 30, 4096)
rooms = st.builds(Room, st.integers(1, 600), st.integers(1, 4000), st.integers(1, 40))


def seen(pack: Pack, place: int) -> list[int]:
    """The tokens that a place sees, itself included; their positions are those of a whole request."""
    [segment] = [each for each in pack.segments if each.start <= place < each.end]
    at = [each for start, end in (*segment.above, (segment.start, place + 1)) for each in range(start, end)]
    assert [pack.positions[each] for each in at] == list(range(len(at)))
    return [pack.tokens[each] for each in at]


@given(many(), rooms)
def test_every_target_is_wanted_once_after_exactly_the_tokens_of_its_request(
    requests: list[Request], room: Room
) -> None:
    wanted = {}
    for pack in packs(requests, room):
        assert len(pack.tokens) == len(pack.positions) == pack.segments[-1].end
        assert [each.start for each in pack.segments[1:]] == [each.end for each in pack.segments[:-1]]
        for want in pack.wants:
            assert (want.request, want.k) not in wanted
            wanted[want.request, want.k] = (seen(pack, want.place), want.target)
    assert wanted == {
        (number, k): (list(each.tokens[: len(each.tokens) - len(each.targets) + k + 1]), target)
        for number, each in enumerate(requests)
        for k, target in enumerate(each.targets)
    }


@given(many(), rooms)
def test_every_pack_is_within_the_room_or_holds_one_request(requests: list[Request], room: Room) -> None:
    for pack in packs(requests, room):
        if len({requests[want.request].tokens for want in pack.wants}) > 1:
            assert len(pack.tokens) <= room.tokens
            assert sum(each.keys for each in pack.segments) <= room.keys
            assert len(pack.wants) <= room.wants


@given(many(), rooms, st.randoms())
def test_in_any_order_the_same_tokens_are_computed_together(
    requests: list[Request], room: Room, chance: object
) -> None:
    order = list(range(len(requests)))
    chance.shuffle(order)  # type: ignore[attr-defined]
    one, other = packs(requests, room), packs([requests[place] for place in order], room)
    for own, its in zip(one, other, strict=True):
        assert replace(own, wants=[]) == replace(its, wants=[])
        assert sorted(map(repr, own.wants)) == sorted(
            repr(want.of(order[want.request])) for want in its.wants
        )


@given(many())
def test_with_room_enough_every_token_is_computed_once(requests: list[Request]) -> None:
    found = packs(requests, replace(WIDE, tokens=1 << 30, wants=1 << 30))
    assert [len(pack.tokens) for pack in found] == [forest([each.tokens for each in requests])[0].size]


def test_shots_of_a_subject_are_computed_once_a_pack_and_packs_are_about_as_full() -> None:
    requests = [each for number in range(8) for each in _subject(number, 24)]
    unique = forest([each.tokens for each in requests])[0].size
    found = packs(requests, WIDE)
    sizes = [len(pack.tokens) for pack in found]
    assert sizes == [3360, 3360, 2240]
    assert sum(sizes) == unique  # of eight subjects no pack cuts one apart


LLAMA = {
    "hidden_size": 4096,
    "intermediate_size": 14_336,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
}


@pytest.mark.parametrize("tokens", [500, 16 * 700, 64 * 4000])
def test_a_pack_needs_no_more_memory_than_the_logits_of_a_batch_nor_than_its_room(tokens: int) -> None:
    room = room_of(LLAMA, tokens, 32_000)
    assert room.tokens == min(16_384, room.tokens)
    taken = room.tokens * token_bytes(LLAMA) + room.keys * 2 * 2 * 8 * 128 + room.wants * 2 * 32_000
    assert taken <= min(ROOM, tokens * (token_bytes(LLAMA) + 4 * 32_000))
    assert room.halved().tokens == room.tokens // 2


def test_a_sample_takes_a_gibibyte_and_is_a_batch_where_lm_evals_are() -> None:
    assert sampled_together(8, 420, 32_000) == 8
    assert sampled_together(8, 420, 151_936) == 2
    assert sampled_together(8, 4000, 151_936) == 2
    assert sampled_together(1, 420, 151_936) == 1
    assert sampled_together(8, 250, 151_936) * 250 * 151_936 * 6 <= 2**30
