"""What the repository promises around the package: commands in its pages exist, links lead somewhere, size, version."""

import re
import subprocess
from pathlib import Path

import pytest

import stepwave

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("models/**/*.md"), *ROOT.glob("examples/**/*.md")]
)
SOURCES = [path for folder in ("src", "tests", "recipes", "examples") for path in (ROOT / folder).rglob("*.py")]
LARGEST_FILE = 50 * 1024 * 1024
LINK = re.compile(r"\]\(\s*<?([^)\s>]+)>?[^)]*\)|(?:src|href|srcset)=\"([^\"]+)\"")
HEADING = re.compile(r"^#{1,6}\s+(.*?)\s*#*$", re.MULTILINE)
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def relative_links(page: str) -> list[str]:
    """Targets of links and pictures in Markdown or HTML that do not lead to the web."""
    targets = [first or second for first, second in LINK.findall(FENCE.sub("", page))]
    return [target for target in targets if not re.match(r"[a-z]+:", target)]


def anchors(page: str) -> set[str]:
    """Names under which a page's headings can be linked to, as GitHub makes them."""
    headings = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in HEADING.findall(FENCE.sub("", page)))
    return {heading.replace(" ", "-") for heading in headings}


def broken_links(path: Path, page: str) -> list[str]:
    """Relative links of a page at `path` to a file or heading that is not there."""
    broken = []
    for target in relative_links(page):
        name, _, anchor = target.partition("#")
        goal = path.parent / name if name else path
        there = not name or goal.exists()
        if there and anchor and goal.suffix == ".md":
            there = anchor in anchors(page if goal == path else goal.read_text(encoding="utf-8"))
        if not there:
            broken.append(target)
    return broken


def missing_names(page: str) -> list[str]:
    """Python files that a page names and nobody has, and names it gives right after a file that the file lacks."""
    missing = []
    for name, member in re.findall(r"`((?:\w+/)*\w+\.py)`(?: `(\w+(?:\.\w+)?)`)?", page):
        files = [path for path in SOURCES if str(path).endswith(f"/{name}")]
        if not files:
            missing.append(name)
        for word in member.split(".") if member and files else []:
            if not any(re.search(rf"\b{word}\b", path.read_text(encoding="utf-8")) for path in files):
                missing.append(f"{name} {member}")
    return missing


def shell_blocks(page: str) -> list[str]:
    """The shell examples of a page."""
    return re.findall(r"^```(?:sh|bash|console)\n(.*?)^```", page, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_to_files_and_headings_that_exist(path: Path) -> None:
    assert broken_links(path, path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("page", "broken"),
    [
        ("[a](nowhere.md)", ["nowhere.md"]),
        ('<img src="docs/nowhere.svg" alt="">', ["docs/nowhere.svg"]),
        ("![a](docs/nowhere.svg)", ["docs/nowhere.svg"]),
        ("# One, two\n[a](#one-two) [b](#three)", ["#three"]),
        ("[a](https://example.org/nowhere) [b](LICENSE)", []),
        ("```md\n[a](nowhere.md)\n```", []),
    ],
)
def test_a_broken_link_is_seen(page: str, broken: list[str]) -> None:
    assert broken_links(ROOT / "PAGE.md", page) == broken


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_python_files_that_pages_name_exist(path: Path) -> None:
    assert missing_names(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("page", "missing"),
    [
        ("`facts/rates.py` and `rates.py` and `tests/test_repository.py`", []),
        ("`facts/rate.py`", ["facts/rate.py"]),
        ("`facts/rates.py` `placeholders`", []),
        ("`facts/rates.py` `place_holders`", ["facts/rates.py place_holders"]),
        ("`generation/context.py` `Context.reed`", ["generation/context.py Context.reed"]),
    ],
)
def test_a_file_or_name_that_is_gone_is_seen(page: str, missing: list[str]) -> None:
    assert missing_names(page) == missing


def test_readme_names_make_targets_that_exist() -> None:
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    blocks = [block for path in PAGES for block in shell_blocks(path.read_text(encoding="utf-8"))]
    named = {name for block in blocks for name in re.findall(r"\bmake ([a-z]+)\b", block)}
    assert {"demo", "test"} <= named <= targets


def test_no_tracked_file_is_too_large_for_a_clone() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout, so there is no list of tracked files")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    tracked = [ROOT / name for name in listed.split("\0") if name]
    assert len(tracked) > 100
    assert [str(path) for path in tracked if path.is_file() and path.stat().st_size > LARGEST_FILE] == []


def test_changelog_begins_with_the_version_of_the_package() -> None:
    versions = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert versions[0] == stepwave.__version__


def test_the_licence_is_apache() -> None:
    assert "Apache License\n                           Version 2.0, January 2004" in (ROOT / "LICENSE").read_text()
