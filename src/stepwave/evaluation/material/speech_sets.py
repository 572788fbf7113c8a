"""Test sets of the corpora that the report transcribes and translates, found in the data folder or as it.

The report tells neither the releases of Common Voice nor which recordings of KeSpeech's test set are its "phase1", nor
which of AISHELL-2's microphones it heard: here `test` of whatever release lies there, those whose path says `phase1`
(all, where no path says a phase), and the iOS recordings, which are the ones published with a test set by default.
"""

from pathlib import Path
from typing import Final

from stepwave.evaluation.declaration import Places
from stepwave.evaluation.items import Item
from stepwave.evaluation.material.corpora import corpus_items

_FLEURS_FOLDERS: Final = {"en": "en_us", "zh": "cmn_hans_cn", "ar": "ar_eg", "ja": "ja_jp"}


def librispeech(places: Places, part: str) -> list[Item]:
    """A part of LibriSpeech, such as `test-clean`."""
    return corpus_items("librispeech", _found(places, "LibriSpeech", (), part), [part])


def common_voice(places: Places, language: str) -> list[Item]:
    """The test part of Common Voice in a language, as Common Voice writes it."""
    return corpus_items("common-voice", common_voice_folder(places, language), ["test"])


def common_voice_folder(places: Places, language: str) -> Path:
    """The folder of a language of Common Voice: the only or the last release, `cv-corpus-VERSION/LANGUAGE`."""
    releases = sorted(places.data.glob(f"cv-corpus-*/{language}"), key=_release)
    plain = (places.data / name / language for name in ("common-voice", "common_voice", "."))
    itself = [places.data] if places.data.name == language else []
    found = [each for each in (*reversed(releases), *plain, *itself) if (each / "clips").is_dir()]
    return found[0] if found else places.data / "common-voice" / language


def fleurs(places: Places, language: str) -> list[Item]:
    """The test part of FLEURS in one of the report's four languages (ISO 639)."""
    folder = _FLEURS_FOLDERS[language]
    return corpus_items("fleurs", _found(places, "fleurs", ("FLEURS",), folder), ["test"], [folder])


def aishell(places: Places) -> list[Item]:
    """The test part of AISHELL-1."""
    return corpus_items("aishell-1", _found(places, "data_aishell", ("aishell-1", "aishell"), "wav"), ["test"])


def aishell_2(places: Places) -> list[Item]:
    """The test part of AISHELL-2, recorded by iPhones."""
    return corpus_items("aishell-2", _found(places, "AISHELL-2", ("aishell-2",), "iOS"), ["test"])


def kespeech(places: Places) -> list[Item]:
    """Phase 1 of KeSpeech's test part."""
    items = corpus_items("kespeech", _found(places, "KeSpeech", ("kespeech",), "Tasks"), ["test"])
    phases = [item for item in items if item.sound and any(p.startswith("phase") for p in Path(item.sound).parts)]
    return [item for item in phases if item.sound and "phase1" in Path(item.sound).parts] if phases else items


def wenetspeech(places: Places, part: str) -> list[Item]:
    """A part of WenetSpeech, such as `TEST_NET`."""
    return corpus_items("wenetspeech", _found(places, "WenetSpeech", ("wenetspeech",), "WenetSpeech.json"), [part])


def _found(places: Places, name: str, others: tuple[str, ...], holds: str) -> Path:
    """The corpus's folder in the data folder, or that itself where it holds what a corpus of the kind holds."""
    inside = [places.data / each for each in (name, *others) if (places.data / each).is_dir()]
    if inside:
        return inside[0]
    return places.data if (places.data / holds).exists() else places.data / name


def _release(folder: Path) -> tuple[int, ...]:
    """`cv-corpus-17.0-2024-03-15` in numbers, so that 17 comes after 9."""
    return tuple(int(digits) for digits in folder.parent.name.replace(".", "-").split("-") if digits.isdigit())
