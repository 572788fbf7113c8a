"""Reading lists of JSON lines that others made, line by line and with their numbers, for messages that name a line."""

from collections.abc import Iterator
from pathlib import Path

from stepwave.facts.errors import DataError


def numbered_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Every line that is not blank, with its number from 1.

    A line ends where the file says so: other separators, such as U+2028, may stand inside a JSON text. Raises DataError
    for a file that can't be read, or is no text in UTF-8.
    """
    try:
        with path.open(encoding="utf-8") as lines:
            yield from ((number, line) for number, line in enumerate(lines, 1) if line.strip())
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is no text in UTF-8 ({error}); save it as UTF-8, or fetch it again") from None
    except OSError as error:
        raise DataError(f"{path} can't be read ({error.strerror}); check its permissions, or fetch it again") from None
