"""The corpora that can be taken in by name: what each is, under which licence, and the layout in which it is read."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from stepwave.data.records import Kind
from stepwave.facts.registry import Registry
from stepwave.prepare.ingest import common_voice, folders, lhotse_sets, long_recordings, sounds, speech
from stepwave.prepare.ingest.entries import Reader


@dataclass(frozen=True)
class Corpus:
    """What is known of a corpus without having it."""

    name: str
    """What it is called on the command line, in records and in voices."""
    title: str
    what: str
    languages: tuple[str, ...]
    """ISO 639-1; empty for many, or for sounds."""
    licence: str
    """Of what is published, in short; its home page has the last word."""
    home: str
    layout: str
    """What the folder holds, in one sentence that follows `wanted`."""
    read: Reader
    """Lists it from that layout."""
    kind: Kind = "speech"
    """Of its records."""
    recipe: str = ""
    """Lhotse's recipe for it, if there is one."""
    as_text: Callable[[str], str] = str
    """From its transcripts to plain text, where it is not read by its own reader."""
    hub: str = ""
    """An id under which it is found on the Hugging Face hub, if its owners or its field keep one there."""

    @property
    def ways(self) -> tuple[str, ...]:
        """How it can be read."""
        return ("layout", *(("lhotse",) if self.recipe else ()), *(("hub",) if self.hub else ()))


CORPORA: Final[Registry[Corpus]] = Registry("corpus")

