"""Loading: the same steps whoever prepares them, exact resumption, shares of ranks, and records that can't be used."""

import json
import multiprocessing
import os
import pickle
import signal
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from torch import Tensor

from stepwave.data.collating import Batch
from stepwave.data.documents import PIECE_FRAMES, DocumentReader
from stepwave.data.examples import IGNORED, Example, Heard
from stepwave.data.loader_config import LoaderConfig, Supply
from stepwave.data.loading import Loader
from stepwave.data.manifests import MANIFEST, read_clip, read_manifest, write_line
from stepwave.data.records import Clip, Record, Turn
from stepwave.data.store import StoreWriter, TensorStore
from stepwave.facts.errors import AudioEmptyError, ConfigError, DataError, MissingExtraError
from stepwave.facts.rates import audio_positions, encoder_frames, placeholders, valid_mel_frames
from stepwave.signal.mel import log_mel

PATCH, PADDING, BANDS, WIDTH = 3, 0, 8, 4
RECORDS = 12


class Folder:
    """A finished step's folder, read as a source."""

    def __init__(self, folder: Path) -> None:
        self.name = str(folder)
        self.records = list(read_manifest(folder))
        self.folder = folder / "parts"

    def __len__(self) -> int:
        return len(self.records)

    def record(self, index: int) -> Record:
        return self.records[index]

    def samples(self, clip: Clip) -> np.ndarray[Any, np.dtype[np.float32]]:
        return read_clip(clip)[0]

    def tensor(self, name: str) -> Tensor | None:
        store = TensorStore(self.folder)
        if name not in store:
            return None
        return store[name]

    def length(self, name: str) -> int | None:
        tensor = self.tensor(name)
        return None if tensor is None else len(tensor)


class Measured:
    """All records of a source with their lengths as `Spelling` writes them."""

    def __init__(self, source: Folder) -> None:
        self.places = np.arange(len(source))
        self.lengths = np.array([Spelling.measure(record) for record in source.records], dtype=np.int32)

    def __len__(self) -> int:
        return len(self.places)


class Spelling:
    """Renders a record as its placeholders, then its letters, then its codes; refuses the text "refused"."""

    @staticmethod
    def heard_clips(record: Record) -> list[Clip]:
        return [turn.clip for turn in record.turns if turn.clip and turn.role == "human"]

    @staticmethod
    def said_clips(record: Record) -> list[Clip]:
        return [turn.clip for turn in record.turns if turn.clip and turn.role == "assistant"]

    @classmethod
    def measure(cls, record: Record) -> int:
        heard = sum(placeholders(round(clip.seconds * 16_000)) for clip in cls.heard_clips(record))
        said = sum(round(clip.seconds * 25) for clip in cls.said_clips(record))
        return heard + said + sum(len(turn.text) for turn in record.turns)

    @classmethod
    def render(cls, record: Record, pieces: Mapping[str, Sequence[int]], codes: Mapping[str, Sequence[int]]) -> Example:
        if record.turns[0].text == "refused":
            raise DataError(f"record {record.id} is refused")
        if record.turns[0].text == "extra":
            raise MissingExtraError("prepare", "lhotse")
        ids: list[int] = []
        heard = []
        for clip in cls.heard_clips(record):
            for number, count in enumerate(pieces[clip.id]):
                heard.append(Heard(clip, number, len(ids), count))
                ids += [PATCH] * count
        ids += [ord(letter) for turn in record.turns for letter in turn.text]
        ids += [1000 + code for clip in cls.said_clips(record) for code in codes[clip.id]]
        return Example(tuple(ids), (*ids[1:], IGNORED), record.kind, tuple(heard))


def asr(folder: Path, number: int, seconds: float) -> Record:
    sound = np.random.default_rng(number).normal(0, 0.1, round(seconds * 16_000)).astype(np.float32)
    soundfile.write(folder / f"{number}.wav", sound, 16_000)
    clip = Clip(f"clip-{number}", str(folder / f"{number}.wav"), seconds=seconds)
    return Record(f"asr-{number}", "asr", (Turn("human", clip=clip, spoken=True), Turn("assistant", f"word {number}")))


def tts(number: int, codes: int) -> Record:
    clip = Clip(f"said-{number}", seconds=codes / 25)
    return Record(f"tts-{number}", "tts", (Turn("human", f"say {number}"), Turn("assistant", clip=clip, spoken=True)))


def written(folder: Path, records: Sequence[Record], tensors: Mapping[str, Tensor] | None = None) -> Folder:
    folder.mkdir(exist_ok=True)
    (folder / MANIFEST).write_text("".join(write_line(record, folder) for record in records), encoding="utf-8")
    with StoreWriter(folder / "parts") as store:
        for name, tensor in (tensors or {}).items():
            store.add(name, tensor)
    return Folder(folder)


