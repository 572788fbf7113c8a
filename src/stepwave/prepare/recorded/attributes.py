"""Names of what these steps write to `Clip.attributes`, so that each is spelled in one place."""

from collections.abc import Mapping
from typing import Any, Final

TRANSCRIBER: Final = "transcriber"
"""Who wrote the turn's text, where a machine did."""
HEARD: Final = "heard"
"""What somebody else heard: the check of a text that was there before."""
LISTENER: Final = "listener"
"""Who heard it."""
ERROR: Final = "error"
"""Share of words (or characters) in which `heard` differs from the text; 0.1 is one in ten."""
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

MEASURED: Final = (TRANSCRIBER, HEARD, LISTENER, ERROR, LOUDNESS, CLIPPED, NOISE, PACE, FINGERPRINT)


def unmeasured(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """What stays true of a part of the sound: everything that these steps did not measure on the whole."""
    return {name: value for name, value in attributes.items() if name not in MEASURED}
