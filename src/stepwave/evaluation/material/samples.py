"""Tiny samples in the layouts of real data sets, to try a suite's whole way without them. They give no scores.

Sounds and texts are made for this project and lie in the package (`evaluation/samples/NAME`, CC0).
"""

from pathlib import Path

from stepwave.evaluation.declaration import Places
from stepwave.facts.errors import ConfigError

_SAMPLES = Path(__file__).parent.parent / "samples"


def unsampled(check: str, places: Places) -> None:
    """Raise ConfigError where a sample is wanted of a check that has none."""
    if places.sample:
        raise ConfigError(f"there is no sample of {check}; ask for the whole suite's, of which some check has one")


def sample_or(places: Places, name: str, *inside: str) -> Path:
    """The folder of the sample called `name` where a sample is wanted; else the data set's own folder.

    That is the first of `inside` that is there within the data folder, else the data folder itself. Raises ConfigError
    where there is no such sample.
    """
    if not places.sample:
        return next((places.data / each for each in inside if (places.data / each).is_dir()), places.data)
    if not (_SAMPLES / name).is_dir():
        raise ConfigError("there is no sample of this; name the folder of its data with --data, without --sample")
    return _SAMPLES / name
