"""Asks a running `stepwave serve` recorded questions by Pipecat's OpenAI Realtime service, and keeps the answers.

    pip install 'pipecat-ai[openai]'
    export OPENAI_API_KEY=TOKEN
    python examples/pipecat_client.py ws://127.0.0.1:8000/v1/realtime examples/question.wav

The service is the unmodified one: only `base_url` differs. In place of the recordings and the file stand a microphone
and a loudspeaker where one of Pipecat's transports is put around the same two processors.
"""

import asyncio
import os
import sys

import numpy as np
import soundfile
from pipecat.frames.frames import (
    ErrorFrame,
    Frame,
    InputAudioRawFrame,
    LLMFullResponseEndFrame,
    LLMRunFrame,
    TTSAudioRawFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.services.openai.realtime import events
from pipecat.services.openai.realtime.llm import OpenAIRealtimeLLMService
from pipecat.workers.runner import WorkerRunner

RATE = 24_000
FRAME_SECONDS = 0.02
MOST_SECONDS = 120


class Recorder(FrameProcessor):
    """Stands where a loudspeaker would: keeps the sound, and tells when an answer is over."""

    def __init__(self) -> None:
        super().__init__()
        self._sound = bytearray()
        self._answered = asyncio.Event()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Look at a frame on its way, and let it pass."""
        await super().process_frame(frame, direction)
        if isinstance(frame, TTSAudioRawFrame):
            self._sound += frame.audio
        elif isinstance(frame, LLMFullResponseEndFrame) and self._sound:
            self._answered.set()
        await self.push_frame(frame, direction)

    async def keep(self, path: str) -> None:
        """Wait for the end of an answer, and write it to a file."""
        await self._answered.wait()
        soundfile.write(path, np.frombuffer(bytes(self._sound), "<i2"), RATE)
        print(f"{path}: {len(self._sound) / 2 / RATE:.2f} s")
        self._sound.clear()
        self._answered.clear()


async def speak(worker: PipelineWorker, path: str) -> None:
    """Send a recording as a microphone would, with the silence after it that ends a turn."""
    samples, rate = soundfile.read(path, dtype="int16", always_2d=True)
    sound = np.concatenate([samples[:, 0], np.zeros(rate, np.int16)])
    size = round(rate * FRAME_SECONDS)
    for start in range(0, len(sound), size):
        await worker.queue_frame(InputAudioRawFrame(sound[start : start + size].tobytes(), rate, 1))
        await asyncio.sleep(FRAME_SECONDS)


async def main(url: str, paths: list[str]) -> None:
    """Ask each recording, one after the other, in one session."""
    audio = events.AudioConfiguration(input=events.AudioInput(transcription=events.InputAudioTranscription()))
    service = OpenAIRealtimeLLMService(
        api_key=os.environ["OPENAI_API_KEY"],
        base_url=url,
        settings=OpenAIRealtimeLLMService.Settings(
            model="nano", session_properties=events.SessionProperties(audio=audio, max_output_tokens=300)
        ),
    )
    # The first context that reaches the service asks for an answer: as in Pipecat's own examples, the model begins.
    context = LLMContext([{"role": "developer", "content": "Say hello."}])
    pair = LLMContextAggregatorPair(context)
    recorder = Recorder()
    pipeline = Pipeline([pair.user(), service, recorder, pair.assistant()])
    worker = PipelineWorker(pipeline, params=PipelineParams(audio_in_sample_rate=RATE, audio_out_sample_rate=RATE))

    @service.event_handler("on_error")
    async def failed(_: object, error: ErrorFrame) -> None:
        print(f"error: {error.error}")

    async def ask() -> None:
        try:
            async with asyncio.timeout(MOST_SECONDS):
                await worker.queue_frame(LLMRunFrame())
                await recorder.keep("greeting.wav")
                for number, path in enumerate(paths, 1):
                    await speak(worker, path)
                    await recorder.keep(f"answer-{number}.wav")
                await asyncio.sleep(3)  # for what is written down after the answer
                for message in context.get_messages():
                    print(message)
        finally:
            await worker.cancel()

    runner = WorkerRunner()
    await runner.add_workers(worker)
    asking = asyncio.create_task(ask())
    await runner.run()
    await asking


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2:]))