_ALL: Final = (
    Corpus(
        "librispeech", "LibriSpeech", "audiobooks read aloud, 1,000 h", ("en",), "CC BY 4.0",
        "https://www.openslr.org/12",
        "folders such as train-clean-100 with SPEAKER/CHAPTER/*.flac and *.trans.txt",
        speech.librispeech, recipe="librispeech", hub="openslr/librispeech_asr",
    ),
    Corpus(
        "gigaspeech", "GigaSpeech", "audiobooks, podcasts and videos, 10,000 h", ("en",),
        "own terms: research and education only", "https://github.com/SpeechColab/GigaSpeech",
        "GigaSpeech.json and the folder audio with the recordings that it names",
        long_recordings.gigaspeech, recipe="gigaspeech", as_text=long_recordings.written_out,
        hub="speechcolab/gigaspeech",
    ),
    Corpus(
        "wenetspeech", "WenetSpeech", "Mandarin podcasts and videos, 10,000 h", ("zh",),
        "CC BY 4.0 for the lists; recordings for non-commercial use", "https://github.com/wenet-e2e/WenetSpeech",
        "WenetSpeech.json and the folder audio with the recordings that it names",
        long_recordings.wenetspeech, recipe="wenet_speech",
    ),
    Corpus(
        "aishell-1", "AISHELL-1", "Mandarin read by 400 people, 178 h", ("zh",), "Apache-2.0",
        "https://www.openslr.org/33",
        "data_aishell with wav/PART/SPEAKER/*.wav and transcript/aishell_transcript_v0.8.txt",
        speech.aishell, recipe="aishell",
    ),
    Corpus(
        "aishell-2", "AISHELL-2", "Mandarin read by 1,991 people, 1,000 h", ("zh",),
        "own terms: non-commercial research and education", "https://www.aishelltech.com/aishell_2",
        "AISHELL-2/iOS with data, dev and test, each with trans.txt and wav/SPEAKER/*.wav",
        speech.aishell2, recipe="aishell2",
    ),
    Corpus(
        "common-voice", "Common Voice", "sentences read by volunteers in more than 100 languages", (), "CC0 1.0",
        "https://commonvoice.mozilla.org",
        "LANGUAGE folders (or one of them), each with train.tsv, dev.tsv, test.tsv and clips",
        common_voice.common_voice, recipe="commonvoice", hub="mozilla-foundation/common_voice_17_0",
    ),
    Corpus(
        "fleurs", "FLEURS", "the same sentences read in 102 languages, 12 h each", (), "CC BY 4.0",
        "https://huggingface.co/datasets/google/fleurs",
        "LANGUAGE folders such as en_us, each with train.tsv, dev.tsv, test.tsv and audio/PART/*.wav unpacked",
        speech.fleurs, recipe="fleurs", hub="google/fleurs",
    ),
    Corpus(
        "kespeech", "KeSpeech", "Mandarin and eight subdialects read by 27,237 people, 1,542 h", ("zh",),
        "own terms: academic use", "https://github.com/KeSpeech/KeSpeech",
        "Tasks/ASR/PART with wav.scp, text, utt2spk and utt2subdialect, and the recordings that wav.scp names",
        speech.kespeech, recipe="kespeech",
    ),
    Corpus(
        "ljspeech", "LJ Speech", "non-fiction read by one woman, 24 h", ("en",), "public domain",
        "https://keithito.com/LJ-Speech-Dataset", "metadata.csv and wavs/*.wav",
        speech.ljspeech, recipe="ljspeech",
    ),
    Corpus(
        "covost-2", "CoVoST 2", "translations of Common Voice: 21 languages into English, English into 15", (),
        "CC0 1.0", "https://github.com/facebookresearch/covost",
        "covost_v2.SOURCE_TARGET.tsv, beside it (or at --sounds) clips and validated.tsv of that Common Voice language",
        common_voice.covost, kind="s2tt", hub="facebook/covost2",
    ),
    Corpus(
        "cvss", "CVSS", "spoken English translations of Common Voice in 21 languages, 1,900 h", (), "CC BY 4.0",
        "https://github.com/google-research-datasets/cvss",
        "train.tsv, dev.tsv, test.tsv and a folder of wav files for each, with clips and validated.tsv of the Common "
        "Voice language at --sounds",
        common_voice.cvss, kind="s2st",
    ),
    Corpus(
        "audioset", "AudioSet", "2 million clips of 10 s in 527 classes of sound", (),
        "CC BY 4.0 for the labels; sounds belong to their makers", "https://research.google.com/audioset",
        "balanced_train_segments.csv, unbalanced_train_segments.csv or eval_segments.csv, class_labels_indices.csv, "
        "and below it (or at --sounds) clips named by the video",
        sounds.audioset, kind="sound", hub="agkphysics/AudioSet",
    ),
    Corpus(
        "audiocaps", "AudioCaps", "captions by people for 50,000 clips of AudioSet", (),
        "MIT for the captions; sounds belong to their makers", "https://github.com/cdjkim/audiocaps",
        "train.csv, val.csv or test.csv, and below it (or at --sounds) clips named by the video",
        sounds.audiocaps, kind="sound",
    ),
    Corpus(
        "vocalsound", "VocalSound", "laughter, sighs, coughs, throat clearing, sneezes and sniffs, 3,365 people", (),
        "CC BY-SA 4.0", "https://github.com/YuanGongND/vocalsound",
        "audio_16k or audio_44k with *.wav, and meta with tr_meta.csv, val_meta.csv and te_meta.csv",
        sounds.vocalsound, kind="sound",
    ),
    Corpus(
        "cochlscene", "CochlScene", "76,000 recordings of 13 acoustic scenes, 10 s each", (),
        "see its page", "https://zenodo.org/record/7080122",
        "Train, Val and Test, each with a folder of wav files per scene",
        sounds.cochlscene, kind="sound",
    ),
    Corpus(
        "esc-50", "ESC-50", "2,000 environmental sounds in 50 classes, 5 s each", (), "CC BY-NC 3.0",
        "https://github.com/karolpiczak/ESC-50", "meta/esc50.csv and audio/*.wav",
        sounds.esc50, kind="sound",
    ),
    Corpus(
        "esc-10", "ESC-10", "the ten classes of ESC-50 with a freer licence", (), "CC BY 3.0",
        "https://github.com/karolpiczak/ESC-50", "meta/esc50.csv and audio/*.wav of ESC-50",
        sounds.esc10, kind="sound",
    ),
    Corpus(
        "librispeech-251", "LibriSpeech, 251 speakers", "one utterance of each of 251 people, transcribed by machine",
        ("en",), "CC BY 4.0", "https://www.openslr.org/12",
        "librispeech-251 with *.flac, speakers.tsv and transcripts.whisper-base.tsv",
        folders.shared_part("librispeech-251"),
    ),
    Corpus(
        "ljspeech-32", "LJ Speech, 32 clips", "one woman reads non-fiction", ("en",), "public domain",
        "https://keithito.com/LJ-Speech-Dataset", "ljspeech-32 with *.flac and transcripts.tsv",
        folders.shared_part("ljspeech-32"),
    ),
    Corpus(
        "asterisk-en", "Asterisk's prompts", "551 telephone prompts by one woman", ("en",), "CC BY-SA 3.0",
        "https://www.asterisksounds.org", "asterisk-en with *.flac and transcripts.tsv",
        folders.shared_part("asterisk-en"),
    ),
    Corpus(
        "esc10-ogg", "ESC-10 as Ogg files", "four of ESC-10's five folds, as nano is trained on", (), "CC BY 3.0",
        "https://github.com/karolpiczak/ESC-10", "esc10 with a folder of *.ogg per class",
        folders.shared_part("esc10"), kind="sound",
    ),
    Corpus(
        "folder", "a folder of recordings", "your own recordings, with a table or without", (), "",
        "", "recordings, and a TSV or CSV with a column path and any of text, speaker, language, start, seconds, "
        "split, gender, labels, captions, translation",
        folders.folder,
    ),
    Corpus(
        "lhotse", "a corpus in Lhotse's manifests", "whatever `lhotse prepare` knows, more than 100 corpora", (), "",
        "https://lhotse.readthedocs.io", "pairs of *recordings*.jsonl.gz and *supervisions*.jsonl.gz",
        lhotse_sets.prepared,
    ),
    Corpus(
        "hub", "a data set in the hub's format", "any data set with a column of sound", (), "",
        "https://huggingface.co/datasets", "hub:OWNER/NAME (or hub:FOLDER) as the place",
        folders.not_on_disk, hub="any",
    ),
)  # fmt: skip

for _corpus in _ALL:
    CORPORA.register(_corpus.name, _corpus)
