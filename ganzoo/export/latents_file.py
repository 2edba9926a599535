"""A prior as an ONNX graph: `seed` int64 [N] → `latents` float32 [N, Z], to the last bit what numpy and torch give.

Seeds are keys of Philox4x32-10, a generator without state (Salmon, Moraes, Dror, Shaw, 2011, "Parallel random numbers:
as easy as 1, 2, 3"): each seed gives its own words of 32 bits, whatever else is in the batch. The prior makes latents
of them; normals are a table of the inverse distribution function, right to within 3.5e-6.

All of it is arithmetic of int64, until one cast to float32 and products that every machine rounds alike: hence the same
latents in Python, in C and in a browser. There is no float64 and no uint64, which some browsers lack.

The graph is no second implementation: `seed_words` and the prior's own `from_words` are run on traced arrays.
"""

import numpy as np
import onnx
from onnx import TensorProto, helper

from ganzoo.core.errors import ExportFailed, first_line
from ganzoo.export.onnx_file import IR_VERSION, OPSET, check_graph
from ganzoo.export.tracing import Trace, Traced, refusal
from ganzoo.latents import Latents, seed_words
from ganzoo.sampling.providers import open_session

EDGES = np.array([0, -1, -(2**63), 2**63 - 1, 2**32, 2**32 - 1, -(2**32), 1, 2, 2**31, -(2**62)])  # seeds
BATCH_SIZES = (1, 2, 3, 7, 500)  # the edges, then random seeds


def latents_to_onnx(prior: Latents) -> onnx.ModelProto:
    """The graph, proved. Raises ExportFailed for a prior that cannot be traced, or that draws otherwise there."""
    trace = Trace()
    latents = traced(prior, Traced(trace, "seed", EDGES))
    trace.nodes.append(helper.make_node("Identity", [latents.name], ["latents"]))
    graph = helper.make_graph(
        trace.nodes,
        "latents",
        [helper.make_tensor_value_info("seed", TensorProto.INT64, ["N"])],
        [helper.make_tensor_value_info("latents", TensorProto.FLOAT, ["N", prior.size])],
        list(trace.constants.values()),
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    check_graph(model)
    prove(model, prior)
    return model


def traced(prior: Latents, seeds: Traced) -> Traced:
    """Float32 [N, Z] of the graph. Raises ExportFailed where the prior gives anything else."""
    try:
        with np.errstate(divide="raise"):
            latents = prior.from_words(seed_words(seeds, prior.words))
    except ExportFailed:
        raise
    except Exception as error:  # a prior may raise anything, and so do numpy and torch on what they do not know
        raise refusal(f"{type(error).__name__}: {first_line(error)}") from error
    if not isinstance(latents, Traced):
        raise refusal(f"from_words gives a {type(latents).__name__} that does not depend on the words")
    expected = (len(EDGES), prior.size)
    if latents.dtype != np.float32 or latents.shape != expected:
        raise refusal(f"for {expected[0]} latents of size {expected[1]} it gives {latents.dtype} {list(latents.shape)}")
    return latents


def prove(model: onnx.ModelProto, prior: Latents) -> None:
    """Raise ExportFailed unless onnxruntime gives, in batches, the very bits that numpy gives for all seeds at once."""
    more = np.random.default_rng(0).integers(-(2**63), 2**63, sum(BATCH_SIZES) - len(EDGES))
    seeds = np.concatenate([EDGES, more])
    cuts = np.cumsum(BATCH_SIZES)[:-1]
    try:
        with np.errstate(divide="raise"):  # by which onnxruntime would end the process
            expected = prior.from_words(seed_words(seeds, prior.words))
        session = open_session(model.SerializeToString(), "cpu")
        found = [session.run(None, {"seed": batch})[0] for batch in np.split(seeds, cuts)]
    except Exception as error:  # a prior may raise anything, and onnxruntime's exceptions share no base
        raise ExportFailed(
            f"The prior's graph does not run: {first_line(error)}. A from_words that takes the size of its batch for a "
            "number that never changes is the usual cause."
        ) from error
    if not np.isfinite(expected).all():
        raise ExportFailed("The prior draws latents that are NaN or infinite; nothing can be made of those.")
    for latents, batch in zip(found, np.split(expected, cuts), strict=True):
        if latents.shape != batch.shape or latents.tobytes() != batch.tobytes():
            raise ExportFailed(
                f"In a batch of {len(batch)} the prior's graph gives other latents than numpy; each latent must be "
                "made of its own words, by arithmetic that is exact, and no array be changed under a second name."
            )
