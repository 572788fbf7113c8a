"""`stepwave chat`: talk with the model by the microphone and loudspeaker of this computer."""

from __future__ import annotations

from typing import Annotated

import typer

from stepwave.commands import options, tool_options
from stepwave.commands.console import Steps, complain, tell
from stepwave.commands.voice_choice import chosen_voice


def chat(
    model: options.Model = "nano",
    voice: options.Voice = None,
    instructions: Annotated[
        str | None, typer.Option("--instructions", help="What the model is to be, in place of its own prompt.")
    ] = None,
    headphones: Annotated[
        bool, typer.Option("--headphones", help="Keep listening while it speaks, so that you can interrupt it.")
    ] = False,
    sound_device: Annotated[
        str | None, typer.Option("--sound-device", help="Name of the sound card, or a part of it.")
    ] = None,
    tools: tool_options.Tools = None,
    mcp: tool_options.Mcp = None,
    device: options.Device = None,
    threads: options.Threads = None,
) -> None:
    """Talk with the model. Speak, and wait for its answer; Ctrl-C ends the talk.

    With a loudspeaker the microphone would hear the model itself, so it is off while an answer plays. With
    --headphones it stays on, and speaking interrupts. Before a tool of --tools that changes, costs or reveals
    something is run, you are asked at the terminal.

    \b
    Examples:
      stepwave chat
      stepwave chat --headphones --voice my-own-voice.wav
      stepwave chat --tools all
    """
    import asyncio

    from stepwave.dialogue.loading import load
    from stepwave.serving.config import ServerConfig
    from stepwave.serving.realtime.conversation import Conversation
    from stepwave.serving.server_tools import ServerTools
    from stepwave.serving.service import Service
    from stepwave.serving.sound_card import SoundCard
    from stepwave.serving.terminal import Terminal, Who

    with tool_options.opened_tools(tools, mcp) as offered:
        card = SoundCard(sound_device)
        with Steps() as steps:
            steps.now(f"opening {model}")
            talker = load(model, device, threads)
            chosen = chosen_voice(talker, voice)
            steps.now("warming up")
            talker.warm()

        def show(who: Who, text: str) -> None:
            if who == "error":
                complain(text)
            else:
                tell(f"{who + ':':7}{text}")

        async def converse() -> None:
            service = Service(talker, ServerConfig(model_name=model), tools=ServerTools(offered))
            try:
                with card:
                    tell("Speak; Ctrl-C ends the talk.")
                    conversation = Conversation(service, chosen)
                    session = {} if instructions is None else {"instructions": instructions}
                    consent = tool_options.AskingAside()
                    await Terminal(conversation, card, card, show, headphones, consent).run(session)
            finally:
                service.turns.close()

        asyncio.run(converse())
