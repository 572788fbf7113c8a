"""The tokenizer of a released checkpoint: its `tokenizer.json`, or the older set of files it may come as.

Qwen2's older files are `vocab.json`, `merges.txt` and the added tokens in `tokenizer_config.json` or
`added_tokens.json` (reference facts 4.1). Encoding and decoding are `text.tokenizer`'s work.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

from stepwave.checkpoints.config_files import read_json
from stepwave.facts.errors import CheckpointIncompleteError, CheckpointNotFoundError, TokenizerError

OLDER_FILES: Final = ("vocab.json", "merges.txt")
_WORDS: Final = (  # Qwen2's pieces: contractions, words with one mark before them, single digits, marks, white space
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def read_released_tokenizer(folder: Path) -> Tokenizer:
    """Read or build the tokenizer of a released folder.

    Raises:
        CheckpointNotFoundError: the folder has neither form.
        CheckpointIncompleteError: a file is damaged.
        TokenizerError: the added tokens do not follow the vocabulary.
    """
    whole = folder / "tokenizer.json"
    if whole.is_file():
        try:
            return Tokenizer.from_file(str(whole))
        except Exception as error:  # the library raises nothing narrower
            raise CheckpointIncompleteError(f"{whole} can't be read as a tokenizer ({error}); fetch it again") from None
    missing = [name for name in OLDER_FILES if not (folder / name).is_file()]
    if missing:
        raise CheckpointNotFoundError(f"{folder} has no tokenizer: neither tokenizer.json nor {' and '.join(missing)}")
    lines = (folder / OLDER_FILES[1]).read_text(encoding="utf-8").splitlines()
    try:
        pairs = [line.split(" ") for line in lines if line and not line.startswith("#version")]
        merges = [(left, right) for left, right in pairs]
    except ValueError:
        file = folder / OLDER_FILES[1]
        raise CheckpointIncompleteError(f"{file} has lines that are no pairs; fetch it again") from None
    tokenizer = Tokenizer(models.BPE(vocab=read_json(folder / OLDER_FILES[0]), merges=merges))
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_WORDS), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    for token_id, token in sorted(_added_tokens(folder).items()):
        tokenizer.add_tokens([token])
        came = tokenizer.token_to_id(token.content)
        if came != token_id:
            raise TokenizerError(
                f"{folder}: {token.content} is to have the id {token_id}, but gets {came}: "
                "ids before it are missing; fetch tokenizer_config.json again"
            )
    return tokenizer


def _added_tokens(folder: Path) -> dict[int, AddedToken]:
    settings, older = folder / "tokenizer_config.json", folder / "added_tokens.json"
    records: dict[str, Any] = read_json(settings).get("added_tokens_decoder", {}) if settings.is_file() else {}
    if records:
        return {
            int(token_id): AddedToken(
                record["content"],
                special=record.get("special", False),
                normalized=record.get("normalized", False),
                lstrip=record.get("lstrip", False),
                rstrip=record.get("rstrip", False),
                single_word=record.get("single_word", False),
            )
            for token_id, record in records.items()
        }
    plain = read_json(older) if older.is_file() else {}
    return {token_id: AddedToken(content, special=True, normalized=False) for content, token_id in plain.items()}
