from pathlib import Path

import pytest

from stepwave.evaluation.declaration import Places
from stepwave.evaluation.items import Item, Sound
from stepwave.evaluation.material.corpora import corpus_items
from stepwave.evaluation.material.speech_sets import librispeech
from stepwave.facts.errors import ConfigError


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Two parts of LibriSpeech, without their recordings."""
    for part in ("test-clean", "test-other"):
        chapter = tmp_path / "LibriSpeech" / part / "61" / "70968"
        chapter.mkdir(parents=True)
        (chapter / "61-70968.trans.txt").write_text(
            f"61-70968-0000 HE BEGAN IN {part[5:].upper()}\n61-70968-0001 AND\n"
        )
    return tmp_path


def test_the_utterances_of_a_part_become_items(corpus: Path) -> None:
    first, second = corpus_items("librispeech", corpus, ["test-clean"])
    path = corpus / "LibriSpeech/test-clean/61/70968/61-70968-0000.flac"
    assert first == Item("61-70968-0000", "HE BEGAN IN CLEAN", Sound(str(path)), tags={"part": "test-clean"})
    assert second.text == "AND"


def test_the_suite_finds_the_corpus_in_the_data_folder_or_as_it(corpus: Path) -> None:
    for data in (corpus, corpus / "LibriSpeech"):
        places = Places(data, corpus)
        for part in ("clean", "other"):
            assert librispeech(places, f"test-{part}")[0].text == f"HE BEGAN IN {part.upper()}"


def test_a_translation_is_the_reference(tmp_path: Path) -> None:
    (tmp_path / "clips").mkdir()
    (tmp_path / "covost_v2.en_zh-CN.tsv").write_text(
        "path\tsentence\ttranslation\tsplit\na.mp3\tHello.\t你好。\ttest\n"
    )
    (tmp_path / "validated.tsv").write_text("client_id\tpath\tsentence\nx\ta.mp3\tHello.\n")
    (item,) = corpus_items("covost-2", tmp_path, ["test"])
    assert (item.text, item.references, item.language, item.answered_in) == ("Hello.", ("你好。",), "en", "zh")


def test_a_folder_that_is_missing_or_another_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"get LibriSpeech from https://www\.openslr\.org/12"):
        corpus_items("librispeech", tmp_path / "nowhere", ["test-clean"])
    (tmp_path / "dev-clean").mkdir()
    with pytest.raises(ConfigError, match=r"is not LibriSpeech: .*trans\.txt"):
        corpus_items("librispeech", tmp_path, ["dev-clean"])
