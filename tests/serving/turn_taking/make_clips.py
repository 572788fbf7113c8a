"""Make the clips that turn taking is measured on: what should stop an answer, and what should not.

    python tests/serving/turn_taking/make_clips.py RUNS/nano/starting SHARED/data KEYBOARDSOUNDS

It needs the voices that `stepwave prepare nano --step starting` brings, the program flite, LibriSpeech's and ESC-10's
recordings, and the unpacked package `keyboardsounds`. Run only to change the set: the clips are stored beside it.
Voices and recordings of the half `tune` do not come again in the half `report`.
"""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from stepwave.prepare.engines.contract import SYNTHESIS_RATE
from stepwave.prepare.engines.kokoro import Kokoro, KokoroVoice
from stepwave.prepare.engines.piper import PiperVoice
from stepwave.prepare.engines.programs import CommandVoice
from stepwave.prepare.starting_points import StartingPoints
from stepwave.signal.files import read_audio
from stepwave.signal.resample import Samples, resample
from stepwave.signal.voice_activity import VoiceActivityConfig, find_sound, trim

RATE = 16_000
CLIPS = Path(__file__).parent / "clips"
SPEECH_DB = -24.0
"""Level of the loudest tenth of a second of a clip, dBFS."""
ENDS = VoiceActivityConfig(frame_seconds=0.01, range_db=35.0, margin_seconds=0.03)

INTERRUPTIONS = [
    ("Stop, wait a moment.", "af_heart", "am_michael"),
    ("No, I meant Tuesday.", "am_onyx", "bf_emma"),
    ("Hold on, that's wrong.", "bm_george", "af_nova"),
    ("Sorry, which street was that?", "af_bella", "flite slt"),
    ("That is not what I asked.", "flite rms", "am_fenrir"),
    ("Okay, that's enough, thank you.", "piper", "bf_lily"),
    ("Never mind, play some music.", "bf_alice", "am_puck"),
    ("Please stop talking now.", "am_adam", "af_sky"),
    ("No no no, the other one.", "af_kore", "bm_lewis"),
]
"""Words with their voice in each half."""
BACKCHANNELS = [
    ("/mhˈm/", "af_heart", "am_michael"),
    ("/mmhˈmː/", "am_onyx", "bf_emma"),
    ("/ʌhˈʌ/", "bm_george", "af_nova"),
    ("/ʌʔhˈʌ/", "af_bella", "bm_lewis"),
    ("Yeah.", "flite rms", "flite slt"),
    ("Yeah.", "am_adam", "am_fenrir"),
    ("Right.", "piper", "bf_lily"),
    ("Okay.", "bf_alice", "am_puck"),
    ("Okay.", "am_onyx", "af_sky"),
    ("/hˈmː/", "af_kore", "bm_lewis"),
    ("I see.", "af_bella", "am_michael"),
    ("Oh, wow.", "am_adam", "bf_emma"),
    ("Yeah, yeah.", "af_heart", "am_puck"),
    ("Oh, okay.", "bm_george", "af_nova"),
]
"""As the interruptions; between slashes stand Kokoro's phonemes, for what no spelling says."""
LAUGHS = [
    ("/hˈəhəhəhə/", "am_onyx", "am_puck"),
    ("/hˈɑhɑhɑ/", "af_kore", "bf_emma"),
]
SENTENCE_STARTS = [("1034-121119", "1081-125237"), ("118-121721", "1246-124548"), ("1447-130550", "1502-122615")]
"""LibriSpeech utterances by people, of which the first 1.6 s are taken."""
SNEEZES = [("1-54505-A", "1-59324-A"), ("2-119102-A", "3-142601-A"), ("2-130978-A", "3-144692-A")]
BARKS = [("1-100032-A", "3-144028-A")]
"""ESC-10 recordings, those that are CC0."""
KEYBOARDS = [("alpaca", "gateron-black-ink"), ("mx-blue", "holy-panda")]


@dataclass
class Clip:
    """A sound to store; `kind` is "interruption", "backchannel" or "noise"."""

    kind: str
    what: str
    source: str
    samples: Samples


class Voices:
    """The synthesis voices by their names above."""

    def __init__(self, starting: Path) -> None:
        points = StartingPoints(starting)
        self.piper = PiperVoice(points)
        self.spelled, self.phonemes = Kokoro(points), Kokoro(points)
        self.phonemes.phonemizers = dict.fromkeys("ab", lambda text: (text, None))

    def speak(self, words: str, name: str) -> Samples:
        """Samples [n] at 16 kHz."""
        if name == "piper":
            said = self.piper.speak(words)
        elif name.startswith("flite"):
            said = CommandVoice("flite", name.split()[1]).speak(words)
        else:
            kokoro = self.phonemes if words.startswith("/") else self.spelled
            said = KokoroVoice(kokoro, name).speak(words.strip("/"))
        return resample(said, SYNTHESIS_RATE, RATE)


def shaped(noise: Samples, low: float, high: float) -> Samples:
    """Noise [n] with nothing under `low` and over `high` Hz."""
    spectrum = np.fft.rfft(noise)
    frequencies = np.fft.rfftfreq(len(noise), 1 / RATE)
    spectrum[(frequencies < low) | (frequencies > high)] = 0
    return np.fft.irfft(spectrum, len(noise)).astype(np.float32)


