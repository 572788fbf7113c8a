from collections.abc import Iterator, Sequence
from threading import Event as Signal
from threading import Thread

import numpy as np
import pytest

from stepwave.facts.errors import ConfigError
from stepwave.facts.events import AudioDelta, Event, Finished, SpeechDelta, TextDelta
from stepwave.generation.speak import SpeakSettings, speak


class Echo:
    """One sample per code, held back by two codes; remembers its chunks."""

    def __init__(self) -> None:
        self.chunks: list[tuple[int, ...]] = []
        self._held: list[int] = []
        self.finished = False

    def push(self, codes: Sequence[int]) -> np.ndarray:
        self.chunks.append(tuple(codes))
        self._held += codes
        ready, self._held = self._held[:-2], self._held[-2:]
        return np.array(ready, dtype=np.float32)

    def finish(self) -> np.ndarray:
        self.finished = True
        return np.array(self._held, dtype=np.float32)


def answer(groups: int, *, end: bool = True) -> Iterator[Event]:
    for group in range(groups):
        yield TextDelta(f"{group} ")
        yield SpeechDelta(tuple(range(4 * group, 4 * group + 4)))
    if end:
        yield Finished("stop", groups, 4 * groups, 0.1)


def samples(events: list[Event]) -> list[int]:
    return [int(sample) for event in events if isinstance(event, AudioDelta) for sample in event.samples]


@pytest.mark.parametrize("overlap", [False, True], ids=["in turn", "overlapped"])
@pytest.mark.parametrize("end", [False, True])
def test_all_sound_comes_in_order_and_before_the_end(overlap: bool, end: bool) -> None:
    stream = Echo()
    events = list(speak(answer(9, end=end), stream, SpeakSettings((5, 9, 12), overlap)))
    assert samples(events) == list(range(36))
    assert [len(chunk) for chunk in stream.chunks] == [5, 9, 12, 10]
    assert [event for event in events if not isinstance(event, AudioDelta)] == list(answer(9, end=end))
    assert isinstance(events[-1], Finished if end else AudioDelta)


def test_sound_begins_as_soon_as_the_first_chunk_is_full() -> None:
    events = speak(answer(9), Echo(), SpeakSettings((4, 20), overlap=False))
    kinds = [type(next(events)).__name__ for _ in range(3)]
    assert kinds == ["TextDelta", "SpeechDelta", "AudioDelta"]


@pytest.mark.parametrize("overlap", [False, True], ids=["in turn", "overlapped"])
def test_an_answer_without_speech_has_no_sound(overlap: bool) -> None:
    events = [TextDelta("hello"), Finished("stop", 1, 0, 0.1)]
    assert list(speak(events, Echo(), SpeakSettings(overlap=overlap))) == events


class Broken(Echo):
    def push(self, codes: Sequence[int]) -> np.ndarray:
        raise RuntimeError("no sound")


@pytest.mark.parametrize("overlap", [False, True], ids=["in turn", "overlapped"])
def test_what_goes_wrong_in_the_detokenizer_is_not_lost(overlap: bool) -> None:
    with pytest.raises(RuntimeError, match="no sound"):
        list(speak(answer(9), Broken(), SpeakSettings(overlap=overlap)))


def test_for_a_listener_who_leaves_no_more_is_computed() -> None:
    entered, leave = Signal(), Signal()

    class Slow(Echo):
        def push(self, codes: Sequence[int]) -> np.ndarray:
            entered.set()
            assert leave.wait(10)
            return super().push(codes)

    stream = Slow()
    events = speak(answer(50), stream, SpeakSettings((4,), overlap=True))
    taken = [next(events) for _ in range(12)]
    assert not any(isinstance(event, AudioDelta) for event in taken)
    assert entered.wait(10)
    closing = Thread(target=events.close)  # type: ignore[attr-defined]
    closing.start()
    leave.set()
    closing.join(10)
    assert not closing.is_alive()
    assert len(stream.chunks) < 6  # of the six that waited
    assert not stream.finished
    # The thread goes on with what others ask for.
    assert samples(list(speak(answer(3), Echo(), SpeakSettings(overlap=True)))) == list(range(12))


@pytest.mark.parametrize("chunks", [(), (0,), (10, -1)])
def test_empty_chunks_are_refused(chunks: tuple[int, ...]) -> None:
    with pytest.raises(ConfigError, match="at least 1"):
        SpeakSettings(chunks)
