"""The suite `voices`: whether the model goes on in the voice that a library holds, for every voice there is."""

from typing import Final

from stepwave.evaluation.declaration import Check, Places, Suite
from stepwave.evaluation.figures import Measure, Target
from stepwave.evaluation.items import Item, Sound
from stepwave.evaluation.scoring import measures
from stepwave.tools.voices.opening import open_libraries

SENTENCES: Final = (
    "The train to the coast leaves at nine in the morning.",
    "Please bring some bread and a bottle of milk from the shop.",
    "It will be warm today, with a little rain in the evening.",
    "My sister has read all of these books more than once.",
)
"""What is said, a sentence for each voice in turn. None is what a clip says."""


def library_voices(places: Places) -> list[Item]:
    """Every voice of the user's library and of the project's, with a sentence to say."""
    found = [(library, entry) for library in open_libraries() for entry in library.store.entries()]
    return [
        Item(entry.name, SENTENCES[number % len(SENTENCES)], Sound(str(library.clip_path(entry))))
        for number, (library, entry) in enumerate(found)
    ]


SUITE: Final = Suite(
    "voices",
    "timbre switching: how near to a clip its voice comes, against the model's own voice",
    (
        Check(
            "timbre",
            "a sentence in the voice of a clip",
            "every voice of the libraries; likeness is the cosine of CAM++ embeddings, 1 for the same voice",
            library_voices,
            "say_as",
            (
                Measure("likeness to the clip", measures.likeness, ""),
                Measure("likeness of the model's own voice to the clip", measures.own_likeness, ""),
                Measure("how much nearer", measures.nearer, "", target=Target(0.1, "higher")),
                Measure("voices that came nearer", measures.is_nearer),
                Measure("read back, word error", measures.read_back),
            ),
        ),
    ),
)