def cough(random: np.random.Generator) -> Samples:
    """A cough's three phases: a burst, a hiss that fades, and now and then a voiced end."""
    times = np.arange(round(0.4 * RATE)) / RATE
    noise = shaped(random.standard_normal(len(times)).astype(np.float32), 300, random.uniform(3000, 5000))
    envelope = np.exp(-times / 0.03) + 0.35 * np.exp(-times / 0.12)
    pitch = random.uniform(150, 350)
    buzz = np.sign(np.sin(2 * np.pi * pitch * times)) * np.exp(-(((times - 0.25) / 0.05) ** 2))
    voiced = 0.3 * random.integers(0, 2) * shaped(buzz.astype(np.float32), 200, 2500)
    return np.asarray((noise * envelope + voiced)[: round(random.uniform(0.25, 0.4) * RATE)], np.float32)


def coughs(random: np.random.Generator) -> Samples:
    """One to three coughs."""
    gap = np.zeros(round(random.uniform(0.05, 0.2) * RATE), np.float32)
    return np.concatenate([part for _ in range(random.integers(1, 4)) for part in (cough(random), gap)])


def knocks(random: np.random.Generator) -> Samples:
    """Knuckles on a door: some modes of wood that ring for a few hundredths of a second."""
    times = np.arange(round(0.22 * RATE)) / RATE
    modes = random.uniform(90, 900, 6)
    ring = sum(np.sin(2 * np.pi * mode * times) * np.exp(-times * (25 + mode / 8)) for mode in modes)
    click = random.standard_normal(len(times)) * np.exp(-times / 0.002)
    return np.tile(np.asarray(ring + click, np.float32), int(random.integers(2, 5)))


def typing(folder: Path, random: np.random.Generator) -> Samples:
    """Somebody types for 1.4 s on a recorded keyboard."""
    keys = [read_audio(path).samples for path in sorted(folder.glob("*press_key*.mp3"))]
    sound = np.zeros(round(1.4 * RATE), np.float32)
    for start in np.cumsum(random.uniform(0.06, 0.18, 12) * RATE).astype(int):
        key = keys[random.integers(len(keys))][: max(0, len(sound) - start)]
        sound[start : start + len(key)] += key
    return sound


def levelled(samples: Samples) -> Samples:
    """Without silence at its ends, its loudest tenth of a second at `SPEECH_DB`, and 50 ms of silence around."""
    sound = trim(samples, RATE, ENDS)
    window = min(len(sound), RATE // 10)
    loudest = np.convolve(sound.astype(np.float64) ** 2, np.ones(window) / window, "valid").max()
    sound = sound * np.float32(10 ** (SPEECH_DB / 20) / np.sqrt(loudest))
    return np.pad(np.clip(sound, -0.99, 0.99), RATE // 20).astype(np.float32)


def first_sound(path: Path, seconds: float) -> Samples:
    """The first event in a recording, at most so long."""
    sound = read_audio(path).samples
    start, end = find_sound(sound, RATE, ENDS)[0]
    return sound[start : min(end, start + round(seconds * RATE))]


def clips(half: int, voices: Voices, data: Path, keyboards: Path) -> Iterator[Clip]:
    """One half's clips; 0 is `tune`, 1 is `report`."""
    random = np.random.default_rng(half)

    def spoken(kind: str, table: list[tuple[str, str, str]]) -> Iterator[Clip]:
        for words, *names in table:
            yield Clip(kind, words, names[half], voices.speak(words, names[half]))

    yield from spoken("interruption", INTERRUPTIONS)
    for names in SENTENCE_STARTS:
        path = data / "librispeech-251" / f"{names[half]}-0000.flac"
        yield Clip("interruption", "start of a sentence", f"LibriSpeech {names[half]}", first_sound(path, 1.6))
    yield from spoken("backchannel", BACKCHANNELS)
    yield from spoken("noise", LAUGHS)
    for folder, table in (("person_sneeze", SNEEZES), ("dog_bark", BARKS)):
        for pair in table:
            sound = first_sound(data / "esc10" / folder / f"{pair[half]}.ogg", 1.6)
            yield Clip("noise", folder.replace("_", " "), f"ESC-10 {pair[half]}", sound)
    for pair in KEYBOARDS:
        sound = typing(keyboards / "keyboardsounds" / "profiles" / pair[half], random)
        yield Clip("noise", "typing", f"keyboardsounds {pair[half]}", sound)
    made: list[tuple[str, Callable[[np.random.Generator], Samples], int]] = [("cough", coughs, 3), ("knock", knocks, 1)]
    for name, make, count in made:
        for _ in range(count):
            yield Clip("noise", name, "made of noise", make(random))


def main(starting: Path, data: Path, keyboards: Path) -> None:
    """Write the clips and their table."""
    voices = Voices(starting)
    lines = ["file\thalf\tkind\twhat\tsource"]
    for number, half in enumerate(("tune", "report")):
        for place, clip in enumerate(clips(number, voices, data, keyboards)):
            name = f"{half}-{place:02}.opus"
            soundfile.write(CLIPS / name, levelled(clip.samples), RATE, format="OGG", subtype="OPUS")
            lines.append(f"{name}\t{half}\t{clip.kind}\t{clip.what}\t{clip.source}")
    (CLIPS / "clips.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
