"""`stepwave prepare samples|preferences`: a model's answers to the same questions, and pairs of better and worse."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from stepwave.commands import options
from stepwave.commands.prepare.running import OnRay, Seed, StoredAs, To, Workers, run
from stepwave.commands.prepare.writing import Llm, LlmJson, LlmKey, LlmModel, LlmTemperature, LlmTimeout, LlmTries

if TYPE_CHECKING:
    from stepwave.prepare.preferences.ranking import OpensRanker


def samples(
    manifest: Annotated[Path, typer.Argument(help="Records that begin with a human turn, such as conversations.")],
    to: To,
    model: options.Model = "nano",
    count: Annotated[int, typer.Option(min=2, help="Answers to each question.")] = 4,
    seed: Seed = 0,
    temperature: Annotated[float, typer.Option(min=0.01, help="How freely the words are drawn.")] = 0.8,
    top_p: Annotated[float, typer.Option(min=0.01, max=1, help="Share of the likeliest words to draw from.")] = 0.95,
    voice: Annotated[str | None, typer.Option(help="Stored voice that answers; the model's own if not given.")] = None,
    text_only: Annotated[bool, typer.Option("--text-only", help="Answer in writing, without sound.")] = False,
    max_seconds: Annotated[float | None, typer.Option(min=0.1, help="Longest answer.")] = None,
    device: options.Device = None,
    workers: Annotated[
        int, typer.Option(min=0, help="Processes, each with the model and one core; 0 works inside this process.")
    ] = 1,
    ray: OnRay = False,
    codec: StoredAs = "flac",
) -> None:
    """Ask a model each question several times and store the answers, for `preferences` to rank.

    Of each record only the first question is asked.

    Example: stepwave prepare samples runs/conversations --to runs/samples --count 4
    """
    from stepwave.prepare.preferences.samples import AnswerSamples

    step = AnswerSamples(
        manifest, model, count, seed, temperature, top_p, voice, text_only, max_seconds, device
    )  # fmt: skip
    run(step, to, workers, ray, codec)


def preferences(
    samples: Annotated[Path, typer.Argument(help="What `stepwave prepare samples` wrote.")],
    to: To,
    ranker: Annotated[
        Literal["rules", "llm"], typer.Option(help="Weighted measures, or marks by a language model (--llm).")
    ] = "rules",
    margin: Annotated[float, typer.Option(min=0, max=0.99, help="Scores, 0 to 1, must differ by more.")] = 0.1,
    listener: Annotated[
        str,
        typer.Option(help="Rules: who hears whether sound and text agree, such as whisper:FOLDER; nobody if empty."),
    ] = "",
    rounds: Annotated[int, typer.Option(min=1, help="With --llm: markings, each in another order.")] = 2,
    llm: Llm = None,
    llm_model: LlmModel = None,
    llm_key_env: LlmKey = "",
    llm_timeout: LlmTimeout = 120.0,
    llm_tries: LlmTries = 3,
    llm_temperature: LlmTemperature = 0.2,
    llm_json: LlmJson = True,
    seed: Seed = 0,
    workers: Workers = None,
    ray: OnRay = False,
) -> None:
    """Rank the answers to each question and write pairs: the best against each that is clearly worse.

    Example: stepwave prepare preferences runs/samples --to runs/preferences --listener whisper:base.en
    """
    from stepwave.facts.errors import ConfigError
    from stepwave.prepare.preferences.judge import Judge
    from stepwave.prepare.preferences.pairs import Preferences
    from stepwave.prepare.preferences.rules import Rules
    from stepwave.prepare.writing.asking import Tries
    from stepwave.prepare.writing.writer import Endpoint

    if (ranker == "llm") != (llm is not None):
        raise ConfigError("--ranker llm and --llm URL go together; give both or neither")
    chosen: OpensRanker = Rules(listener)
    if llm is not None:
        endpoint = Endpoint(
            llm, llm_model or "", llm_key_env, llm_timeout, temperature=llm_temperature, json_mode=llm_json
        )  # fmt: skip
        chosen = Judge(endpoint, rounds, Tries(llm_tries))
    run(Preferences(samples, chosen, margin, seed), to, workers, ray)
