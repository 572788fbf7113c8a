"""`stepwave tools index`: an index of a folder of documents, for `web_search` without the web."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from stepwave.commands.console import Steps, complain, print_json, tell

_TOLD: Final = 10
"""Files that could not be read, of which each has a line."""


def index(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Documents: .txt, .md and .html in UTF-8.")],
    to: Annotated[Path, typer.Option("--to", metavar="INDEX", help="The index, one file; updated if it is there.")],
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")] = False,
) -> None:
    """Make or update an index of a folder of documents, which the tool web_search then searches.

    Only what changed is read again; what is gone from the folder is gone from the index. Files that cannot be read are
    told and left out.

    \b
    Examples:
      stepwave tools index examples/documents --to town.index
      STEPWAVE_SEARCH=index:town.index stepwave reply question.wav --tools web_search
    """
    from stepwave.tools.web.search.indexing import index_folder

    with Steps() as steps:
        steps.now(f"reading {folder}")

        def progress(done: int, total: int) -> None:
            steps.describe(f"reading {folder}, {done:,} of {total:,}")
            steps.share(done / total if total else 1.0)

        made = index_folder(folder, to, progress)
    if json:
        print_json(
            {
                "index": str(to),
                "documents": made.documents,
                "added": made.added,
                "changed": made.changed,
                "unchanged": made.unchanged,
                "removed": made.removed,
                "skipped": made.skipped,
                "passages": made.passages,
                "bytes": made.size,
            }
        )
        return
    for name, reason in list(made.skipped.items())[:_TOLD]:
        complain(f"left out {name}: {reason}")
    if len(made.skipped) > _TOLD:
        complain(f"left out {len(made.skipped) - _TOLD:,} more files that cannot be read; --json lists all")
    tell(
        f"{to}: {made.documents:,} documents in {made.passages:,} passages, {made.size / 1e6:.1f} MB "
        f"({made.added:,} added, {made.changed:,} changed, {made.removed:,} removed, {len(made.skipped):,} left out)"
    )
