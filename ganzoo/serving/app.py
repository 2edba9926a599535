"""The API and the page, as an ASGI application.

GET  /                          the page
GET  /v1/models                 all models
GET  /v1/models/NAME            one of them
GET  /v1/models/NAME/preview    a picture of its samples
POST /v1/models/NAME/samples    samples of seeds or of latents
POST /v1/models/NAME/latents    the latents of seeds
GET  /docs, /openapi.json, /health, /metrics
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import TypeVar

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from ganzoo.core.errors import GanzooError, UsageError, did_you_mean
from ganzoo.serving.answers import PNG, as_json, as_npy, problem, samples_as_json, samples_as_png
from ganzoo.serving.asking import LatentsWanted, SamplesWanted, TooMuch, order_of, seeds_wanted
from ganzoo.serving.batching import Batcher, Bounds, Busy, Gone, never
from ganzoo.serving.counters import PROMETHEUS, Counters
from ganzoo.serving.facts import Drawn, Health, ModelFacts, Models
from ganzoo.serving.guard import Guard, body_of
from ganzoo.serving.models import Model, facts_of
from ganzoo.serving.openapi import openapi
from ganzoo.serving.reference import reference

PAGE = Path(__file__).with_name("page")
BOUNDS = Bounds()
CLIENT_LEFT = "ganzoo.client_left"  # of a request's scope, where the server knows: whether nobody waits any more
METHODS = ("GET", "POST")
SMALL = 2**15  # bytes of samples that are written in less time than a thread takes to begin with it, or not much more
Wanted = TypeVar("Wanted")


def make_app(
    models: Mapping[str, Model],
    *,
    token: str | None = None,
    hosts: Sequence[str] = (),
    origins: Sequence[str] = (),
    bounds: Bounds = BOUNDS,
) -> ASGIApp:
    """The application for these models.

    With a `token`, what is asked of models needs it. `hosts`, where there are any, are the names that the server
    answers to. `origins` are the sites, such as "https://example.org", whose pages may ask too.
    """
    api = Api(models, bounds, guarded=token is not None)
    inner = Starlette(routes=api.routes(), exception_handlers=HANDLERS, lifespan=api.alive)
    app = Guard(inner, token, hosts, models, api.counters)  # around all of it: what fails unforeseen is counted, too
    if not origins:
        return app
    takes = ["Authorization", "Content-Type"]
    return CORSMiddleware(
        app, allow_origins=origins, allow_methods=METHODS, allow_headers=takes, expose_headers=["Retry-After"]
    )


class Api:
    """The answers to requests."""

    def __init__(self, models: Mapping[str, Model], bounds: Bounds, guarded: bool) -> None:
        self.models = models
        self.document = openapi(list(models), guarded)
        self.counters = Counters()
        self.batcher = Batcher(bounds, self.counters)

    def routes(self) -> list[Route | Mount]:
        """Every address, the more particular ones first."""
        one = "/v1/models/{name}"
        return [
            Route("/", lambda request: FileResponse(PAGE / "index.html")),
            Route("/page/engine.js", lambda request: FileResponse(PAGE / "server.js")),
            Mount("/page", StaticFiles(directory=PAGE)),
            Route("/v1/models", self.all_models),
            Route(one, self.one_model),
            Route(f"{one}/preview", self.preview),
            Route(f"{one}/samples", self.samples, methods=["POST"]),
            Route(f"{one}/latents", self.latents, methods=["POST"]),
            Route("/openapi.json", lambda request: as_json(self.document)),
            Route("/docs", lambda request: HTMLResponse(reference(self.document, str(request.base_url)))),
            Route("/health", lambda request: as_json(Health("ok", len(self.models)))),
            Route("/metrics", lambda request: Response(self.counters.text(), media_type=PROMETHEUS)),
        ]

    @asynccontextmanager
    async def alive(self, app: Starlette) -> AsyncIterator[None]:
        """While the server runs, samples are drawn."""
        drawing = asyncio.create_task(self.batcher.run())
        yield
        drawing.cancel()
        with suppress(asyncio.CancelledError):
            await drawing
        self.batcher.thread.shutdown()

    async def all_models(self, request: Request) -> Response:
        return as_json(Models([told(model) for model in self.models.values()]))

    async def one_model(self, request: Request) -> Response:
        return as_json(told(self.model(request)))

    async def preview(self, request: Request) -> Response:
        model = self.model(request)
        if model.preview is None:
            raise HTTPException(404, f"{model.name} has no preview.")
        return Response(model.preview, media_type=PNG)

    async def samples(self, request: Request) -> Response:
        model = self.model(request)
        wanted = await parsed(request, SamplesWanted)
        order = order_of(wanted, model.manifest)
        samples = await self.batcher.draw(model, order, request.scope.get(CLIENT_LEFT, never))
        if wanted.format == "npy":
            return as_npy(samples)
        write = partial(samples_as_json, model, order) if wanted.format == "json" else samples_as_png
        return write(samples) if samples.nbytes <= SMALL else await asyncio.to_thread(write, samples)

    async def latents(self, request: Request) -> Response:
        model = self.model(request)
        wanted = await parsed(request, LatentsWanted)
        seeds = seeds_wanted(wanted, model.manifest)
        latents = model.sampler.latents(seeds)  # at once: a few milliseconds at most, and nothing can queue up
        if wanted.format == "npy":
            return as_npy(latents)
        return as_json(Drawn(model.name, seeds.tolist(), latents.tolist()))

    def model(self, request: Request) -> Model:
        """The model of that name. Raises HTTPException where there is none."""
        name = request.path_params["name"]
        if name not in self.models:
            raise HTTPException(404, f"No model is called {name!r}; {did_you_mean(name, self.models)}")
        return self.models[name]


async def parsed(request: Request, kind: type[Wanted]) -> Wanted:
    """The request's body. Raises HTTPException where it is not what the API describes."""
    body = await body_of(request)
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        raise HTTPException(422, f"{error}.") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:  # the latter for strings that are no UTF-8
        raise HTTPException(400, f"The body is no JSON: {error}.") from error


def told(model: Model) -> ModelFacts:
    return facts_of(model.manifest, model.preview is not None)


# What went wrong


async def refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    generic = {
        404: f"There is nothing at {request.url.path}; /docs says what there is.",
        405: f"{request.url.path} does not take {request.method}; /docs says what it takes.",
    }
    said = error.detail != HTTPStatus(error.status_code).phrase  # Starlette's own say no more than their number
    return problem(error.status_code, error.detail if said else generic[error.status_code], error.headers)


async def unsuitable(request: Request, error: Exception) -> Response:
    return problem(422, str(error))


async def gone(request: Request, error: Exception) -> Response:
    """For the counts alone."""
    return problem(400, str(error))


async def too_much(request: Request, error: Exception) -> Response:
    return problem(413, str(error))


async def busy(request: Request, error: Exception) -> Response:
    assert isinstance(error, Busy)
    return problem(429, str(error), {"Retry-After": str(error.seconds)})


async def failed(request: Request, error: Exception) -> Response:
    """An error that no client can help; it is logged with its traceback, by the server, where it is none of ours."""
    return problem(500, str(error) if isinstance(error, GanzooError) else "Something is wrong in the server.")


HANDLERS = {
    HTTPException: refused,
    UsageError: unsuitable,
    Gone: gone,
    TooMuch: too_much,
    Busy: busy,
    GanzooError: failed,
    Exception: failed,
}
