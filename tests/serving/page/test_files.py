"""How the page's files are given out."""

import re
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from stepwave.serving.page import page

STATIC = Path(page.__file__).parent / "static"


@pytest.fixture(scope="module")
def client() -> TestClient:
    app = FastAPI()
    app.include_router(page.router)
    return TestClient(app, raise_server_exceptions=False)


def test_the_page_may_run_and_reach_nothing_but_its_own_server(client: TestClient) -> None:
    answer = client.get("/")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    policy = dict(part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'self'"
    assert policy["connect-src"] == "'self' ws:"
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", sorted(STATIC.iterdir()), ids=lambda path: path.name)
def test_every_file_is_given_out_as_it_lies_there(client: TestClient, path: Path) -> None:
    answer = client.get(f"/page/{path.name}")
    assert answer.content == path.read_bytes()
    assert answer.headers["content-type"] == page.CONTENT_TYPES[path.suffix]
    again = client.get(f"/page/{path.name}", headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("name", ["page.py", "..%2Fpage.py", "%2e%2e%2fpage.py", "none.js"])
def test_nothing_else_is_given_out(name: str) -> None:
    app = FastAPI()
    app.include_router(page.router)
    answer = TestClient(app, raise_server_exceptions=False).get(f"/page/{name}")
    assert answer.status_code in (404, 500)  # the application turns what is raised into its own 404
    assert b"import" not in answer.content


def test_every_file_that_a_file_names_is_there() -> None:
    named = set()
    for path in STATIC.iterdir():
        source = path.read_text(encoding="utf-8")
        named.update(re.findall(r'"/page/([\w.-]+)"', source))
        named.update(re.findall(r'from "\./([\w.-]+)"', source))
    assert named == {path.name for path in STATIC.iterdir()} - {"index.html"}


def test_both_languages_have_every_text_with_the_same_gaps() -> None:
    source = (STATIC / "i18n.js").read_text(encoding="utf-8")
    english, chinese = source.split("  zh: {")
    key = re.compile(r'^    "([\w.]+)":((?:\n|.)*?),\n(?=    "|  \})', re.MULTILINE)
    texts = [
        {name: set(re.findall(r"\{(\w+)\}", words)) for name, words in key.findall(one)} for one in (english, chinese)
    ]
    assert texts[0] == texts[1]
    assert len(texts[0]) > 60


def test_every_text_that_the_page_asks_for_is_there() -> None:
    source = (STATIC / "i18n.js").read_text(encoding="utf-8")
    known = set(re.findall(r'^    "([\w.]+)":', source, re.MULTILINE))
    html = (STATIC / "index.html").read_text(encoding="utf-8")
    asked = set(re.findall(r'data-(?:text|label|placeholder)="([\w.]+)"', html))
    assert asked <= known
