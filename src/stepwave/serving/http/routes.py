"""All of OpenAI's HTTP interface, put into an application."""

from __future__ import annotations

from fastapi import FastAPI

from stepwave.serving.http import chat_route, models_route, speech_route, transcription_route
from stepwave.serving.http.door import Door
from stepwave.serving.http.kept_answers import KeptAnswers
from stepwave.serving.service import Service


def add_http(app: FastAPI, service: Service) -> None:
    """Add the routes and the door before them. What is added to the application later stands outside of the door."""
    app.state.kept_answers = KeptAnswers()
    app.add_middleware(Door, service=service)
    for room in (models_route, chat_route, transcription_route, speech_route):
        app.include_router(room.router)
