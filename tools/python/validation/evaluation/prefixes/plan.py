"""From requests to rows and batches: which tokens are computed together, each as few times as it pays.

Pure: numbers in, numbers out. A row is a line of tokens for one forward pass; a token of it sees those of
its own branch before it and, where the row has a trunk, all of that. A trunk is a row computed before, whose
keys and values other rows go on from.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from validation.evaluation.prefixes.forest import Node, forest, preorder

#: A row with branches is filled up to here; one more token would cost more attention than it saves.
ROW = 1024
#: A row behind a trunk is filled up to here.
BRANCHES = 512
#: A shorter beginning is computed again in every row rather than kept.
TRUNK = 64


@dataclass(frozen=True)
class Request:
    """Tokens that go into the model, and the last of those that should come out, one after the other."""

    tokens: tuple[int, ...]
    targets: tuple[int, ...]


@dataclass(frozen=True)
class Want:
    """The log-probability of a token after a place of a row: the `k`-th target of a request."""

    place: int
    request: int
    k: int
    target: int

    def of(self, request: int) -> Want:
        """The same, of a request by another number."""
        return Want(self.place, request, self.k, self.target)


@dataclass
class Row:
    """Tokens with their positions.

    Attributes:
        ends: token j is seen by the tokens from j up to, and without, `ends[j]`.
        trunk: the number of the row that stands before this one; None: nothing does.
    """

    tokens: list[int]
    positions: list[int]
    ends: list[int]
    trunk: int | None = None
    wants: list[Want] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.tokens)


@dataclass(frozen=True)
class Group:
    """Trunks that are computed together, and the batches of rows that follow, by their numbers."""

    trunks: tuple[int, ...]
    batches: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Budget:
    """What one forward pass may take; a single row always may.

    Attributes:
        tokens: rows times the longest of them.
        kept: tokens whose keys and values are kept at a time.
        scores: rows times the longest times what each of its tokens can see; None: no matter.
    """

    tokens: int
    kept: int
    scores: int | None = None

    def halved(self) -> Budget:
        """For a device that ran out of memory."""
        scores = None if self.scores is None else max(1, self.scores // 2)
        return Budget(max(1, self.tokens // 2), max(1, self.kept // 2), scores)


@dataclass(frozen=True)
class Plan:
    """Rows, and the order in which they are computed."""

    rows: tuple[Row, ...]
    groups: tuple[Group, ...]
    even: bool = False

    def regrouped(self, left: Sequence[Group], budget: Budget) -> tuple[Group, ...]:
        """The rows of the groups that are left, for another budget."""
        numbers = {
            number for group in left for numbers in (group.trunks, *group.batches) for number in numbers
        }
        return tuple(_groups(self.rows, budget, sorted(numbers), even=self.even))

    @property
    def computed(self) -> int:
        """Tokens that are computed, without what fills batches up."""
        return sum(map(len, self.rows))


def plan(requests: Sequence[Request], budget: Budget, *, branches: bool = True) -> Plan:
    """Every request's wants in exactly one row each, and the rows in batches, longest first.

    Args:
        requests: None of them without tokens or targets.
        budget: Of a forward pass.
        branches: Whether a row may hold several branches. Without, trunks that are computed together have the
            same length, so that a model whose tokens are known by their order alone (ALiBi) needs no mask.
    """
    root, last = forest([each.tokens for each in requests])
    layout = _Layout()
    if branches:
        _branched(root, layout)
    else:
        _lines(root, layout)
    for number, (request, node) in enumerate(zip(requests, last, strict=True)):
        layout.want(number, request, node)
    groups = _groups(layout.rows, budget, range(len(layout.rows)), even=not branches)
    return Plan(tuple(layout.rows), tuple(groups), not branches)


class _Layout:
    """Rows as they are laid out, and where each node of the forest lies."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self._home: dict[Node, tuple[int, int]] = {}  # a row, and the place in it of the node's position 0

    def branches(self, nodes: Sequence[Node], trunk: int | None = None) -> None:
        """A row of whole trees that begin alike: what is above them comes first, or is the trunk."""
        above = 0 if trunk is not None else nodes[0].start
        length = above + sum(each.size for each in nodes)
        row = Row(nodes[0].tokens[:above].tolist(), list(range(above)), [length] * above, trunk)
        self._add(row, nodes[0].parent if above else None)
        for node in (each for top in nodes for each in preorder(top)):
            self._home[node] = (len(self.rows) - 1, len(row) - node.start)
            row.ends += [len(row) + node.size] * (node.end - node.start)
            row.tokens += node.tokens[node.start : node.end].tolist()
            row.positions += range(node.start, node.end)

    def line(self, node: Node, trunk: int | None = None, above: int = 0) -> int:
        """A row of one branch, down to this node's end: from the beginning, or behind a trunk of `above`.

        Returns:
            Its number.
        """
        length = node.end - above
        row = Row(
            node.tokens[above : node.end].tolist(), list(range(above, node.end)), [length] * length, trunk
        )
        return self._add(row, node, above)

    def _add(self, row: Row, node: Node | None, above: int = 0) -> int:
        """`node`: the last of those that lie in the row from its beginning, which is position `above`."""
        self.rows.append(row)
        while node is not None and node.end > above:
            self._home.setdefault(node, (len(self.rows) - 1, -above))
            node = node.parent
        return len(self.rows) - 1

    def want(self, number: int, request: Request, node: Node) -> None:
        """Find the places of a request's targets; `node` is where its tokens end."""
        first = len(request.tokens) - len(request.targets)
        for k in reversed(range(len(request.targets))):
            while node.start > first + k and node.parent is not None:
                node = node.parent
            row, shift = self._home[node]
            self.rows[row].wants.append(Want(first + k + shift, number, k, request.targets[k]))


