"""Byte-level BPE with a model's special tokens: text to ids, ids to text, whole or streamed.

A thin layer over the `tokenizers` library. Nothing is added around the text (these models use no BOS token, reference
facts 4.1), text from outside can be kept from forming special tokens, and decoding goes through bytes, so that a
stream gives exactly the characters that decoding at once gives. Building a tokenizer from other files is the
business of `checkpoints`.
"""

import codecs
import hashlib
import re
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path

import tokenizers

from stepwave.facts.errors import TextError, TokenizerError
from stepwave.facts.tokens import SpecialTokens

FILE_NAME = "tokenizer.json"
_RESERVED = re.compile(r"<reserved_\d+>")
_PROBE = "A b\n\u00e9\u6c34"


def _byte_alphabet() -> dict[str, int]:
    """The characters by which byte-level BPE writes bytes: printable Latin-1 as itself, the rest from U+0100 on."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    letters = {chr(byte): byte for byte in printable}
    return letters | {chr(0x100 + index): byte for index, byte in enumerate(others)}


_BYTE_OF = _byte_alphabet()


class Tokenizer:
    """Text to ids and back for one model; safe to share between threads once built.

    `source` is a `tokenizer.json`, a folder that holds one, or a tokenizer of the library. The special-token table is
    looked up by string unless `special` gives it; `known` and `reserved` are handed to `SpecialTokens.look_up`, the
    latter with every token called `<reserved_ID>`.
    Raises TokenizerError if the file is missing or damaged, lacks a special token, or is not byte-level BPE.
    """

    def __init__(
        self,
        source: str | Path | tokenizers.Tokenizer,
        special: SpecialTokens | None = None,
        *,
        known: Mapping[str, int | None] | None = None,
        reserved: tuple[int, ...] = (),
    ) -> None:
        self._library = source if isinstance(source, tokenizers.Tokenizer) else _read(Path(source))
        self._added = self._library.get_added_tokens_decoder()
        unnamed = {token for token, added in self._added.items() if _RESERVED.fullmatch(added.content)}
        self.special = special or SpecialTokens.look_up(self.token_id, known, tuple(sorted(unnamed.union(reserved))))
        tool_marks = {self.special.tool_call_start, self.special.tool_call_end}
        self._hidden = {token for token, added in self._added.items() if added.special} - tool_marks
        self._bytes: dict[int, bytes] = {}
        try:
            survived = self.decode(self.encode(_PROBE)) == _PROBE
        except TokenizerError:
            survived = False
        if not survived:
            raise TokenizerError(
                "the tokenizer does not give text back byte for byte; wanted byte-level BPE "
                "(as of Qwen2 or SmolLM2): use the tokenizer stored with the model"
            )

    @property
    def vocab_size(self) -> int:
        """Number of ids the tokenizer knows, added tokens included (an embedding table may be longer)."""
        return int(self._library.get_vocab_size(with_added_tokens=True))

    @cached_property
    def digest(self) -> str:
        """A short text that differs wherever a vocabulary does."""
        return hashlib.sha256(self._library.to_str().encode()).hexdigest()[:16]

    def token_id(self, string: str) -> int | None:
        """Id of exactly this token string, or None."""
        return self._library.token_to_id(string)

    def token_string(self, token: int) -> str | None:
        """String of an id as the vocabulary writes it, or None for an id it does not know."""
        return self._library.id_to_token(token)

    def encode(self, text: str, *, parse_special: bool = True) -> list[int]:
        """Ids of `text`, nothing added before or after.

        With `parse_special` the strings of special tokens become those tokens. Without, every character is ordinary
        text, whatever it spells: use this for what comes from users, tools and the web.
        Raises TextError for text that is not valid Unicode (half a surrogate pair).
        """
        try:
            text.encode("utf-8")
        except UnicodeEncodeError as error:
            raise TextError(
                f"got text with half a surrogate pair at character {error.start}; wanted valid Unicode: "
                "decode it with errors='replace'"
            ) from error
        if parse_special:
            return self._ids(text)
        ids: list[int] = []
        start = 0
        for match in self._added_pattern.finditer(text):
            ids += self._ids(text[start : match.end()])
            start = match.end()
        return ids + self._ids(text[start:])

    def decode(self, ids: Iterable[int], *, show_special: bool = False) -> str:
        """Text of `ids`; bytes that form no character become U+FFFD, ids outside the vocabulary become nothing.

        Without `show_special` only text is given: speech, padding and marks are left out, tool-call marks stay.
        """
        data = b"".join(self.token_bytes(token) for token in ids if show_special or self.is_shown(token))
        return data.decode("utf-8", errors="replace")

    def stream(self) -> "TextStream":
        """Return a decoder for ids that arrive one by one."""
        return TextStream(self)

    def is_shown(self, token: int) -> bool:
        """Whether decoding shows the id: ordinary text and tool-call marks."""
        return self.special.is_text(token) and token not in self._hidden

    def token_bytes(self, token: int) -> bytes:
        """UTF-8 bytes that the id stands for, possibly a part of a character; empty for unknown ids."""
        if token not in self._bytes:
            self._bytes[token] = self._spell(token)
        return self._bytes[token]

    def _ids(self, text: str) -> list[int]:
        ids: list[int] = self._library.encode(text, add_special_tokens=False).ids
        return ids

    def _spell(self, token: int) -> bytes:
        if token in self._added:
            return self._added[token].content.encode("utf-8")
        string = self.token_string(token) if token >= 0 else None
        try:
            return bytes(_BYTE_OF[letter] for letter in string or "")
        except KeyError as error:
            raise TokenizerError(
                f"token {token} is written {string!r}, which is not byte-level BPE: "
                "use the tokenizer stored with the model"
            ) from error

    @cached_property
    def _added_pattern(self) -> re.Pattern[str]:
        """Matches the first character of every added token's string; cutting after it keeps the token from forming."""
        strings = [added.content for added in self._added.values()]
        plain = sorted({string for string in strings if not re.fullmatch(r"<audio_\d+>", string)})
        # Thousands of speech tokens share one shape; as single alternatives they would make the search slow.
        rests = [(string[0], string[1:]) for string in plain] + [("<", None)]
        return re.compile("|".join(_first_letter(first, rest) for first, rest in rests))


class TextStream:
    """Decodes ids as they arrive and holds back the bytes of an unfinished character.

    Joining what `push` and one final `finish` return equals `Tokenizer.decode` of all ids.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._characters = codecs.getincrementaldecoder("utf-8")(errors="replace")

    def push(self, *ids: int) -> str:
        """Return the characters that these ids complete, often none."""
        shown = (token for token in ids if self._tokenizer.is_shown(token))
        return self._characters.decode(b"".join(map(self._tokenizer.token_bytes, shown)))

    def finish(self) -> str:
        """Return what is still held back (U+FFFD for an unfinished character) and start afresh."""
        rest = self._characters.decode(b"", final=True)
        self._characters.reset()
        return rest


def _first_letter(first: str, rest: str | None) -> str:
    return f"{re.escape(first)}(?={re.escape(rest) if rest is not None else r'audio_[0-9]+>'})"


def _read(path: Path) -> tokenizers.Tokenizer:
    file = path / FILE_NAME if path.is_dir() else path
    if not file.is_file():
        raise TokenizerError(f"there is no tokenizer at {file}; wanted a {FILE_NAME} file, or a folder that holds one")
    try:
        return tokenizers.Tokenizer.from_file(str(file))
    except Exception as error:  # the library raises nothing narrower
        raise TokenizerError(
            f"{file} cannot be read as a tokenizer ({error}); it is damaged or of another kind: copy it again"
        ) from error
