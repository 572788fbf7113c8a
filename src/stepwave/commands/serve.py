"""`stepwave serve`: the speech server, its page included."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from stepwave.commands import options, tool_options
from stepwave.commands.console import Steps, complain, tell
from stepwave.commands.extras import need_server

if TYPE_CHECKING:
    from stepwave.dialogue.stepwave import Stepwave

Place = Literal["local", "vllm"]
_LEAST_WAITING = 64
_WAITING_PER_SESSION = 2  # an answer, and the writing down of a question


def serve(
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="Port to listen on; 0 for any free one.")
    ] = 8000,
    model: options.Model = "nano",
    token: Annotated[
        str | None,
        typer.Option(
            "--token",
            envvar="STEPWAVE_TOKEN",
            show_envvar=True,
            help="What clients must send as API key; made anew each time unless told.",
        ),
    ] = None,
    no_token: Annotated[bool, typer.Option("--no-token", help="Let in whoever is on this machine.")] = False,
    sessions: Annotated[int, typer.Option("--sessions", min=1, help="Conversations at once.")] = 8,
    engine: Annotated[
        Place, typer.Option("--engine", help="Where the language model runs: in this process, or in a vLLM server.")
    ] = "local",
    url: Annotated[
        str | None, typer.Option("--url", metavar="URL", help="The vLLM server, such as http://127.0.0.1:8000.")
    ] = None,
    url_key: Annotated[
        str | None,
        typer.Option("--url-key", envvar="STEPWAVE_URL_KEY", show_envvar=True, help="The vLLM server's --api-key."),
    ] = None,
    url_model: Annotated[
        str | None,
        typer.Option("--url-model", metavar="NAME", help="The vLLM server's name of the model, if not its only one."),
    ] = None,
    tools: tool_options.Tools = None,
    mcp: tool_options.Mcp = None,
    library: Annotated[
        list[Path] | None,
        typer.Option(
            "--library",
            metavar="FOLDER",
            help="A voice library whose voices clients may choose and the model may find; can be given several times.",
        ),
    ] = None,
    store: Annotated[
        str | None,
        typer.Option(
            "--store", metavar="ADDRESS", help="postgresql://... where the entries of --library are in a database."
        ),
    ] = None,
    no_libraries: Annotated[
        bool, typer.Option("--no-libraries", help="Offer the voices stored with the model alone.")
    ] = False,
    device: options.Device = None,
    threads: options.Threads = None,
) -> None:
    """Serve the model: OpenAI's HTTP and Realtime protocols, and a page to talk to it.

    Everything is done on this computer. With --engine vllm the language model runs in the server at --url, which gets
    the conversations and their sound. What --tools names is run here, with your rights, for whoever talks to the
    model. Clients choose from the voices stored with the model, in the project's voice library, and in your own. They
    need the address and, as their API key, the token that is printed. Ctrl-C stops the server when the answers under
    way are told; a second Ctrl-C at once.

    \b
    Examples:
      stepwave serve                          then open the address it prints
      stepwave serve --model my-model --port 9000
      stepwave serve --tools date_time --mcp mcp.json
      stepwave serve --library my-voices
      stepwave serve --library /shared/voices --store postgresql://me@db.example/voices
      stepwave serve --engine vllm --url http://127.0.0.1:8001 --sessions 32
      OPENAI_BASE_URL=http://127.0.0.1:8000/v1 OPENAI_API_KEY=TOKEN python my_client.py
    """
    import asyncio
    import secrets

    need_server()
    from stepwave.serving.config import ServerConfig
    from stepwave.serving.listening import listen
    from stepwave.serving.memory import give_back_what_is_freed
    from stepwave.serving.run import serve as run
    from stepwave.serving.server_tools import ServerTools
    from stepwave.serving.service import Service
    from stepwave.serving.turns import Turns
    from stepwave.tools.voices.offered import OfferedVoices, offered_voices
    from stepwave.tools.voices.places import LibraryPlace

    if token is not None and no_token:
        raise typer.BadParameter("give --token or --no-token, not both")
    if (engine == "vllm") != (url is not None):
        raise typer.BadParameter("--engine vllm and --url belong together; give both or neither")
    if library and no_libraries:
        raise typer.BadParameter("give --library or --no-libraries, not both")
    if store is not None and len(library or []) != 1:
        raise typer.BadParameter("--store tells where the entries of one library are; give --library once with it")
    libraries = None if no_libraries else [LibraryPlace(folder, store) for folder in library or []]
    voices = OfferedVoices() if libraries is None else offered_voices(libraries)
    key = None if no_token else token or secrets.token_urlsafe(24)
    config = ServerConfig(host, port, key, model_name=model, most_sessions=sessions)
    give_back_what_is_freed()
    with tool_options.opened_tools(tools, mcp, libraries) as offered, listen(config) as listening:
        own_tools = ServerTools(offered)
        with Steps() as steps:
            steps.now(f"opening {model}")
            talker = _opened(model, device, threads, url, url_key, url_model)
        place = f"http://{f'[{host}]' if ':' in host else host}:{listening.getsockname()[1]}"

        def started() -> None:
            tell(f"page:    {place}/" + (f"#token={key}" if key else ""))
            tell(f"API:     {place}/v1" + (f" (API key: {key})" if key else " (no key needed)"))
            if not config.loopback:
                complain(
                    "this server can be reached from other machines, and its traffic is not encrypted: "
                    "put TLS before it"
                )

        # Answers that a server writes are waited for, each in a thread of its own.
        most = max(_LEAST_WAITING, _WAITING_PER_SESSION * sessions)
        turns = Turns() if url is None else Turns(most, threads=most)
        asyncio.run(run(Service(talker, config, turns, own_tools, voices), listening, started))


def _opened(
    model: str, device: str | None, threads: int | None, url: str | None, key: str | None, name: str | None
) -> Stepwave:
    from stepwave.checkpoints.layouts import open_layout
    from stepwave.checkpoints.locate import locate
    from stepwave.dialogue.engine import use_threads
    from stepwave.dialogue.loading import load
    from stepwave.dialogue.stepwave import Stepwave
    from stepwave.vllm.remote.engine import connect

    if url is None:
        return load(model, device, threads)
    use_threads(threads)
    return Stepwave(connect(open_layout(locate(model)), url, key, name, device))
