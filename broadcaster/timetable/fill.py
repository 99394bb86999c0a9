"""Choose whole pieces for the rest of a slot. Pure: the same pieces, rest and turn give the same choice."""

from __future__ import annotations

from collections.abc import Sequence

from broadcaster.core.model import Programme

GOLDEN = 0.6180339887498949


def choose_fill(pieces: Sequence[Programme], rest_ms: int, turn: int) -> list[Programme]:
    """Choose the pieces that fill a rest, each whole and at most once.

    Each turn goes round the pieces from another one on, far from where the turn before it began, and takes every piece
    that still fits: so neighbouring turns have little in common, and all pieces get their share.

    Args:
        pieces: What there is, in an order that stays.
        rest_ms: What is to be filled; a rest below the shortest piece stays silent.
        turn: Counts the slots that are filled.

    Returns:
        The pieces in the order in which they play; together they are not longer than the rest.
    """
    first = int(turn * GOLDEN % 1 * len(pieces))
    chosen = []
    for piece in (*pieces[first:], *pieces[:first]):
        if piece.master.duration_ms <= rest_ms:
            chosen.append(piece)
            rest_ms -= piece.master.duration_ms
    return chosen
