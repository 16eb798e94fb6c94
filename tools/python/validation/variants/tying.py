"""Error `weight_tying_break`: the LM head of a model that has its own becomes a copy of its input embedding.

InvarLock's evidence packs flip the tying of a model. One that has two matrices loses its head by that; of one
that has a single matrix they make two equal ones, which is the same function: no error, and refused here.
Source: docs/formulas.md, "Injected errors".
"""

from __future__ import annotations

from validation.job import Fault
from validation.variants.errors import TYING, Error
from validation.weights.checkpoint import Checkpoint, Stored, same_bits
from validation.weights.matrix import Matrix, Piece

#: What the head is called, in every family that has one of its own.
_HEADS = ("lm_head.weight", "embed_out.weight", "output.weight", "language_model.lm_head.weight")
#: The modules of input embeddings.
_EMBEDDINGS = ("embed_tokens", "wte", "embed_in", "word_embeddings", "tok_embeddings")


def tied(source: Checkpoint) -> tuple[Error, list[Matrix]]:
    """The error for this model, and the head as the one matrix that it strikes.

    Raises:
        Fault: `bad_edit` for a model without a head of its own, or without an embedding of its shape.
    """
    tensors = source.tensors
    head = next((tensors[name] for name in _HEADS if name in tensors), None)
    if head is None or source.config.get("tie_word_embeddings") is True:
        raise Fault(
            "bad_edit",
            f"{source.path}: has no LM head of its own, and two equal matrices would be the same function",
            f"Leave {TYING} out for this model.",
        )
    embedding = next((each for each in tensors.values() if _embeds(each, head)), None)
    if embedding is None:
        raise Fault("bad_edit", f"{source.path}: has no input embedding like {head.name} {list(head.shape)}")
    values = source.read(embedding.name)
    height, width = head.shape
    matrix = Matrix(
        tensor=head.name,
        label="",
        group="ffn",
        block=-1,
        order=(0, 0, 0),
        shape=(height, width),
        piece=Piece(head.name, 0, (height, width)),
    )
    error = Error(
        strikes=lambda _: [matrix],
        make=lambda _: values,
        holds=lambda _, after: same_bits(after, values),
        facts={"mode": "tie", "embedding": embedding.name},
    )
    return error, [matrix]


def embeds(name: str) -> bool:
    """Whether a tensor of this name is an input embedding."""
    return name.removesuffix(".weight").rpartition(".")[2] in _EMBEDDINGS


def _embeds(stored: Stored, head: Stored) -> bool:
    return embeds(stored.name) and (stored.shape, stored.dtype) == (head.shape, head.dtype)