def _branched(root: Node, layout: _Layout) -> None:
    """Small trees are a row each; a long beginning of many is a trunk; a short one stands in all its rows."""
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if node is not root and node.start + node.size <= ROW:
            layout.branches([node])
        elif not node.children:
            layout.line(node)
        elif node.end < TRUNK:
            room = max(ROW // 4, 8 * node.end)
            large = [each for each in node.children if node.end + each.size > room]
            for few in _filled(node.children, room - node.end):
                layout.branches(few)
            waiting += large
        else:
            trunk = layout.line(node)
            for each in node.children:
                if each.size <= BRANCHES:
                    continue
                if each.children and each.size > 4 * BRANCHES:
                    waiting.append(each)
                else:
                    layout.branches([each], trunk)
            for few in _filled(node.children, BRANCHES):
                layout.branches(few, trunk)


def _filled(nodes: Sequence[Node], room: int) -> Iterator[list[Node]]:
    """Those that fit into `room`, in lots that are about as full as each other."""
    small = sorted((each for each in nodes if each.size <= room), key=lambda each: -each.size)
    lots: list[list[Node]] = [[] for _ in range(-(-sum(each.size for each in small) // max(1, room)))]
    fill = [(0, lot) for lot in range(len(lots))]
    for node in small:
        size, lot = fill[0]
        if size + node.size <= room:
            heapq.heapreplace(fill, (size + node.size, lot))
        else:
            heapq.heappush(fill, (node.size, len(lots)))
            lots.append([])
            lot = len(lots) - 1
        lots[lot].append(node)
    yield from (lot for lot in lots if lot)


def _lines(root: Node, layout: _Layout) -> None:
    """Each branch a row; those nodes are trunks with which the fewest tokens are computed."""
    nodes = preorder(root)
    ends = {id(node): 0 for node in nodes}  # branches below, and their tokens from position 0 on
    whole = dict(ends)
    best = dict(ends)
    for node in reversed(nodes):
        if not node.children:
            ends[id(node)], whole[id(node)], best[id(node)] = 1, node.end, node.end
            continue
        ends[id(node)] = sum(ends[id(each)] for each in node.children)
        whole[id(node)] = sum(whole[id(each)] for each in node.children)
        apart = sum(best[id(each)] for each in node.children)
        kept = node.end + whole[id(node)] - node.end * ends[id(node)]
        best[id(node)] = min(apart, kept) if node.end >= TRUNK else apart
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if not node.children:
            layout.line(node)
        elif best[id(node)] == sum(best[id(each)] for each in node.children):
            waiting += node.children
        else:
            trunk = layout.line(node)
            for each in preorder(node):
                if not each.children:
                    layout.line(each, trunk, node.end)


def _groups(rows: Sequence[Row], budget: Budget, which: Sequence[int], *, even: bool) -> Iterator[Group]:
    """Trunks with what follows them, then rows without; in each the longest first."""
    followers: dict[int, list[int]] = {}
    for number in which:
        trunk = rows[number].trunk
        if trunk is not None:
            followers.setdefault(trunk, []).append(number)

    def longest_first(numbers: Sequence[int]) -> list[int]:
        return sorted(numbers, key=lambda number: (-len(rows[number]), rows[number].tokens))

    def batches(numbers: Sequence[int], before: int, kept: int | None = None) -> Iterator[tuple[int, ...]]:
        batch: list[int] = []
        for number in longest_first(numbers):
            length, count = len(rows[batch[0] if batch else number]), len(batch) + 1
            full = (
                count * length > budget.tokens
                or (budget.scores is not None and count * length * (before + length) > budget.scores)
                or (kept is not None and count * length > kept)
                or (kept is not None and even and length != len(rows[number]))
            )
            if batch and full:
                yield tuple(batch)
                batch = []
            batch.append(number)
        if batch:
            yield tuple(batch)

    for trunks in batches(list(followers), 0, budget.kept):
        following = [number for trunk in trunks for number in followers[trunk]]
        yield Group(trunks, tuple(batches(following, len(rows[trunks[0]]))))
    alone = [number for number in which if rows[number].trunk is None and number not in followers]
    for batch in batches(alone, 0):
        yield Group((), (batch,))
