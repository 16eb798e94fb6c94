"""From requests to packs: lines of tokens for a forward pass each, without masks, with nothing filled up.

Pure: numbers in, numbers out. A pack holds nodes of the forest of requests. A token sees those of its own
node before it and, of the nodes above that, everything; the nodes above stand in the same pack.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from validation.evaluation.prefixes.forest import Node, forest, preorder
from validation.evaluation.prefixes.plan import Request, Want


@dataclass(frozen=True)
class Segment:
    """The places of a node in its pack, and those of what it sees, in the order of their positions.

    Attributes:
        start: of its first token.
        end: after its last one.
        above: start and end of each node above it, the root's first.
    """

    start: int
    end: int
    above: tuple[tuple[int, int], ...]

    @property
    def seen(self) -> tuple[tuple[int, int], ...]:
        """Start and end of all that its last token sees, its own segment the last."""
        return (*self.above, (self.start, self.end))

    @property
    def keys(self) -> int:
        """How many tokens its last one sees, itself included."""
        return sum(end - start for start, end in self.seen)


@dataclass
class Pack:
    """Tokens with their positions, and the segments that they are."""

    tokens: list[int] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    segments: list[Segment] = field(default_factory=list)
    wants: list[Want] = field(default_factory=list)

    @property
    def keys(self) -> int:
        """Tokens whose keys are laid out for its attention: of each segment, all that it sees."""
        return sum(each.keys for each in self.segments)


@dataclass(frozen=True)
class Room:
    """What a pack may hold; a single request always may.

    Attributes:
        tokens: in one forward pass.
        keys: laid out for it.
        wants: at how many places logits are computed, at most.
    """

    tokens: int
    keys: int
    wants: int

    def halved(self) -> Room:
        """For a device that ran out of memory."""
        return Room(*(max(1, each // 2) for each in (self.tokens, self.keys, self.wants)))


def packs(requests: Sequence[Request], room: Room) -> list[Pack]:
    """Every request's wants in exactly one pack each, about as full as each other.

    Requests that begin alike are neighbours, so what they begin with is in few packs more than once.

    Args:
        requests: None of them without tokens or targets.
        room: Of a pack.
    """
    root, last = forest([each.tokens for each in requests])
    asked: dict[Node, list[int]] = {}
    for number, node in enumerate(last):
        asked.setdefault(node, []).append(number)
    ends = [
        (node, sum(len(requests[number].targets) for number in asked[node]))
        for node in preorder(root)
        if node in asked
    ]
    filled = _filled(ends, room)
    mean = -(-sum(each.size for each in filled) // len(filled)) if filled else 0
    even = _filled(ends, replace(room, tokens=mean))
    if len(even) == len(filled):
        filled = even
    return [each.laid_out(requests, asked) for each in filled]


class _Filling:
    """A pack to be: nodes, each after those above it."""

    def __init__(self) -> None:
        self.nodes: dict[Node, None] = {}
        self.ends: list[Node] = []
        self.size = self.keys = self.wants = 0

    def missing(self, node: Node | None) -> list[Node]:
        """A node and those above it that are not here yet, the topmost first."""
        found = []
        while node is not None and node.end > 0 and node not in self.nodes:
            found.append(node)
            node = node.parent
        return found[::-1]

    def add(self, end: Node, nodes: Sequence[Node], wants: int) -> None:
        self.ends.append(end)
        self.wants += wants
        self.nodes.update(dict.fromkeys(nodes))
        self.size += sum(each.end - each.start for each in nodes)
        self.keys += sum(each.end for each in nodes)

    def laid_out(self, requests: Sequence[Request], asked: dict[Node, list[int]]) -> Pack:
        pack = Pack()
        at: dict[Node, Segment] = {}
        for node in self.nodes:
            above = at.get(node.parent) if node.parent is not None else None
            path = () if above is None else (*above.above, (above.start, above.end))
            start = len(pack.tokens)
            at[node] = Segment(start, start + node.end - node.start, path)
            pack.segments.append(at[node])
            pack.tokens += node.tokens[node.start : node.end].tolist()
            pack.positions += range(node.start, node.end)
        for end in self.ends:
            for number in asked[end]:
                pack.wants += _wants(number, requests[number], end, at)
        return pack


def _filled(ends: Sequence[tuple[Node, int]], room: Room) -> list[_Filling]:
    found: list[_Filling] = []
    for end, wants in ends:
        filling = found[-1] if found else _Filling()
        nodes = filling.missing(end)
        size = filling.size + sum(each.end - each.start for each in nodes)
        keys = filling.keys + sum(each.end for each in nodes)
        full = size > room.tokens or keys > room.keys or filling.wants + wants > room.wants
        if not found or full:
            filling = _Filling()
            nodes = filling.missing(end)
            found.append(filling)
        filling.add(end, nodes, wants)
    return found


def _wants(number: int, request: Request, end: Node, at: dict[Node, Segment]) -> list[Want]:
    """The places of a request's targets, from its last token backwards."""
    found, node = [], end
    first = len(request.tokens) - len(request.targets)
    for k in reversed(range(len(request.targets))):
        while node.start > first + k and node.parent is not None:
            node = node.parent
        found.append(Want(at[node].start + first + k - node.start, number, k, request.targets[k]))
    return found
