"""`stepwave prepare scripts|rewrite|translations|texts`: what is to be said, before anybody says it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from stepwave.commands.prepare.running import OnRay, Seed, To, Workers, run

if TYPE_CHECKING:
    from stepwave.prepare.pipeline.steps import Step
    from stepwave.prepare.writing.writer import Endpoint

Llm = Annotated[
    str | None,
    typer.Option(
        "--llm",
        metavar="URL",
        help="OpenAI-compatible endpoint, such as http://127.0.0.1:8080/v1 (llama.cpp; Ollama 11434, vLLM 8000).",
    ),
]
LlmModel = Annotated[str | None, typer.Option("--llm-model", help="Name of the model that the endpoint serves.")]
LlmKey = Annotated[
    str, typer.Option("--llm-key-env", metavar="VAR", help="Environment variable with the key; it is stored nowhere.")
]
LlmTimeout = Annotated[float, typer.Option("--llm-timeout", metavar="SECONDS", help="For each answer as a whole.")]
LlmTries = Annotated[int, typer.Option("--llm-tries", min=1, help="Requests for one row at most.")]
LlmTokens = Annotated[
    int, typer.Option("--llm-tokens", min=0, help="Longest answer to ask for; 0 for models that refuse max_tokens.")
]
LlmTemperature = Annotated[float, typer.Option("--llm-temperature", min=0, help="How freely the model draws words.")]
LlmJson = Annotated[
    bool, typer.Option("--llm-json/--no-llm-json", help="Ask for a JSON object; off if the endpoint cannot.")
]
Language = Annotated[str, typer.Option(help="ISO 639-1 code, such as en or zh.")]
Licence = Annotated[str, typer.Option(help="Licence of the texts, where they do not say it themselves.")]
Digits = Annotated[bool, typer.Option("--digits", help="Let digits pass, which a voice reads as it sees fit.")]
TestShare = Annotated[float, typer.Option(min=0, max=1, help="Share of the texts that is held out as `test`.")]
Column = Annotated[int, typer.Option(min=1, help="Which column of a table set apart by tabs.")]


def scripts(
    to: To,
    count: Annotated[int, typer.Option(min=1, help="Conversations.")] = 1000,
    seed: Seed = 0,
    clinc: Annotated[Path | None, typer.Option(help="CLINC150's data_full.json: more ways to ask, CC BY 3.0.")] = None,
    instructions: Annotated[
        float, typer.Option(min=0, max=1, help="Share of the conversations with emotion or speed instructions.")
    ] = 0.4,
    exchanges: Annotated[int, typer.Option(min=1, max=5, help="Most exchanges of a conversation.")] = 5,
    topics: Annotated[Path | None, typer.Option(help="With --llm: a list of topics, one a line.")] = None,
    language: Language = "en",
    licence: Licence = "",
    llm: Llm = None,
    llm_model: LlmModel = None,
    llm_key_env: LlmKey = "",
    llm_timeout: LlmTimeout = 120.0,
    llm_tries: LlmTries = 3,
    llm_tokens: LlmTokens = 2000,
    llm_temperature: LlmTemperature = 0.9,
    llm_json: LlmJson = True,
    workers: Workers = None,
    ray: OnRay = False,
) -> None:
    """Write scripts of conversations: drawn from grammars, or by a language model from topics.

    One request a conversation; each worker waits for one answer at a time, so use as many as the endpoint serves.

    Example: stepwave prepare scripts --to runs/scripts --count 2000
    """
    from stepwave.facts.errors import ConfigError
    from stepwave.prepare.writing.asking import Tries
    from stepwave.prepare.writing.drawn import DrawnScripts
    from stepwave.prepare.writing.styles import Instructions
    from stepwave.prepare.writing.written import WrittenScripts

    asked = Instructions(language, instructions, exchanges)
    writer = _endpoint(llm, llm_model, llm_key_env, llm_timeout, llm_tokens, llm_temperature, llm_json)
    step: Step
    if writer is None:
        if topics is not None or licence:
            raise ConfigError(
                "--topics and --licence go with --llm: the grammars have topics and licences of their own"
            )
        step = DrawnScripts(count, seed, clinc, asked)
    else:
        if clinc is not None:
            raise ConfigError("--clinc goes with the grammars, not with --llm; leave one of them out")
        step = WrittenScripts(count, writer, seed, topics, asked, tries=Tries(llm_tries), licence=licence)
    run(step, to, workers, ray)


def rewrite(
    source: Annotated[Path, typer.Argument(help="A manifest or its folder, or chat messages as JSON lines.")],
    to: To,
    by: Annotated[Literal["rules", "llm"], typer.Option(help="Rules need no model and know English only.")] = "rules",
    longest: Annotated[int, typer.Option(min=1, help="Most words of a turn (letters, where none are set apart).")] = 60,
    language: Language = "en",
    seed: Seed = 0,
    llm: Llm = None,
    llm_model: LlmModel = None,
    llm_key_env: LlmKey = "",
    llm_timeout: LlmTimeout = 120.0,
    llm_tries: LlmTries = 3,
    llm_tokens: LlmTokens = 2000,
    llm_temperature: LlmTemperature = 0.3,
    llm_json: LlmJson = True,
    workers: Workers = None,
    ray: OnRay = False,
) -> None:
    """Turn written conversations into scripts: as people talk, numbers as words, nothing that can only be read.

    What was written is kept in each record's details.

    Example: stepwave prepare rewrite chats.jsonl --to runs/scripts
    """
    from stepwave.facts.errors import ConfigError
    from stepwave.prepare.writing.asking import Tries
    from stepwave.prepare.writing.rewrite import Rewrite
    from stepwave.prepare.writing.speakable import Lengths

    writer = _endpoint(llm, llm_model, llm_key_env, llm_timeout, llm_tokens, llm_temperature, llm_json)
    if (writer is not None) != (by == "llm"):
        raise ConfigError("--by llm and --llm URL go together; give both, or neither to rewrite by rules")
    step = Rewrite(source, writer, seed, language, Lengths(1, longest), tries=Tries(llm_tries))
    run(step, to, workers, ray)


def translations(
    file: Annotated[Path, typer.Argument(help="Lines of SOURCE, tab, TARGET and, if any, tab, licence.")],
    to: To,
    source: Annotated[str, typer.Option(help="Language of the first column, ISO 639-1.")] = "en",
    target: Annotated[str, typer.Option(help="Language of the second column.")] = "zh",
    direction: Annotated[
        Literal["forward", "backward", "both"], typer.Option(help="From the first to the second, back, or drawn.")
    ] = "both",
    share: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KIND=SHARE", help="How often s2tt, t2st, s2st are drawn; s2tt=2 t2st=1 s2st=2 by default."
        ),
    ] = None,
    count: Annotated[int, typer.Option(min=0, help="Pairs to take; 0 takes all.")] = 0,
    test_share: TestShare = 0.05,
    licence: Licence = "",
    digits: Digits = False,
    seed: Seed = 0,
    workers: Workers = None,
    ray: OnRay = False,
) -> None:
    """Plan speech translation from parallel sentences.

    Example: stepwave prepare translations eng-cmn.tsv --to runs/scripts --direction forward --share s2tt=1
    """
    from stepwave.prepare.writing.translations import Translations

    shares = _shares(share) or {"s2tt": 2.0, "t2st": 1.0, "s2st": 2.0}
    step = Translations(
        file, (source, target), direction, shares, count, seed, digits=digits, test_share=test_share, licence=licence
    )
    run(step, to, workers, ray)


def texts(
    file: Annotated[Path, typer.Argument(help="A sentence a line, or a table; running text with --interleaved.")],
    to: To,
    interleaved: Annotated[
        bool, typer.Option("--interleaved", help="Monologues of consecutive sentences, spoken and written in turn.")
    ] = False,
    share: Annotated[
        list[str] | None,
        typer.Option(metavar="KIND=SHARE", help="How often asr, tts, text are drawn; asr and tts alike by default."),
    ] = None,
    column: Column = 1,
    language: Language = "en",
    fewest: Annotated[int, typer.Option(min=1, help="Fewest words of a sentence (or letters).")] = 2,
    most: Annotated[int, typer.Option(min=1, help="Most words of a sentence (or letters).")] = 40,
    count: Annotated[int, typer.Option(min=0, help="Sentences or monologues to take; 0 takes all.")] = 0,
    test_share: TestShare = 0.05,
    licence: Licence = "",
    digits: Digits = False,
    seed: Seed = 0,
    workers: Workers = None,
    ray: OnRay = False,
) -> None:
    """Make scripts of plain sentences: to be transcribed, to be read, or monologues.

    Example: stepwave prepare texts sentences.txt --to runs/scripts --share asr=1 --share tts=2
    """
    from stepwave.facts.errors import ConfigError
    from stepwave.prepare.writing.monologues import Monologues
    from stepwave.prepare.writing.speakable import Lengths
    from stepwave.prepare.writing.texts import Texts

    lengths = Lengths(fewest, most)
    step: Step
    if interleaved:
        if share:
            raise ConfigError("--share is for asr and tts; --interleaved makes monologues alone")
        step = Monologues(
            file, column, language, (2, 6), count, seed, lengths, digits, test_share=test_share, licence=licence
        )
    else:
        shares = _shares(share) or {"asr": 1.0, "tts": 1.0}
        step = Texts(file, column, language, shares, count, seed, lengths, digits, test_share, licence)
    run(step, to, workers, ray)


def _endpoint(
    url: str | None, model: str | None, key_env: str, timeout: float, tokens: int, temperature: float, json_mode: bool
) -> Endpoint | None:
    from stepwave.facts.errors import ConfigError
    from stepwave.prepare.writing.writer import Endpoint

    if url is None:
        if model or key_env:
            raise ConfigError("--llm-model and --llm-key-env go with --llm URL; name the endpoint")
        return None
    return Endpoint(
        url,
        model or "",
        key_env,
        timeout,
        answer_tokens=tokens,
        temperature=temperature,
        json_mode=json_mode,
    )


def _shares(written: list[str] | None) -> dict[str, float]:
    from stepwave.facts.errors import ConfigError

    shares: dict[str, float] = {}
    for each in written or ():
        kind, _, share = each.partition("=")
        try:
            shares[kind] = float(share)
        except ValueError:
            raise ConfigError(f"{each!r} is no share; wanted KIND=NUMBER, such as {kind or 'asr'}=0.5") from None
    return shares
