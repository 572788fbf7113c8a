"""`stepwave prepare ingest`: a corpus of the field, by name, becomes a manifest."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from stepwave.commands.prepare.running import OnRay, StoredAs, Workers, run

if TYPE_CHECKING:
    from stepwave.prepare.pipeline.steps import Step

LIST = "list"


def ingest(
    corpus: Annotated[str, typer.Argument(help="Name of a corpus; `list` shows them all.")],
    place: Annotated[str, typer.Argument(help="Its folder, or hub:OWNER/NAME on the Hugging Face hub.")] = "",
    to: Annotated[Path | None, typer.Option(help="Folder for the output. Run again to go on.")] = None,
    split: Annotated[list[str] | None, typer.Option(help="Only this part, as the corpus calls it; repeatable.")] = None,
    language: Annotated[list[str] | None, typer.Option(help="Only this language; repeatable.")] = None,
    sounds: Annotated[Path | None, typer.Option(help="Where the recordings lie, if not beside the lists.")] = None,
    limit: Annotated[int, typer.Option(min=0, help="Entries at most; 0 for all.")] = 0,
    copy: Annotated[
        bool | None,
        typer.Option(
            "--copy/--no-copy",
            help="Store the sound in the output, or refer to it where it is. By default whole files stay, stretches "
            "of longer recordings and data from the hub are stored.",
        ),
    ] = None,
    sample_rate: Annotated[int, typer.Option(min=0, help="Store copies at this rate in Hz; 0 for their own.")] = 0,
    min_seconds: Annotated[float, typer.Option(help="Shorter recordings are dropped.")] = 0.1,
    max_seconds: Annotated[float, typer.Option(help="Longer recordings are dropped.")] = 1800.0,
    untranscribed: Annotated[bool, typer.Option("--untranscribed", help="Keep speech without a transcript.")] = False,
    lower: Annotated[bool, typer.Option("--lower", help="Put transcripts in lower case.")] = False,
    way: Annotated[
        Literal["layout", "lhotse"], typer.Option(help="Read the corpus's own lists, or run Lhotse's recipe for it.")
    ] = "layout",
    kind: Annotated[
        Literal["", "speech", "sound"], typer.Option(help="For a plain folder: what its recordings are.")
    ] = "",
    table: Annotated[str, typer.Option(help="For a plain folder with several tables: the one to read.")] = "",
    name: Annotated[str, typer.Option(help="For a plain folder: what to call it in records and voices.")] = "",
    licence: Annotated[str, typer.Option(help="For a plain folder or any data set: its licence.")] = "",
    config: Annotated[str, typer.Option(help="Hub: the data set's configuration, such as en_us.")] = "",
    revision: Annotated[str, typer.Option(help="Hub: a commit, so that the same data comes again.")] = "",
    streaming: Annotated[bool, typer.Option("--streaming", help="Hub: do not fetch all of it first.")] = False,
    column: Annotated[list[str] | None, typer.Option(help="Hub: FIELD=COLUMN, such as text=raw_text.")] = None,
    workers: Workers = None,
    ray: OnRay = False,
    codec: StoredAs = "flac",
    as_json: Annotated[bool, typer.Option("--json", help="With `list`: one object per line.")] = False,
) -> None:
    """Read a corpus and write a manifest of it; recordings that cannot be used are counted, and named with the reason.

    Example: stepwave prepare ingest librispeech data/LibriSpeech --split dev-clean --to runs/dev-clean
    """
    if corpus == LIST:
        _list(as_json)
        return
    from stepwave.facts.errors import ConfigError
    from stepwave.prepare.ingest.corpora import CORPORA
    from stepwave.prepare.ingest.hub import PREFIX, IngestHub
    from stepwave.prepare.ingest.listening import Rules
    from stepwave.prepare.ingest.step import Ingest
    from stepwave.prepare.pipeline.parts import OPUS_RATES

    known = CORPORA[corpus]
    if not place or to is None:
        missing = "--to FOLDER for the output" if place else "its folder or hub:OWNER/NAME"
        raise ConfigError(f"ingest {corpus} lacks {missing}; wanted {known.layout}")
    if codec == "opus" and sample_rate not in OPUS_RATES:
        rates = ", ".join(map(str, OPUS_RATES))
        raise ConfigError(f"Opus does not know every recording's own rate; add --sample-rate with one of {rates}")
    rules = Rules(min_seconds, max_seconds, untranscribed, lower, sample_rate, copy)
    step: Step
    if place.startswith(PREFIX):
        columns = tuple((field, named) for field, _, named in (each.partition("=") for each in column or ()))
        if len(split or ()) > 1 or len(language or ()) > 1:
            raise ConfigError("a data set of the hub is taken in split by split; give --split and --language once")
        step = IngestHub(
            corpus, place.removeprefix(PREFIX), (split or ["train"])[0], config, revision, streaming, columns,
            (language or [""])[0], limit, licence, rules,
        )  # fmt: skip
    else:
        step = Ingest(
            corpus, Path(place).resolve(), tuple(split or ()), tuple(language or ()), sounds, kind, table, way, limit,
            name, licence, rules,
        )  # fmt: skip
    run(step, to, workers, ray, codec)


def _list(as_json: bool) -> None:
    from rich.console import Console
    from rich.table import Table

    from stepwave.prepare.ingest.corpora import CORPORA

    if as_json:
        for each in CORPORA.values():
            fields = ("name", "title", "what", "languages", "licence", "home", "layout", "kind", "ways")
            typer.echo(json.dumps({field: getattr(each, field) for field in fields}, ensure_ascii=False))
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("name", "what", "gives", "licence", "read by", "the folder holds"):
        table.add_column(heading, no_wrap=heading == "name")
    for each in CORPORA.values():
        what = f"{each.title}: {each.what}"
        table.add_row(each.name, what, each.kind, each.licence or "yours", ", ".join(each.ways), each.layout)
    Console().print(table)
