"""Names of what these steps write to `Clip.attributes`, so that each is spelled in one place."""

from collections.abc import Mapping
from typing import Any, Final

from stepwave.data.records import ERRORS, HEARD, WORDS

TRANSCRIBER: Final = "transcriber"
"""Who wrote the turn's text, where a machine did."""
LISTENER: Final = "listener"
"""Who heard it."""
LOUDNESS: Final = "loudness_lufs"
"""Integrated loudness."""
CLIPPED: Final = "clipped"
"""Share of samples at full scale."""
NOISE: Final = "snr_db"
"""Estimated ratio of speech to background."""
PACE: Final = "pace"
"""Words per second, or characters where the script has no spaces."""
FINGERPRINT: Final = "fingerprint"
"""What stays the same when the sound is encoded again."""

MEASURED: Final = (TRANSCRIBER, HEARD, LISTENER, ERRORS, WORDS, LOUDNESS, CLIPPED, NOISE, PACE, FINGERPRINT)


def unmeasured(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """What stays true of a part of the sound: everything that these steps did not measure on the whole."""
    return {name: value for name, value in attributes.items() if name not in MEASURED}
