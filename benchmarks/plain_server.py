"""A bundle behind a plain FastAPI handler, one request at a time: `python -m benchmarks.plain_server BUNDLE PORT`.

The peer of `benchmarks.serving`: the handler is the event loop's own, without batches and without bounds.
"""

import io
import sys
from base64 import b64encode
from typing import Any, Literal

import numpy as np
import uvicorn
from fastapi import FastAPI
from fastapi.responses import JSONResponse, Response
from PIL import Image
from pydantic import BaseModel

from ganzoo.sampling.grid import draw_grid
from ganzoo.sampling.sampler import Sampler


class Wanted(BaseModel):
    """What is asked for."""

    count: int = 16
    seed: int = 0
    format: Literal["png", "npy", "json"] = "png"


def png(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def make_app(bundle: str) -> FastAPI:
    """One address, `/samples`."""
    app, sampler = FastAPI(), Sampler(bundle, "cpu")

    @app.post("/samples")
    async def samples(wanted: Wanted) -> Response:
        pictures = sampler.sample(wanted.count, wanted.seed)
        if wanted.format == "npy":
            file = io.BytesIO()
            np.save(file, pictures)
            return Response(file.getvalue(), media_type="application/octet-stream")
        if wanted.format == "png":
            return Response(png(draw_grid(pictures, enlarge=False)), media_type="image/png")
        content: dict[str, Any] = {
            "pictures": [b64encode(png(Image.fromarray(each[:, :, 0]))).decode() for each in pictures]
        }
        return JSONResponse(content)

    return app


if __name__ == "__main__":
    uvicorn.run(make_app(sys.argv[1]), port=int(sys.argv[2]), log_level="warning", access_log=False)
