"""Questions and answers to listen to: embedded in the page as Opus, or linked where they lie.

What can't be played is said to be missing, with the reason. Nothing outside a run's folder is taken for an answer, and
a link is only ever a path.
"""

import base64
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, TypeAlias
from urllib.parse import quote

from stepwave.evaluation.items import Sound
from stepwave.evaluation.recordings import read_sound
from stepwave.facts.errors import AudioError
from stepwave.facts.rates import OUTPUT_SAMPLE_RATE
from stepwave.prepare.pipeline.parts import encode
from stepwave.prepare.pipeline.steps import Sound as Encodable
from stepwave.prepare.show.markup import NOTHING, Html, escaped

Way: TypeAlias = Literal["auto", "embed", "link", "none"]
"""auto: embedded up to a bound for the page, then linked; embed, link: all of them; none: no players."""

WAYS: Final[tuple[Way, ...]] = ("auto", "embed", "link", "none")
EMBEDDED_BYTES: Final = 8_000_000
"""What embedded sounds may take of a page, as they stand in it, where they are embedded by `auto`."""
LONGEST_SECONDS: Final = 120.0
"""A longer sound is linked, or cut at this where it has to be embedded."""
_SUFFIXES: Final = frozenset({".wav", ".flac", ".ogg", ".opus", ".mp3"})


@dataclass
class Sounds:
    """Makes the players of a page that will lie in `folder`, and counts what became of them."""

    folder: Path
    way: Way
    limit: int = EMBEDDED_BYTES
    embedded: int = field(default=0, init=False)
    linked: int = field(default=0, init=False)
    missing: int = field(default=0, init=False)
    _bytes: int = field(default=0, init=False)

    def question(self, sound: Sound, described: str) -> Html:
        """What a model was asked with; it may lie anywhere."""
        return self._player(sound, described)

    def answer(self, run: Path, relative: str, described: str) -> Html:
        """What a model said; it lies in the run's folder."""
        path = run / relative
        if not path.resolve().is_relative_to(run.resolve()):
            return self._missing(f"{relative} is outside the run's folder")
        return self._player(Sound(str(path)), described)

    def _player(self, sound: Sound, described: str) -> Html:
        if self.way == "none":
            return NOTHING
        path = Path(sound.path)
        if not path.is_file() or not (sound.size or path.suffix.lower() in _SUFFIXES):
            return self._missing(f"{path} is not there")
        try:
            source = self._embedded(sound)
        except (AudioError, OSError) as error:
            return self._missing(str(error))
        if source is not None:
            self.embedded += 1
        elif sound.size:
            return self._missing(f"{path} holds several recordings, none of which can be linked")
        else:
            self.linked += 1
            source = quote(os.path.relpath(path.resolve(), self.folder.resolve()).replace(os.sep, "/"))
            source += f"#t={sound.start:g},{sound.start + sound.seconds:g}" if sound.seconds else ""
        return Html(
            f'<audio controls preload="none" src="{escaped(source)}" aria-label="{escaped(described, 200)}"></audio>'
        )

    def _embedded(self, sound: Sound) -> str | None:
        """A data URI; None for a sound that shall be linked."""
        if self.way == "link" or (self.way == "auto" and self._bytes >= self.limit):
            return None
        wanted, longest = read_sound(sound, OUTPUT_SAMPLE_RATE), round(LONGEST_SECONDS * OUTPUT_SAMPLE_RATE)
        if len(wanted) > longest and self.way == "auto":
            return None
        whole = not (sound.size or sound.start or sound.seconds)
        if whole and sound.path.lower().endswith(".opus") and len(wanted) <= longest:
            encoded = Path(sound.path).read_bytes()  # it was just read as sound, and encoding again takes a while
        else:
            encoded = encode(Encodable(wanted[:longest], OUTPUT_SAMPLE_RATE), "opus")
        uri = f"data:audio/ogg;base64,{base64.b64encode(encoded).decode('ascii')}"
        if self.way == "auto" and self._bytes + len(uri) > self.limit:
            return None
        self._bytes += len(uri)
        return uri

    def _missing(self, reason: str) -> Html:
        self.missing += 1
        return Html(f'<p class="missing">No sound: {escaped(reason, 300)}</p>')