@pytest.fixture(scope="module")
def supplies(tmp_path_factory: pytest.TempPathFactory) -> list[Supply]:
    """Sounds of up to a second to be heard as mels, codes to be said, and text of two sources."""
    folder = tmp_path_factory.mktemp("corpus")
    heard = written(folder, [asr(folder, number, 0.2 + 0.07 * number) for number in range(RECORDS)])
    codes = {f"said-{number}.codes": torch.arange(10 + number, dtype=torch.int16) for number in range(RECORDS)}
    said = written(
        tmp_path_factory.mktemp("said"), [tts(number, 10 + number) for number in range(RECORDS)], tensors=codes
    )
    texts = [
        written(
            tmp_path_factory.mktemp("text"),
            [Record(f"text-{size}-{number}", "text", (Turn("human", "a" * (5 + number)),)) for number in range(size)],
        )
        for size in (3, 6)
    ]
    return [
        Supply("asr", 3, [heard], [Measured(heard)]),
        Supply("tts", 2, [said], [Measured(said)]),
        Supply("text", 1, texts, [Measured(each) for each in texts]),
    ]


CONFIG = LoaderConfig(
    sequence_length=64, sequences_per_step=4, micro_sequences=2, waiting=4, heard="mel", bands=BANDS, seed=5
)


def loader(supplies: Sequence[Supply], rank: int = 0, world: int = 1, **changed: Any) -> Loader:
    return Loader(replace(CONFIG, **changed), supplies, Spelling(), PADDING, rank, world)


def content(batch: Batch) -> tuple[Any, ...]:
    """All of a batch as plain values."""
    sounds = tuple(
        (group.features.numpy().tobytes(), group.lengths.tolist(), group.rows.tolist(), group.sources.tolist())
        for group in batch.sounds
    )
    tensors = (batch.ids.tolist(), batch.labels.tolist(), batch.segments.tolist())
    return (*tensors, sounds, batch.tasks, batch.records, batch.positions, batch.skipped, batch.problems)


def steps(of: Loader, count: int) -> list[list[tuple[Any, ...]]]:
    return [[content(batch) for batch in of.next_step()] for _ in range(count)]


@pytest.fixture(scope="module")
def whole(supplies: Sequence[Supply]) -> list[list[tuple[Any, ...]]]:
    """The first steps of an uninterrupted run, which pass some sources more than once."""
    with loader(supplies) as one:
        done = steps(one, 12)
        assert max(one.epochs.values()) > 2
        return done


def test_steps_have_the_shape_asked_for(supplies: Sequence[Supply]) -> None:
    step = loader(supplies).next_step()
    assert [batch.ids.shape for batch in step] == [(2, 64), (2, 64)]
    assert {kind for batch in step for row in batch.tasks for kind in row} == {"asr", "tts", "text"}
    patches = sum(int((batch.ids == PATCH).sum()) for batch in step)
    assert patches == sum(group.rows.shape[1] for batch in step for group in batch.sounds) > 0
    assert all(group.features.shape[1] == BANDS for batch in step for group in batch.sounds)


def test_sequences_of_any_length_are_padded_to_their_longest(supplies: Sequence[Supply]) -> None:
    for batch in loader(supplies, fixed_length=False, documents=1).next_step():
        assert batch.ids.shape[1] == int((batch.segments > 0).sum(1).max())
        assert batch.segments.unique().tolist() in ([1], [0, 1])


@pytest.mark.parametrize("workers", [1, 2])
def test_workers_prepare_the_same_steps(
    supplies: Sequence[Supply], whole: list[list[tuple[Any, ...]]], workers: int
) -> None:
    with loader(supplies, workers=workers) as parallel:
        assert steps(parallel, 6) == whole[:6]


def test_what_workers_get_can_be_sent_to_a_new_process(supplies: Sequence[Supply]) -> None:
    one = loader(supplies)
    reading = pickle.loads(pickle.dumps(one._reading))
    packs = next(one._plan())
    assert content(reading[packs]) == content(one._reading[packs])


@pytest.mark.parametrize("stopped", [0, 1, 5, 11])
def test_a_stopped_run_goes_on_with_the_next_step(
    supplies: Sequence[Supply], whole: list[list[tuple[Any, ...]]], stopped: int
) -> None:
    first = loader(supplies)
    steps(first, stopped)
    resumed = loader(supplies)
    resumed.restore(json.loads(json.dumps(first.state())))
    assert resumed.steps == stopped
    assert resumed.tokens == first.tokens
    assert steps(resumed, 12 - stopped) == whole[stopped:]
    assert resumed.steps == 12


