"""The table of sounds: labels of corpora and what they stand for."""

from stepwave.prepare.acoustics.sounds import SPEECH, alike, place_of, places, sound_kind

ESC10 = (
    "baby_cry", "chainsaw", "clock_tick", "dog_bark", "fire_crackling", "helicopter", "person_sneeze", "rain",
    "rooster", "sea_waves",
)  # fmt: skip


def test_spellings_of_one_sound_are_one_label() -> None:
    for spelling in ("dog", "dog_bark", "Dog bark", "dog-bark", "Bark"):
        assert sound_kind(spelling).label == "dog"
    assert len({sound_kind(label).label for label in ESC10}) == 10
    assert all(not sound_kind(label).name.startswith("the sound of " + label) for label in ESC10)


def test_a_label_that_nobody_knows_is_called_by_itself() -> None:
    kind = sound_kind("Didgeridoo (deep)")
    assert (kind.role, kind.name) == ("event", "the sound of didgeridoo (deep)")
    assert sound_kind(SPEECH).role == "speech"


def test_the_table_refers_to_sounds_that_it_holds() -> None:
    known = {label for place in places() for label in place.telling | place.fitting}
    known |= {other for label in list(known) for other in sound_kind(label).like}
    for label in known:
        assert not sound_kind(label).name.startswith("the sound of " + label.replace("_", " ")), label
        assert sound_kind(label).label == label
    for place in places():
        assert not place.telling & place.fitting
    for label in ("rain", "bus", "sea waves", "subway station", "clock_tick"):
        assert sound_kind(label).role == "scenario"
        assert sound_kind(label).place


def test_what_may_be_taken_for_another_sound_counts_as_alike_both_ways() -> None:
    assert alike("rain", "thunderstorm")
    assert alike("thunderstorm", "rain")
    assert alike("dog", "dog")
    assert not alike("dog", "rain")


def test_a_place_needs_a_telling_sound_and_no_contradiction() -> None:
    farm = place_of(["dog", "rooster"])
    assert farm is not None
    assert (farm[0].name, farm[1]) == ("a farm", "rooster")
    assert place_of(["dog", "rain"]) is None
    assert place_of(["rooster", "sea_waves"]) is None
    assert place_of(["rooster", "keyboard_typing"]) is None
