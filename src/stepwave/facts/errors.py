"""The tree of exceptions a caller may meet. Mistakes of our own stay plain `AssertionError` or `ValueError`.

    StepwaveError
    +-- AudioError
    |   +-- AudioNotFoundError       nothing at that place, or it may not be read
    |   +-- AudioFormatError         not audio, damaged, or a layout that cannot be read
    |   +-- AudioEmptyError          no samples at all
    |   +-- AudioTooShortError       fewer samples than the step needs
    |   +-- AudioTooLongError        more than the bound allows
    |   +-- AudioValueError          NaN, infinite or unscaled samples
    +-- CheckpointError
    |   +-- CheckpointNotFoundError  nothing at that place
    |   +-- CheckpointIncompleteError  files or tensors are missing, half-written or unexpected
    |   +-- CheckpointShapeError     a tensor has another shape or type than the configuration asks for
    |   +-- UnsafeFileError          a file whose reading could run code
    +-- TextError
    |   +-- TokenizerError           the tokenizer lacks what the model needs
    |   +-- TemplateError            a conversation that cannot be written as a prompt
    |   +-- MarkupError              tool-call markup that cannot be written
    +-- DataError                    a record, manifest or corpus that cannot be used
    +-- ServiceError                 a synthesis engine, a listener or an endpoint failed
    |   +-- LanguageServerError      the server that has the language model failed
    |   +-- StoppingError            this server stops before it is done
    +-- ConfigError                  a setting outside its range, or settings that contradict each other
    |   +-- RegistryError            an unknown name, or a name used twice
    +-- TrainingError                a run cannot go on: its losses are not finite
    +-- OutputError                  a result could not be stored
    +-- MissingExtraError            an optional package is not installed
    +-- ToolError                    a tool failed or was called wrongly
    +-- ProtocolError                a client sent what the wire format does not allow

Every message says what came, what was wanted and what to do, in one line.
"""


def short_reason(problem: BaseException) -> str:
    """What an error of a library says, for a message of one line: its first line that isn't blank, else its type."""
    said = str(problem).strip()
    return said.splitlines()[0].rstrip() if said else type(problem).__name__


class StepwaveError(Exception):
    """Base of everything a user can cause; catching it catches them all."""


class AudioError(StepwaveError):
    """A recording cannot be used."""


class AudioNotFoundError(AudioError):
    """There is no recording at the place named, or it may not be read."""


class AudioFormatError(AudioError):
    """The bytes are no audio, are damaged, or have a layout that cannot be read."""


class AudioEmptyError(AudioError):
    """The recording holds no samples."""


class AudioTooShortError(AudioError):
    """The recording has fewer samples than this step needs."""


class AudioTooLongError(AudioError):
    """The recording is longer than the bound in force."""


class AudioValueError(AudioError):
    """The samples hold NaN or infinity, or are far from the full scale of 1.0."""


class CheckpointError(StepwaveError):
    """A model folder or file cannot be used."""


class CheckpointNotFoundError(CheckpointError):
    """There is no checkpoint at the place named."""


class CheckpointIncompleteError(CheckpointError):
    """Files or tensors are missing, half-written or unexpected."""


class CheckpointShapeError(CheckpointError):
    """A tensor differs in shape or type from what the configuration asks for."""


class UnsafeFileError(CheckpointError):
    """Reading the file could run code (a pickle, for instance), so it is refused."""


class TextError(StepwaveError):
    """Text, tokens or a conversation cannot be used."""


class TokenizerError(TextError):
    """The tokenizer cannot be read or lacks tokens the model needs."""


class TemplateError(TextError):
    """The conversation cannot be written as a prompt."""


class MarkupError(TextError):
    """A tool call or a tool list cannot be written in the model's markup."""


class ConfigError(StepwaveError):
    """A setting lies outside its range, or settings contradict each other."""


class RegistryError(ConfigError):
    """A name is unknown to a registry, or was registered twice."""


class DataError(StepwaveError):
    """A record, a manifest or a corpus lacks what it needs or holds what nobody knows."""


class ServiceError(StepwaveError):
    """A synthesis engine, a listener or an endpoint gave nothing usable, or nothing in time."""


class LanguageServerError(ServiceError):
    """The server that has the language model gave nothing usable, or nothing in time."""


class StoppingError(ServiceError):
    """This server stops before it is done with what was asked."""


class TrainingError(StepwaveError):
    """A training run cannot go on."""


class OutputError(StepwaveError):
    """A result could not be written (disk full, no permission, no such folder)."""


class ToolError(StepwaveError):
    """A tool failed or was called with arguments it does not take."""


class ProtocolError(StepwaveError):
    """A client sent something that the wire format does not allow at this point."""


class MissingExtraError(StepwaveError):
    """An optional package is missing; the message names the extra that brings it."""

    def __init__(self, extra: str, package: str | None = None) -> None:
        subject = f"the package '{package}'" if package else "a package"
        super().__init__(f"this needs {subject}, which is not installed; run: pip install 'stepwave[{extra}]'")
        self.extra = extra
        self.package = package