def test_what_was_prepared_ahead_is_not_lost(supplies: Sequence[Supply], whole: list[list[tuple[Any, ...]]]) -> None:
    with loader(supplies, workers=2, prefetch=3) as first:
        steps(first, 2)
        state = first.state()
    with loader(supplies, workers=1) as resumed:
        resumed.restore(json.loads(json.dumps(state)))
        assert steps(resumed, 3) == whole[2:5]
        # The same loader can go back and be closed in between.
        resumed.restore(state)
        assert steps(resumed, 1) == whole[2:3]
        resumed.close()
        assert steps(resumed, 1) == whole[3:4]


@pytest.mark.parametrize("world", [2, 4])
def test_ranks_share_the_steps_of_one(
    supplies: Sequence[Supply], whole: list[list[tuple[Any, ...]]], world: int
) -> None:
    rows = [[row for batch in step for row in zip(batch[0], batch[5], strict=True)] for step in whole]
    ranks = [loader(supplies, rank, world, micro_sequences=1) for rank in range(world)]
    for step in range(4):
        shares = [[(batch.ids[0].tolist(), batch.records[0]) for batch in one.next_step()] for one in ranks]
        assert [share[turn] for turn in range(4 // world) for share in shares] == rows[step]
    assert all(one.state() == ranks[0].state() for one in ranks)


def test_a_run_goes_on_on_another_number_of_ranks(
    supplies: Sequence[Supply], whole: list[list[tuple[Any, ...]]]
) -> None:
    ranks = [loader(supplies, rank, 2) for rank in range(2)]
    for one in ranks:
        steps(one, 3)
    resumed = loader(supplies)
    resumed.restore(ranks[1].state())
    assert steps(resumed, 2) == whole[3:5]


def test_the_global_random_state_is_left_alone(supplies: Sequence[Supply]) -> None:
    torch.manual_seed(1)
    before = torch.get_rng_state()
    loader(supplies).next_step()
    assert torch.equal(torch.get_rng_state(), before)


def test_portions_are_drawn_by_their_tokens(supplies: Sequence[Supply]) -> None:
    one = loader(supplies)
    steps(one, 12)
    total = sum(one.tokens.values())
    assert [one.tokens[task] / total for task in ("asr", "tts", "text")] == pytest.approx(
        [1 / 2, 1 / 3, 1 / 6], abs=0.02
    )


@pytest.fixture
def with_broken(tmp_path: Path) -> list[Supply]:
    """Ten sounds, of which one is damaged, and a text that the renderer refuses."""
    records = [asr(tmp_path, number, 0.3) for number in range(10)]
    (tmp_path / "4.wav").write_bytes(b"RIFF, but no sound")
    heard = written(tmp_path, records)
    texts = written(tmp_path / "texts", [Record(each, "text", (Turn("human", each),)) for each in ("taken", "refused")])
    return [Supply("asr", 5, [heard], [Measured(heard)]), Supply("text", 1, [texts], [Measured(texts)])]


@pytest.mark.parametrize("workers", [0, 2])
def test_bad_records_are_left_out_and_counted(with_broken: list[Supply], workers: int) -> None:
    with loader(with_broken, workers=workers, micro_sequences=4) as one:
        batches = [one.next_step()[0] for _ in range(3)]
    names = {name for batch in batches for row in batch.records for name in row}
    source = with_broken[0].sources[0].name
    assert names == {f"asr-{number} of {source}" for number in range(10) if number != 4} | {
        f"taken of {with_broken[1].sources[0].name}"
    }
    assert set(one.skipped) == {"asr: AudioFormatError", "text: DataError"}
    assert sum((batch.skipped for batch in batches), Counter[str]()) == one.skipped
    assert any(problem.startswith(f"record 4 of {source} can't be used: clip clip-4") for problem in one.problems)


@pytest.mark.parametrize("workers", [0, 1])
def test_a_bad_record_stops_the_run_by_name_if_asked_to(with_broken: list[Supply], workers: int) -> None:
    with (
        loader(with_broken[:1], workers=workers, on_bad_record="stop") as one,
        pytest.raises(DataError, match=r"record 4 of .* can't be used: clip clip-4 in .*4\.wav") as raised,
    ):
        steps(one, 5)
    assert "\n" not in str(raised.value)
    assert multiprocessing.active_children() == []


def test_a_missing_package_stops_the_run_always(tmp_path: Path) -> None:
    source = written(tmp_path, [Record("one", "text", (Turn("human", "extra"),))])
    with pytest.raises(DataError, match=r"pip install 'stepwave\[prepare\]'"):
        loader([Supply("text", 1, [source], [Measured(source)])]).next_step()


def test_too_many_bad_records_stop_the_run(tmp_path: Path) -> None:
    source = written(tmp_path, [Record(each, "text", (Turn("human", each),)) for each in ("refused", "refused", "ok")])
    one = loader([Supply("text", 1, [source], [Measured(source)])])
    with pytest.raises(DataError, match=r"of \d+ records can't be used, the first because: record . of .* is refused"):
        steps(one, 20)


def test_a_record_that_outgrew_its_measure_is_left_out(tmp_path: Path) -> None:
    source = written(tmp_path, [Record("grown", "text", (Turn("human", "a" * 40),)) for _ in range(2)])
    index = Measured(source)
    index.lengths[:] = 32
    batch = loader([Supply("text", 1, [source], [index])], sequences_per_step=1, micro_sequences=1).next_step()[0]
    # The first is left out, and then there is room enough for the second.
    assert batch.records == ((f"grown of {tmp_path}",),)
    assert batch.skipped == {"text: DataError": 1}
    assert "became 40 positions, 32 were measured and there is room for 32" in batch.problems[0]


def test_codes_that_were_not_computed_are_asked_for(tmp_path: Path) -> None:
    source = written(tmp_path, [tts(0, 10)])
    one = loader([Supply("tts", 1, [source], [Measured(source)])], on_bad_record="stop")
    with pytest.raises(DataError, match=r"clip said-0 has no codes in .*; run `stepwave prepare tokenise`"):
        one.next_step()


def test_stored_frames_are_heard_in_pieces_of_25_seconds(tmp_path: Path) -> None:
    stored = torch.randn(PIECE_FRAMES + 101, WIDTH).half()
    clip = Clip("long", seconds=29.04)
    record = Record("one", "asr", (Turn("human", clip=clip, spoken=True), Turn("assistant", "words")))
    source = written(tmp_path, [record], {"long.frames": stored})
    document = DocumentReader(Spelling(), "frames", BANDS).read(source, 0)
    assert [piece.positions for piece in document.example.heard] == [313, 51]
    assert torch.equal(torch.cat(document.features), stored.float())


def test_a_long_sound_is_heard_in_pieces_of_25_seconds(tmp_path: Path) -> None:
    source = written(tmp_path, [asr(tmp_path, 0, 26.0)])
    document = DocumentReader(Spelling(), "mel", BANDS).read(source, 0)
    samples = torch.from_numpy(source.samples(source.records[0].clips[0]))
    assert [piece.positions for piece in document.example.heard] == [placeholders(400_000), placeholders(16_000)]
    assert document.example.heard[1].positions == audio_positions(encoder_frames(valid_mel_frames(16_000)))
    assert torch.equal(document.features[1], log_mel(samples[400_000:], BANDS))


def test_a_sound_without_samples_is_no_document(tmp_path: Path) -> None:
    source = written(tmp_path, [asr(tmp_path, 0, 0.0)])
    with pytest.raises(AudioEmptyError):
        DocumentReader(Spelling(), "mel", BANDS).read(source, 0)


def test_long_records_are_counted_or_named(supplies: Sequence[Supply]) -> None:
    assert loader(supplies, sequence_length=20).left_out.keys() == {"tts"}
    with pytest.raises(DataError, match=r"longer than a sequence of 20 positions: .* of tts; the first are record"):
        loader(supplies, sequence_length=20, on_long_record="stop")


def test_the_state_of_another_run_is_refused(supplies: Sequence[Supply]) -> None:
    state = loader(supplies, seed=6).state()
    with pytest.raises(ConfigError, match="its seed was 6, now it is 5"):
        loader(supplies).restore(state)


@pytest.mark.parametrize(("rank", "world"), [(0, 3), (2, 2), (-1, 1)])
def test_steps_that_ranks_can_not_share_are_refused(supplies: Sequence[Supply], rank: int, world: int) -> None:
    with pytest.raises(ConfigError, match="4 sequences a step can't be shared by"):
        loader(supplies, rank, world)


@pytest.mark.parametrize(
    "changed", [{"sequence_length": 0}, {"prefetch": 0}, {"workers": -1}, {"most_bad": 0.0}, {"bands": 0}]
)
def test_settings_out_of_range_are_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="loader"):
        replace(CONFIG, **changed)


def test_a_killed_worker_is_told_plainly(supplies: Sequence[Supply], monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    with loader(supplies, workers=1) as one:
        monkeypatch.setattr(Spelling, "render", killed)
        with pytest.raises(DataError, match="a process that prepares batches was killed"):
            one.next_step()
    assert multiprocessing.active_children() == []


def test_waiting_is_measured(supplies: Sequence[Supply], monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([10.0, 12.5])
    one = loader(supplies)
    monkeypatch.setattr("stepwave.data.loading.time.perf_counter", lambda: next(clock))
    one.next_step()
    assert one.waited == 2.5
