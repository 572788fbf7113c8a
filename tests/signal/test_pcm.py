import numpy as np

from stepwave.signal.pcm import decode_pcm16, encode_pcm16, to_int16


def test_every_16_bit_sample_comes_back_as_it_was() -> None:
    every = np.arange(-32_768, 32_768, dtype="<i2").tobytes()
    assert encode_pcm16(decode_pcm16(every)) == every


def test_louder_than_full_scale_is_clipped_and_does_not_wrap() -> None:
    loud = np.array([2.0, -2.0, 1.0, -1.0, 0.0, 0.5], dtype=np.float32)
    assert to_int16(loud).tolist() == [32767, -32768, 32767, -32768, 0, 16384]
