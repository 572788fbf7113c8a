"""Piper's VITS voice `joe` (CC0) through ONNX Runtime, with espeak-ng phonemes."""

import json

import numpy as np

from stepwave.facts.errors import MissingExtraError
from stepwave.prepare.engines.contract import SYNTHESIS_RATE, Samples, trim
from stepwave.prepare.starting_points import StartingPoints
from stepwave.signal.resample import resample


class PiperVoice:
    """Piper's VITS voice `joe` (CC0) through ONNX Runtime, with espeak-ng phonemes.

    `even` takes the chance out of its durations and half of it out of its sound: the same words then nearly always
    sound the same, which is what a small model can learn to say.
    """

    def __init__(self, points: StartingPoints, threads: int = 1, *, even: bool = False, seed: int = 0) -> None:
        self.points, self.threads, self.even = points, threads, even
        try:
            import misaki.espeak  # noqa: F401  (points phonemizer to the bundled espeak-ng library)
            import onnxruntime  # noqa: F401  (asked for here, so that a missing one is told at once)
            from phonemizer.backend import EspeakBackend
        except ImportError:
            raise MissingExtraError("train") from None
        self.config = json.loads((points.piper / "joe.onnx.json").read_text())
        self.phonemizer = EspeakBackend("en-us", preserve_punctuation=True, with_stress=True)

        self.begin(seed)

    def begin(self, seed: int) -> None:
        """Start the voice's chance anew: the same sentences in the same order then sound the same."""
        import onnxruntime

        # A session's random numbers follow from this seed at the moment it is made, and cannot be set later.
        onnxruntime.set_seed(seed)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self.threads
        model = str(self.points.piper / "joe.onnx")
        self.session = onnxruntime.InferenceSession(model, options, ["CPUExecutionProvider"])

    def speak(self, text: str, speed: float = 1.0) -> Samples:
        """See `Voice.speak`."""
        table: dict[str, list[int]] = self.config["phoneme_id_map"]
        ids = [*table["^"], *table["_"]]
        for symbol in self.phonemizer.phonemize([text])[0].strip():
            if symbol in table:
                ids += [*table[symbol], *table["_"]]
        ids += table["$"]
        inference = self.config["inference"]
        sound, durations = inference["noise_scale"], inference["noise_w"]
        if self.even:
            sound, durations = sound / 2, 0.0
        scales = np.array([sound, inference["length_scale"] / speed, durations], dtype=np.float32)
        samples = self.session.run(
            None,
            {
                "input": np.array([ids], dtype=np.int64),
                "input_lengths": np.array([len(ids)], dtype=np.int64),
                "scales": scales,
            },
        )[0]
        rate = int(self.config["audio"]["sample_rate"])
        return trim(resample(np.asarray(samples, np.float32).ravel(), rate, SYNTHESIS_RATE))
