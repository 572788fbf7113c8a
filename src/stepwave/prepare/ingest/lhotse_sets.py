"""Corpora by way of Lhotse: what `lhotse prepare` wrote for any of its hundred corpora, or a recipe run on a folder.

A recipe lists what lies on disk; it is never asked to download. Most recipes open every recording to do so, and stop
at the first that is damaged; that is why the readers of published layouts come first.
"""

import contextlib
import importlib
import inspect
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from stepwave.data.languages import language_code
from stepwave.facts.errors import DataError, MissingExtraError, short_reason
from stepwave.prepare.ingest.entries import Entry, LayoutError, Place, gender, known


def prepared(place: Place) -> Iterator[Entry]:
    """A folder of Lhotse's manifests: pairs of *recordings*.jsonl(.gz) and *supervisions*.jsonl(.gz), each a part."""
    lhotse = _lhotse()
    pairs = {
        path.name.replace("_supervisions", "").split(".jsonl")[0]: path
        for path in sorted(place.folder.rglob("*supervisions*.jsonl*"))
    }
    for part in place.parts(list(pairs)):
        said = pairs[part]
        heard = said.with_name(said.name.replace("supervisions", "recordings"))
        if not heard.is_file():
            raise LayoutError(f"{said.name} has no {heard.name} beside it")
        recordings = {each.id: each for each in lhotse.RecordingSet.from_file(heard)}
        yield from _entries(recordings, lhotse.SupervisionSet.from_file(said), part, place, "")


def by_recipe(recipe: str, place: Place, language: str) -> Iterator[Entry]:
    """What Lhotse's recipe finds in a folder; `language` is that of a corpus with one.

    Raises DataError with what the recipe says where it fails, MissingExtraError without Lhotse.
    """
    _lhotse()
    module = importlib.import_module(f"lhotse.recipes.{recipe}")
    prepare = getattr(module, f"prepare_{recipe}")
    wishes = {"dataset_parts": place.splits, "splits": place.splits, "languages": place.languages}
    understood = inspect.signature(prepare).parameters
    with tempfile.TemporaryDirectory() as written, contextlib.redirect_stdout(sys.stderr):
        try:
            sets = prepare(
                corpus_dir=place.folder,
                output_dir=Path(written),
                **{name: list(value) for name, value in wishes.items() if value and name in understood},
            )
            # Some recipes hand out sets that read on from the files they wrote, which are gone after this.
            found = [(part, list(recordings), list(said)) for part, recordings, said in _pairs(sets, ())]
        except ImportError as problem:
            raise MissingExtraError("prepare", problem.name or str(problem)) from None
        except Exception as problem:
            raise DataError(
                f"Lhotse's recipe {recipe} fails on {place.folder}: {short_reason(problem)}; leave out --way lhotse"
            ) from problem
    for part, recordings, said in sorted(found, key=lambda each: each[0]):
        yield from _entries({each.id: each for each in recordings}, said, part, place, language)


def _pairs(sets: Mapping[str, Any], names: tuple[str, ...]) -> Iterator[tuple[str, Any, Any]]:
    """Recipes nest their sets by part, by language and part, or not at all."""
    if "supervisions" in sets:
        # By language and part: the language stands with each utterance.
        yield (names or ("train",))[-1], sets["recordings"], sets["supervisions"]
        return
    for name, inner in sets.items():
        yield from _pairs(inner, (*names, str(name)))


def _entries(
    recordings: Mapping[str, Any], supervisions: Any, part: str, place: Place, language: str
) -> Iterator[Entry]:
    positions: dict[str, int] = {}
    tongues = {code for name in place.languages for code in (name, language_code(name))}
    for said in sorted(supervisions, key=lambda each: (each.recording_id, each.start, each.id)):
        recording = recordings.get(said.recording_id)
        if recording is None:
            yield Entry(said.id, "", text=said.text or "", part=part, problem=f"no recording {said.recording_id}")
            continue
        code = language_code(said.language or "")
        # Where a recipe names a dialect instead of a language, that is the accent.
        accent = "" if code or not said.language else said.language
        if tongues and (code or language) not in tongues:
            continue
        source = recording.sources[0]
        whole = said.start <= 0 and said.duration >= recording.duration - 0.01
        positions[recording.id] = positions.get(recording.id, -1) + 1
        custom = {name: value for name, value in (said.custom or {}).items() if isinstance(value, str | int | float)}
        yield Entry(
            said.id,
            str(source.source) if source.type == "file" else "",
            text=said.text or "",
            language=code or language,
            speaker=said.speaker or "",
            part=part,
            start=0.0 if whole else round(said.start, 4),
            seconds=0.0 if whole else round(said.duration, 4),
            recording="" if whole else recording.id,
            position=None if whole else positions[recording.id],
            attributes=known(gender=gender(said.gender or ""), accent=accent, **custom),
        )


def _lhotse() -> ModuleType:
    try:
        return importlib.import_module("lhotse")
    except ImportError:
        raise MissingExtraError("prepare", "lhotse") from None
