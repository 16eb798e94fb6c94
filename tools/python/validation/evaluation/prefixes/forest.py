"""Token sequences as a forest: what they begin with alike is one node, and stands there once.

Pure: numbers in, nodes out. The order of the sequences plays no part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy


@dataclass(eq=False)
class Node:
    """The tokens `start` to `end` of all sequences below it.

    Attributes:
        tokens: a sequence below it, whole.
        parent: None for a root.
        children: they begin at `end`, each with another token.
        size: tokens of this node and all below it.
    """

    start: int
    end: int
    tokens: numpy.ndarray
    parent: Node | None = None
    children: list[Node] = field(default_factory=list)
    size: int = 0


def forest(sequences: Sequence[Sequence[int]]) -> tuple[Node, list[Node]]:
    """The forest of sequences, none of them empty.

    Returns:
        An empty node above all roots; and of each sequence the node it ends with.
    """
    tokens_of: dict[bytes, numpy.ndarray] = {}  # whose keys sort as the tokens do
    number_of: dict[bytes, int] = {}
    numbers = []
    for each in sequences:
        tokens = numpy.asarray(each, dtype=">u4")
        key = tokens.tobytes()
        tokens_of.setdefault(key, tokens)
        numbers.append(number_of.setdefault(key, len(number_of)))
    root = Node(0, 0, numpy.zeros(0, dtype=">u4"))
    leaves = [root] * len(number_of)
    path, before = [root], root.tokens  # from the root to where the last sequence ended
    for key in sorted(tokens_of):
        tokens = tokens_of[key]
        shared = _alike(before, tokens)
        while path[-1].start >= shared and len(path) > 1:
            path.pop()
        if path[-1].end > shared:
            _split(path[-1], shared)
        leaf = Node(shared, len(tokens), tokens, path[-1])
        path[-1].children.append(leaf)
        path.append(leaf)
        leaves[number_of[key]], before = leaf, tokens
    _measure(root)
    return root, [_end(leaves[number], len(each)) for number, each in zip(numbers, sequences, strict=True)]


def preorder(root: Node) -> list[Node]:
    """A node and all below it, each before its children, those from left to right."""
    found, waiting = [], [root]
    while waiting:
        node = waiting.pop()
        found.append(node)
        waiting.extend(reversed(node.children))
    return found


def _alike(one: numpy.ndarray, other: numpy.ndarray) -> int:
    """How many tokens two sequences begin with alike."""
    shorter = min(len(one), len(other))
    differing = one[:shorter] != other[:shorter]
    return int(differing.argmax()) if differing.any() else shorter


def _split(node: Node, at: int) -> None:
    """Make a node end at `at`; what it had after that becomes its child."""
    below = Node(at, node.end, node.tokens, node, node.children)
    for each in below.children:
        each.parent = below
    node.end, node.children = at, [below]


def _end(node: Node, length: int) -> Node:
    """The node in which a sequence ends: its leaf was cut since, if another goes on from its middle."""
    while node.end < length:
        node = node.children[0]
    return node


def _measure(root: Node) -> None:
    for node in reversed(preorder(root)):
        node.size = node.end - node.start + sum(each.size for each in node.children)
