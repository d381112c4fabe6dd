import pytest

from support.callbacks import AT, account
from wxcube.tap.refused import Reason, RefusedError
from wxcube.tap.repeats import FRESH_SECONDS, Repeats
from wxcube.tap.verification import Push


def push(timestamp: int) -> Push:
    return Push(account(), {}, timestamp, "1")


def test_three_attempts_and_no_more() -> None:
    repeats = Repeats()
    assert [repeats.attempt(push(AT + 5 * n), "m-1") for n in range(3)] == [1, 2, 3]
    with pytest.raises(RefusedError) as caught:
        repeats.attempt(push(AT + 15), "m-1")
    assert caught.value.reason is Reason.REPLAYED
    assert repeats.attempt(push(AT + 15), "m-2") == 1


def test_a_callback_of_earlier_is_a_replay() -> None:
    repeats = Repeats()
    repeats.attempt(push(AT), "m-1")
    assert repeats.attempt(push(AT - FRESH_SECONDS), "m-2") == 1
    with pytest.raises(RefusedError):
        repeats.attempt(push(AT - FRESH_SECONDS - 1), "m-3")


def test_attempts_are_remembered_as_long_as_they_can_be_repeated() -> None:
    repeats = Repeats()
    repeats.attempt(push(AT), "m-1")
    repeats.attempt(push(AT + FRESH_SECONDS), "m-2")
    assert repeats.attempt(push(AT + 1), "m-1") == 2
    for second in range(0, 10 * FRESH_SECONDS, 50):
        repeats.attempt(push(AT + second + FRESH_SECONDS), f"n-{second}")
    assert len(repeats._recent) + len(repeats._earlier) < 15
