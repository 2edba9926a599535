"""What clients get: samples as PNG, npy or JSON, and what went wrong as a problem detail (RFC 9457).

N = samples.
"""

import io
import zlib
from base64 import b64encode
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import msgspec
import numpy as np
from PIL import Image
from starlette.responses import Response

from ganzoo.sampling.grid import draw_grid, drawable
from ganzoo.sampling.scatter import draw_scatter
from ganzoo.serving.asking import Order
from ganzoo.serving.facts import Problem, Samples
from ganzoo.serving.models import Model

JSON, NPY, PNG, PROBLEM = "application/json", "application/octet-stream", "image/png", "application/problem+json"
FAST = {"compress_level": 1, "compress_type": zlib.Z_RLE}  # a third of the usual time, for a tenth more bytes


def problem(status: int, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    """A sentence that says what is wrong, as JSON."""
    content = Problem("about:blank", HTTPStatus(status).phrase, status, detail)
    return Response(msgspec.json.encode(content), status, headers, PROBLEM)


def as_json(content: Any) -> Response:
    return Response(msgspec.json.encode(content), media_type=JSON)


def as_npy(array: np.ndarray) -> Response:
    """In numpy's own format, version 1.0, which other languages read with ease."""
    file = io.BytesIO()
    np.lib.format.write_array(file, np.ascontiguousarray(array), (1, 0), allow_pickle=False)
    return Response(file.getvalue(), media_type=NPY)


def samples_as_png(samples: np.ndarray) -> Response:
    """One picture: a grid of pictures uint8 [N, H, W, C] in their own pixels, or a plot of points float32 [N, D]."""
    picture = draw_grid(samples, enlarge=False) if samples.ndim == 4 else draw_scatter(samples)
    return Response(png_of(picture), media_type=PNG)


def samples_as_json(model: Model, order: Order, samples: np.ndarray) -> Response:
    """Pictures as addresses that an `<img>` takes, or points as numbers."""
    seeds = None if order.seeds is None else order.seeds.tolist()
    labels = None if order.labels is None else order.labels.tolist()
    if samples.ndim == 4:
        pictures = [address_of(picture) for picture in drawable(samples)]
        return as_json(Samples(model.name, seeds, labels, order.truncation, pictures=pictures))
    return as_json(Samples(model.name, seeds, labels, order.truncation, points=samples.tolist()))


def address_of(picture: np.ndarray) -> str:
    """A picture uint8 [H, W, 1 or 3] as a `data:` URL."""
    image = Image.fromarray(picture[:, :, 0] if picture.shape[2] == 1 else picture)
    return "data:image/png;base64," + b64encode(png_of(image)).decode("ascii")


def png_of(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "PNG", **FAST)
    return file.getvalue()
