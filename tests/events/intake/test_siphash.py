"""SipHash: the published vectors, and one string hashes the same in any batch."""

from __future__ import annotations

from random import Random

import pytest

from wxcube.events.intake import siphash as sip
from wxcube.events.intake.siphash import Strings, siphash

KEY = bytes(range(16))
VECTORS = {
    0: ("310e0edd47db6f72", "a3817f04ba25a8e66df67214c7550293"),
    1: ("fd67dc93c539f874", "da87c1d86b99af44347659119b22fc45"),
    15: ("e545be4961ca29a1", ""),
}
"""By length of the string \\0\\1\\2…: both variants as the paper's authors publish them."""


@pytest.mark.parametrize("length", VECTORS)
def test_published_vectors(length: int) -> None:
    text = "".join(map(chr, range(length)))
    narrow, wide = VECTORS[length]
    assert siphash(KEY, Strings.of([text])).astype("<u8").tobytes().hex() == narrow
    if wide:
        assert siphash(KEY, Strings.of([text]), wide=True).astype("<u8").tobytes().hex() == wide


@pytest.mark.parametrize("wide", [False, True])
def test_a_string_hashes_the_same_in_any_batch(
    monkeypatch: pytest.MonkeyPatch, *, wide: bool
) -> None:
    monkeypatch.setattr(sip, "_ROWS", 16)
    dice = Random(3)
    string_array = ["".join(dice.choices("ab字é0", k=dice.randrange(40))) for _ in range(300)]
    together = siphash(KEY, Strings.of(string_array), wide=wide).tolist()
    assert together == [
        siphash(KEY, Strings.of([text]), wide=wide)[0].tolist() for text in string_array
    ]
    assert len(set(map(tuple, together))) == len(set(string_array))


def test_no_strings_have_no_hashes() -> None:
    assert siphash(KEY, Strings.of([])).shape == (0, 1)
    assert siphash(KEY, Strings.of([]), wide=True).shape == (0, 2)


def test_another_key_gives_other_hashes() -> None:
    assert (
        siphash(KEY, Strings.of(["o1"])).tolist() != siphash(KEY[::-1], Strings.of(["o1"])).tolist()
    )
    with pytest.raises(ValueError, match="16 bytes"):
        siphash(b"short", Strings.of(["o1"]))
