"""Fingerprints: the same sound is known again however it is encoded, another one never."""

import io

import numpy as np
import pytest
import soundfile
from recorded_material import RATE, babble, silence

from stepwave.prepare.recorded.fingerprints import BITS, NEAR, Known, fingerprint
from stepwave.signal.resample import resample


def encoded(samples: np.ndarray, form: str, subtype: str, rate: int = RATE) -> np.ndarray:
    file = io.BytesIO()
    soundfile.write(file, resample(samples, RATE, rate), rate, subtype, format=form)
    file.seek(0)
    decoded, found = soundfile.read(file, dtype="float32")
    return resample(decoded, found, RATE)


def noisy(samples: np.ndarray) -> np.ndarray:
    noise = np.random.default_rng(3).standard_normal(len(samples)).astype(np.float32)
    return samples + 0.03 * float(np.sqrt(np.mean(samples**2))) * noise


SPEECH = np.concatenate((silence(0.3), babble(2.5, 4), silence(0.4), babble(1.0, 5), silence(0.2)))
COPIES = {
    "opus": lambda: encoded(SPEECH, "OGG", "OPUS"),
    "mp3": lambda: encoded(SPEECH, "MP3", "MPEG_LAYER_III"),
    "mu-law at 8 kHz": lambda: encoded(SPEECH, "WAV", "ULAW", 8_000),
    "44.1 kHz": lambda: encoded(SPEECH, "FLAC", "PCM_16", 44_100),
    "quieter": lambda: 0.05 * SPEECH,
    "more silence": lambda: np.concatenate((silence(1.0), SPEECH, silence(0.7))),
    "some noise": lambda: noisy(SPEECH),
}


@pytest.mark.parametrize("copy", COPIES)
def test_a_copy_is_known_again(copy: str) -> None:
    known = Known()
    assert not known.seen(fingerprint(SPEECH))
    assert known.seen(fingerprint(COPIES[copy]()))


def test_other_sounds_are_not_taken_for_known() -> None:
    known = Known()
    assert not any(known.seen(fingerprint(babble(1.5, seed))) for seed in range(40))
    assert all(known.seen(fingerprint(babble(1.5, seed))) for seed in range(0, 40, 10))
    assert not known.seen(fingerprint(SPEECH[: len(SPEECH) // 2]))


def test_lengths_at_the_edge_of_a_bucket_are_found() -> None:
    bits = "00" * (BITS // 8)
    for milliseconds in (999, 1_000, 1_001, 1_249, 1_250):
        known = Known()
        assert not known.seen(f"{milliseconds}-{bits}")
        assert known.seen(f"{milliseconds + 40}-{bits}")
        assert known.seen(f"{milliseconds - 40}-{bits}")
        assert not known.seen(f"{milliseconds + 200}-{bits}")


def test_bits_may_differ_up_to_the_limit() -> None:
    original = np.random.default_rng(0).integers(0, 2, BITS)
    most = int(NEAR * BITS)
    for flipped, same in ((most + 1, False), (most, True)):
        copy = original.copy()
        copy[:flipped] ^= 1
        known = Known()
        assert not known.seen(f"1000-{np.packbits(original).tobytes().hex()}")
        assert known.seen(f"1000-{np.packbits(copy).tobytes().hex()}") is same


def test_silence_has_no_fingerprint_and_is_never_known() -> None:
    assert fingerprint(np.zeros(RATE, np.float32)) == fingerprint(babble(0.05)) == ""
    known = Known()
    assert not known.seen("")
    assert not known.seen("")
