"""Items of the corpora that `prepare.ingest` reads: LibriSpeech, Common Voice, FLEURS, AISHELL, CoVoST 2, folders.

Corpora are listed from their own lists; no recording is opened, and one that is missing fails its item alone.
"""

from collections.abc import Sequence
from pathlib import Path

from stepwave.evaluation.items import Item, Sound
from stepwave.facts.errors import ConfigError
from stepwave.prepare.ingest.corpora import CORPORA
from stepwave.prepare.ingest.entries import Entry, LayoutError, Place


def corpus_items(
    name: str, folder: Path, parts: Sequence[str] = (), languages: Sequence[str] = (), sounds: Path | None = None
) -> list[Item]:
    """Items of a corpus (one of `CORPORA`) that lies in `folder`, of some of its parts and languages or of all.

    The words are the item's text, a translation is its reference; tags are `part`, and `gender` and the like where the
    corpus tells them. Utterances without words, or that the corpus itself calls unusable, are left out.

    Raises ConfigError where the folder does not hold the corpus, DataError where its lists can't be used.
    """
    corpus = CORPORA[name]
    place = Place(folder, tuple(parts), tuple(languages), sounds)
    try:
        entries = list(corpus.read(place)) if folder.is_dir() else None
    except LayoutError as error:
        raise ConfigError(f"{folder} is not {corpus.title}: {error}; wanted {corpus.layout}") from error
    if entries is None:
        raise ConfigError(
            f"there is no {folder}; get {corpus.title} from {corpus.home} and unpack it there ({corpus.layout}), "
            "or name the folder around it with --data"
        )
    return [item_of(entry) for entry in entries if not entry.problem and (entry.text or entry.answer)]


def item_of(entry: Entry) -> Item:
    """An utterance as an item."""
    told = {key: str(value) for key, value in entry.attributes.items() if isinstance(value, str | int) and value != ""}
    return Item(
        entry.name,
        entry.text,
        Sound(entry.file, start=entry.start, seconds=entry.seconds),
        references=() if entry.answer is None else (entry.answer.text,),
        language=entry.language or "en",
        answer_language="" if entry.answer is None else entry.answer.language,
        tags={**told, "part": entry.part},
    )
