"""`stepwave reply`: a recorded question in, a spoken answer out."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated

import typer

from stepwave.commands import options, tool_options
from stepwave.commands.console import Steps, complain, print_json, printable, tell
from stepwave.commands.voice_choice import chosen_voice
from stepwave.facts.errors import OutputError

ANSWER = Path("answer.wav")


def reply(
    question: Annotated[Path, typer.Argument(metavar="QUESTION", help="A recording: wav, flac, ogg or mp3.")],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE", show_default=str(ANSWER), help=options.OUTPUT_HELP),
    ] = None,
    text: Annotated[bool, typer.Option("--text", help="Answer in writing; no sound is made.")] = False,
    voice: options.Voice = None,
    model: options.Model = "nano",
    max_seconds: Annotated[
        float | None, typer.Option("--max-seconds", min=0.1, help="Longest answer; a minute unless told otherwise.")
    ] = None,
    tools: tool_options.Tools = None,
    mcp: tool_options.Mcp = None,
    trace: tool_options.Trace = False,
    conversation: Annotated[
        Path | None,
        typer.Option(
            "--session",
            metavar="FILE",
            help="Go on with the conversation in this file, if it is there, and keep it there.",
        ),
    ] = None,
    json: options.Json = False,
    seed: options.Seed = None,
    device: options.Device = None,
    threads: options.Threads = None,
) -> None:
    """Answer a recorded question aloud.

    Prints what was heard and what is answered, and writes the answer's sound. Everything is done on this computer;
    nothing is sent anywhere, but for what tools send that you offer.

    \b
    Examples:
      stepwave reply question.wav
      stepwave reply question.wav -o answer.flac --voice my-own-voice.wav
      stepwave reply question.wav --text
      stepwave reply question.wav --tools all --trace
      stepwave reply next-question.wav --session talk.safetensors
      stepwave reply question.wav --mcp mcp.json
      stepwave reply question.wav --json | jq .heard
    """
    from stepwave.dialogue.loading import load
    from stepwave.dialogue.saved import save_session
    from stepwave.facts.events import AudioDelta, Event, ToolCallRequest
    from stepwave.signal.atomic import check_target
    from stepwave.signal.files import check_audio_target, write_audio

    if text and (output or voice):
        raise typer.BadParameter("an answer in writing has no sound: leave out --text, or --output and --voice")
    target = output or ANSWER
    if not text:
        check_audio_target(target)
    if conversation is not None:
        check_target(conversation)
    with tool_options.opened_tools(tools, mcp) as offered, Steps() as steps:
        seconds = 0.0

        def listen(event: Event) -> None:
            nonlocal seconds
            if isinstance(event, AudioDelta):
                seconds += len(event.samples) / event.sample_rate
                steps.describe(f"answering, {seconds:.1f} s so far")
            elif isinstance(event, ToolCallRequest):
                steps.describe(printable(f"calling {event.name}"))

        steps.now(f"opening {model}")
        talker = load(model, device, threads)
        samples = talker.hear(question)
        ready = None if text else chosen_voice(talker, voice)
        session = None
        if conversation is not None:
            steps.now("reading what was said before")
            earlier = conversation.exists()
            session = talker.resume(conversation, seed) if earlier else talker.session(seed=seed)
        steps.now("listening")
        result = talker.reply(
            samples, ready, text_only=text, max_seconds=max_seconds, seed=seed, listener=listen,
            tools=offered, confirm=tool_options.asking(steps), session=session,
        )  # fmt: skip
        if conversation is not None and session is not None:
            save_session(session, conversation)
    if not text:
        if not len(result.samples):
            raise OutputError(f"the model gave no sound for an answer to {question}; ask again, or with --text")
        write_audio(target, result.samples, result.sample_rate)
    if result.reason == "length":
        complain("the answer was cut short: it reached --max-seconds, or went round in circles")
    if json:
        answer = None if text else str(target)
        traced = {"trace": tool_options.trace_record(result.rounds)} if trace else {}
        print_json(
            {
                "file": str(question),
                "heard": result.heard,
                "text": result.text,
                "answer": answer,
                "seconds": round(result.seconds, 3),
                "complete": result.reason == "stop",
                "timings": {
                    name: value and round(value, 3) for name, value in dataclasses.asdict(result.timings).items()
                },
                **traced,
            }
        )
        return
    tell(f"heard:  {result.heard}")
    for line in tool_options.trace_lines(result.rounds) if trace else ():
        tell(line)
    tell(f"answer: {result.text}")
    if not text:
        tell(f"sound:  {target} ({result.seconds:.1f} s, the first after {result.timings.first_sound:.1f} s)")
