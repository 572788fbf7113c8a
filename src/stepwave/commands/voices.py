"""`stepwave voices`: a library of recorded voices: adding, importing, searching, playing, exporting."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from stepwave.commands.console import Steps, complain, print_json, printable, tell
from stepwave.facts.errors import DataError

if TYPE_CHECKING:
    from stepwave.tools.voices.entries import VoiceEntry
    from stepwave.tools.voices.library import VoiceLibrary
    from stepwave.tools.voices.search import FoundVoice

app = typer.Typer(no_args_is_help=True, help="Keep a library of voices, and find the one that fits.")

Library: TypeAlias = Annotated[
    Path | None, typer.Option("--library", metavar="FOLDER", help="The library; by default one of your own.")
]
Store: TypeAlias = Annotated[
    str | None,
    typer.Option("--store", metavar="ADDRESS", help="postgresql://... where the entries are in a database."),
]
Language: TypeAlias = Annotated[str, typer.Option("--language", metavar="CODE", help="As en or zh.")]
Gender: TypeAlias = Annotated[str, typer.Option("--gender", help="As female or male.")]
Emotion: TypeAlias = Annotated[str, typer.Option("--emotion", help="As calm or happy.")]
Style: TypeAlias = Annotated[str, typer.Option("--style", help="As storytelling or news.")]
Json: TypeAlias = Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")]


@app.command()
def add(
    clip: Annotated[Path, typer.Argument(metavar="FILE", help="1 to 30 s of one voice: wav, flac, ogg, opus or mp3.")],
    name: Annotated[str | None, typer.Option("--name", help="What to call it; the file's name by default.")] = None,
    description: Annotated[str, typer.Option("--description", help="What it is like: 'a calm old man, slow'.")] = "",
    transcript: Annotated[str, typer.Option("--transcript", help="What is said.")] = "",
    language: Language = "",
    gender: Gender = "",
    age: Annotated[str, typer.Option("--age", help="As child, young, middle-aged or old.")] = "",
    emotion: Emotion = "",
    style: Style = "",
    speaker: Annotated[str, typer.Option("--speaker", help="Whose voice it is.")] = "",
    licence: Annotated[str, typer.Option("--licence", help="Of the recording.")] = "",
    source: Annotated[str, typer.Option("--source", help="Where it comes from.")] = "",
    library: Library = None,
    store: Store = None,
) -> None:
    """Add a voice. Use recordings of people only with their consent.

    Example: stepwave voices add grandpa.wav --description "a calm elderly man, slow" --gender male
    """
    from stepwave.prepare.voices.offers import read_sound
    from stepwave.tools.voices.embedding import speaker_embedding
    from stepwave.tools.voices.library import Offer
    from stepwave.tools.voices.opening import open_library

    told = {
        "description": description, "transcript": transcript, "language": language, "gender": gender, "age": age,
        "emotion": emotion, "style": style, "speaker": speaker, "licence": licence, "source": source,
    }  # fmt: skip
    offer = Offer(clip.stem if name is None else name, lambda: read_sound(clip), told)
    with _closed(open_library(library, store, speaker_embedding())) as kept:
        entry = kept.add(offer)
        tell(f"added '{entry.name}' ({entry.seconds:.1f} s); {kept.store.count():,} voices in {kept.folder}")


@app.command("import")
def import_voices(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="MANIFEST|TABLE|FOLDER",
            help="A corpus manifest, a .tsv or .jsonl table with the column file, an exported library, or sounds.",
        ),
    ],
    root: Annotated[
        Path | None,
        typer.Option("--root", metavar="FOLDER", help="Clips must lie here; by default beside the list."),
    ] = None,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="Look at so many only.")] = None,
    library: Library = None,
    store: Store = None,
    json: Json = False,
) -> None:
    """Add many voices. Run it again to go on: clips that are in the library already are passed over.

    What cannot be used is skipped and counted. Columns of a table besides file: name, transcript, description,
    language, gender, age, emotion, style, speaker, licence, source.

    \b
    Examples:
      stepwave voices import voices.tsv
      stepwave voices import runs/corpus/manifest.jsonl --root .
    """
    import itertools

    from stepwave.prepare.voices.offers import read_offers
    from stepwave.tools.voices.embedding import speaker_embedding
    from stepwave.tools.voices.library import Imported
    from stepwave.tools.voices.opening import open_library

    offers = itertools.islice(read_offers(source, root), limit)
    report = Imported()
    with _closed(open_library(library, store, speaker_embedding())) as kept, Steps() as steps:
        steps.now("importing")
        for report in kept.import_all(offers, lambda share: steps.describe(f"indexing, {share:.0%}")):
            steps.describe(f"{report.added:,} added, {report.present:,} there, {report.skipped.total():,} skipped")
        count = kept.store.count()
    if json:
        told = {"added": report.added, "present": report.present, "skipped": dict(report.skipped)}
        print_json({**told, "examples": report.examples, "voices": count, "library": str(kept.folder)})
        return
    for example in report.examples:
        complain(f"skipped {printable(example)}")
    tell(f"{report.added:,} added, {report.present:,} were there already; {count:,} voices in {kept.folder}")
    if report.skipped:
        tell("skipped: " + ", ".join(f"{number:,} {reason}" for reason, number in report.skipped.most_common()))


@app.command("list")
def list_voices(
    language: Language = "",
    gender: Gender = "",
    emotion: Emotion = "",
    style: Style = "",
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many of each library.")] = 100,
    library: Library = None,
    store: Store = None,
    json: Json = False,
) -> None:
    """Show the voices of your library and of the one that comes with the project."""
    from stepwave.tools.voices.entries import Filters
    from stepwave.tools.voices.opening import open_libraries

    filters = Filters(language, gender, emotion, style)
    for one in open_libraries(library, store):
        with _closed(one):
            count = one.store.count(filters)
            if not json:
                tell(f"{one.folder}: {count:,} voices")
            for entry in one.store.entries(filters, limit=limit):
                print_json(_record(entry, one)) if json else tell(f"  {_line(entry)}")


@app.command()
def search(
    query: Annotated[str, typer.Argument(metavar="QUERY", help="What the voice is like, or what it says.")] = "",
    like: Annotated[Path | None, typer.Option("--like", metavar="CLIP", help="A recording of a similar voice.")] = None,
    language: Language = "",
    gender: Gender = "",
    emotion: Emotion = "",
    style: Style = "",
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many voices to show.")] = 5,
    library: Library = None,
    store: Store = None,
    json: Json = False,
) -> None:
    """Find voices by words, by a recording that they are to be like, or by both.

    \b
    Examples:
      stepwave voices search "a calm old man"
      stepwave voices search --like me.wav --gender female
    """
    from stepwave.tools.voices.entries import Filters
    from stepwave.tools.voices.opening import open_libraries
    from stepwave.tools.voices.search import search as find

    filters = Filters(language, gender, emotion, style)
    libraries = open_libraries(library, store)
    found = find(libraries, query, None if like is None else _sound(like), filters, limit)
    for rank, one in enumerate(found, 1):
        if json:
            extra = {"rank": rank, "whole": one.whole, "likeness": one.likeness and round(one.likeness, 4)}
            print_json({**extra, **_record(one.entry, one.library)})
        else:
            tell(f"{rank:2}  {_line(one.entry)}{_remark(one)}")
    if not found and not json:
        count = sum(one.store.count() for one in libraries)
        tell(f"none of {count:,} voices fits; `stepwave voices list` shows them")


@app.command()
def play(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A voice's name.")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write the clip instead of playing it.")
    ] = None,
    library: Library = None,
    store: Store = None,
) -> None:
    """Play the clip of a voice, or write it to a file."""
    from stepwave.facts.rates import OUTPUT_SAMPLE_RATE
    from stepwave.signal.files import check_audio_target, write_audio
    from stepwave.tools.voices.opening import open_libraries

    if output is not None:
        check_audio_target(output)
    for one in open_libraries(library, store):
        with _closed(one):
            entry = one.store.get(name)
            if entry is None:
                continue
            audio = one.clip(entry, OUTPUT_SAMPLE_RATE)
            tell(_line(entry))
            if output is None:
                from stepwave.serving.sound_card import play_through

                play_through(audio.samples)
            else:
                write_audio(output, audio.samples, audio.sample_rate)
            return
    raise DataError(f"no voice '{name}'; `stepwave voices list` shows those that there are")


@app.command()
def remove(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A voice's name.")],
    library: Library = None,
    store: Store = None,
) -> None:
    """Remove a voice and its clip from your library."""
    from stepwave.tools.voices.opening import open_library

    with _closed(open_library(library, store)) as kept:
        entry = kept.remove(name)
        tell(f"removed '{entry.name}'; {kept.store.count():,} voices in {kept.folder}")


@app.command()
def export(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="New folder for the clips and voices.jsonl.")],
    library: Library = None,
    store: Store = None,
) -> None:
    """Write a library as plain files that `stepwave voices import` reads: clips, and a table that tells of them."""
    from stepwave.tools.voices.exporting import export_library
    from stepwave.tools.voices.opening import open_libraries

    first = open_libraries(library, store)[:1]
    if not first:
        raise DataError("there is no voice library; add a voice, or name one with --library")
    with _closed(first[0]) as kept:
        count = export_library(kept, folder)
        tell(f"{count:,} voices of {kept.folder} in {folder}")


@contextmanager
def _closed(library: VoiceLibrary) -> Iterator[VoiceLibrary]:
    """The library, which is let go of at the end."""
    try:
        yield library
    finally:
        library.store.close()


def _sound(path: Path) -> Any:
    from stepwave.signal.files import read_audio
    from stepwave.tools.voices.embedding import speaker_embedding
    from stepwave.tools.voices.search import Sound

    embedding = speaker_embedding()
    return Sound(embedding.embed(read_audio(path, channels="mean", max_seconds=600).samples), embedding.name)


def _record(entry: VoiceEntry, library: VoiceLibrary) -> dict[str, Any]:
    return {**asdict(entry), "clip": str(library.clip_path(entry)), "library": str(library.folder)}


def _line(entry: VoiceEntry) -> str:
    known = [entry.gender, entry.age, entry.language, f"{entry.seconds:.1f} s"]
    about = entry.description or entry.transcript[:80]
    return f"{entry.name}: {about} ({', '.join(one for one in known if one)})"


def _remark(found: FoundVoice) -> str:
    return "" if found.likeness is None else f" [likeness {found.likeness:.2f}]"
