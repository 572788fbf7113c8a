"""Translations of Common Voice: CoVoST 2 (texts) and CVSS (speech), as published beside the recordings.

DATA/covost2/covost_v2.SOURCE_TARGET.tsv      or DATA/covost2/SOURCE/ or DATA itself
DATA/cvss_c/zh-CN_en/{test.tsv, test/*.wav}   as the archive cvss_c_zh-CN_en_v1.0 unpacks, also under its own name
the language of Common Voice (clips, validated.tsv) in the same folder, or where `speech_sets` looks for it
"""

from pathlib import Path

from stepwave.evaluation.declaration import Places
from stepwave.evaluation.items import Item
from stepwave.evaluation.material.corpora import corpus_items
from stepwave.evaluation.material.own import own_items
from stepwave.evaluation.material.samples import sample_or
from stepwave.evaluation.material.speech_sets import common_voice_folder


def covost(places: Places, source: str, target: str) -> list[Item]:
    """CoVoST 2's test items from `source` into `target`, as its lists call them."""
    if places.sample:
        return _sample(places, source)
    name = f"covost_v2.{source}_{target}"
    found = _holding(
        places, [f"{name}.tsv", f"{name}.test.tsv"], ["covost2", "covost-2", "CoVoST2", "covost_v2"], source
    )
    items = corpus_items("covost-2", found, ["test"], [source], _recordings(places, found, source))
    start = f"{source}_{target}-"  # the folder may hold lists into other languages too
    return [item for item in items if item.id.startswith(start)]


def cvss(places: Places) -> list[Item]:
    """CVSS's test items from Chinese into English."""
    if places.sample:
        return _sample(places, "zh-CN")
    names = ["cvss_c", "cvss", "CVSS-C", "cvss_c_zh-CN_en_v1.0", "cvss_c_zh-CN_en"]
    found = _holding(places, ["test.tsv"], names, "zh-CN_en")
    return corpus_items("cvss", found, ["test"], sounds=_recordings(places, found, "zh-CN"))


def _sample(places: Places, source: str) -> list[Item]:
    return own_items(sample_or(places, "speech" if source == "en" else "chinese"))


def _holding(places: Places, lists: list[str], names: list[str], inside: str) -> Path:
    """The first folder that holds one of the lists; the first name where none does, for the error."""
    tried = [places.data / name / deeper for name in names for deeper in (inside, ".")]
    tried += [places.data / inside, places.data]
    return next((each for each in tried if any((each / name).is_file() for name in lists)), places.data / names[0])


def _recordings(places: Places, found: Path, language: str) -> Path | None:
    """Where the recordings are, if not beside the lists."""
    return None if (found / "clips").is_dir() else common_voice_folder(places, language)
