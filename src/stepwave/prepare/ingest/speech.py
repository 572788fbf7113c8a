"""Readers of speech corpora that come as one file per utterance: LibriSpeech, AISHELL, KeSpeech, FLEURS, LJ Speech.

Lhotse has recipes for all of these. They open every recording while they list them and stop at the first damaged one,
so they are a second way (`lhotse_sets`); these readers look at the corpus's own lists alone.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from stepwave.data.languages import language_code
from stepwave.prepare.ingest.entries import Entry, LayoutError, Place, gender, known
from stepwave.prepare.ingest.tables import read_pairs, read_table

_LIBRISPEECH_PART = re.compile(r"(train|dev|test)-[a-z]+(-\d+)?")
_BETWEEN_CHARACTERS = re.compile(r"(?<=[\u4e00-\u9fff])\s+(?=[\u4e00-\u9fff])")
_FLEURS_COLUMNS = ("id", "file", "raw", "text", "characters", "samples", "gender")


def librispeech(place: Place) -> Iterator[Entry]:
    """LibriSpeech and Mini LibriSpeech: PART/SPEAKER/CHAPTER/*.flac with a list of transcripts per chapter."""
    place = place.inside("LibriSpeech")
    genders = _librispeech_genders(place.folder / "SPEAKERS.TXT")
    found = [each.name for each in _folders(place.folder) if _LIBRISPEECH_PART.fullmatch(each.name)]
    for part in place.parts(found):
        lists = sorted((place.folder / part).rglob("*.trans.txt"))
        if not lists:
            raise LayoutError(f"its part {part} has no *.trans.txt")
        for chapter in lists:
            for name, text in read_pairs(chapter).items():
                speaker, _, number = name.rpartition("-")
                yield Entry(
                    name,
                    str(chapter.parent / f"{name}.flac"),
                    text=text,
                    language="en",
                    speaker=name.split("-")[0],
                    part=part,
                    recording=speaker,
                    position=int(number) if number.isdigit() else None,
                    attributes=known(gender=genders.get(name.split("-")[0], "")),
                )


def aishell(place: Place) -> Iterator[Entry]:
    """AISHELL-1: data_aishell/wav/PART/SPEAKER/*.wav and one list of transcripts, words apart."""
    data = place.inside("data_aishell")
    texts = read_pairs(data.need("transcript/aishell_transcript_v0.8.txt"))
    genders = _aishell_genders(data.folder.parent / "resource_aishell" / "speaker.info")
    wav = data.need("wav")
    for part in data.parts([each.name for each in _folders(wav) if each.name in ("train", "dev", "test")]):
        files = sorted((wav / part).rglob("*.wav"))
        if not files:
            raise LayoutError(f"wav/{part} has no recordings; unpack the archives of its speakers first")
        for file in files:
            yield _mandarin(file, texts.get(file.stem, ""), part, known(gender=genders.get(file.parent.name, "")))


def aishell2(place: Place) -> Iterator[Entry]:
    """AISHELL-2: iOS/data for training, iOS/dev and iOS/test, each with trans.txt and wav/SPEAKER/*.wav."""
    place = place.inside("AISHELL-2", "iOS").inside("iOS")
    folders = {"train": "data", "dev": "dev", "test": "test"}
    for part in place.parts([name for name, folder in folders.items() if (place.folder / folder).is_dir()]):
        texts = read_pairs(place.need(f"{folders[part]}/trans.txt"))
        for file in sorted(place.need(f"{folders[part]}/wav").rglob("*.wav")):
            yield _mandarin(file, texts.get(file.stem, ""), part, {})


def kespeech(place: Place) -> Iterator[Entry]:
    """KeSpeech: Kaldi's lists in Tasks/ASR/PART; the subdialect becomes the accent."""
    tasks = place.need("Tasks/ASR")
    found = [each.name for each in _folders(tasks) if (each / "wav.scp").is_file()]
    for part in place.parts(found):
        files = read_pairs(tasks / part / "wav.scp")
        texts, dialects, speakers = (read_pairs(tasks / part / name) for name in ("text", "utt2subdialect", "utt2spk"))
        for name, file in files.items():
            yield Entry(
                name,
                str(place.folder / file),
                text=texts.get(name, "").replace("<SPOKEN_NOISE>", "").strip(),
                language="zh",
                speaker=speakers.get(name, ""),
                part=part,
                attributes=known(accent=dialects.get(name, "")),
            )


def fleurs(place: Place) -> Iterator[Entry]:
    """FLEURS: LANGUAGE/PART.tsv (or metadata/LANGUAGE/PART.tsv) without a heading; it names no speakers."""
    place = place.inside("fleurs")
    lists = {each.name: each for each in _folders(place.folder) if any(each.glob("*.tsv"))}
    lists |= {each.name: each for each in _folders(place.folder / "metadata") if any(each.glob("*.tsv"))}
    for tongue in place.tongues(list(lists)):
        for part in place.parts(
            [name for name in ("train", "dev", "test") if (lists[tongue] / f"{name}.tsv").exists()]
        ):
            home = place.folder / tongue
            sounds = next((path for path in (home / "audio" / part, home / part) if path.is_dir()), None)
            if sounds is None:
                raise LayoutError(f"{tongue} has no folder audio/{part} with recordings; unpack its archive first")
            for row in read_table(lists[tongue] / f"{part}.tsv", (), columns=_FLEURS_COLUMNS):
                yield Entry(
                    f"{tongue}-{part}-{Path(row['file']).stem}",
                    str(sounds / row["file"]),
                    text=row["raw"] or row["text"],
                    language=language_code(tongue),
                    part=part,
                    attributes=known(gender=gender(row["gender"])),
                    # The same number in every language is the same sentence: translations can be paired by it.
                    details={"sentence": row["id"], "normalised": row["text"]},
                )


def ljspeech(place: Place) -> Iterator[Entry]:
    """LJ Speech: metadata.csv (id, text, text with numbers spelt out, between bars) and wavs/*.wav, one woman."""
    place = place.inside("LJSpeech-1.1")
    wavs = place.need("wavs")
    for row in read_table(place.need("metadata.csv"), (), "bars", ("id", "text", "normalised")):
        book, _, number = row["id"].partition("-")
        yield Entry(
            row["id"],
            str(wavs / f"{row['id']}.wav"),
            text=row["text"],
            language="en",
            speaker="lj",
            recording=book,
            position=int(number) if number.isdigit() else None,
            attributes={"gender": "female"},
            details={"normalised": row["normalised"]},
        )


def _mandarin(file: Path, text: str, part: str, attributes: dict[str, str]) -> Entry:
    text = _BETWEEN_CHARACTERS.sub("", text)
    return Entry(
        file.stem, str(file), text=text, language="zh", speaker=file.parent.name, part=part, attributes=attributes
    )


def _librispeech_genders(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    lines = [line.split("|") for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith(";")]
    return {fields[0].strip(): gender(fields[1]) for fields in lines if len(fields) > 1}


def _aishell_genders(path: Path) -> dict[str, str]:
    """`S0002` to a gender; the list names speakers by number."""
    if not path.is_file():
        return {}
    return {f"S{name.lstrip('S').zfill(4)}": gender(said) for name, said in read_pairs(path).items()}


def _folders(folder: Path) -> list[Path]:
    return sorted(each for each in folder.iterdir() if each.is_dir()) if folder.is_dir() else []
