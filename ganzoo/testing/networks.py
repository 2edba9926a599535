"""Promises of generators, discriminators, and of what wraps them. N = 8 samples, Z = 64."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any, get_args

import torch
from torch import Tensor, nn

from ganzoo.contracts import Verdict
from ganzoo.core.errors import GanzooError
from ganzoo.core.specs import DiscriminatorSpec, GeneratorSpec, Said, SampleSpec, WrapperSpec
from ganzoo.export.contract import check_generator
from ganzoo.export.onnx_file import to_onnx
from ganzoo.export.parity import compare
from ganzoo.testing.report import Inapplicable, ensure
from ganzoo.testing.toys import COUNT, LARGER, SAMPLES, SIZE, Normals, Perceptron, real_samples

Build = Callable[[SampleSpec], nn.Module]
NUDGE = 0.01  # of every weight
FAR = 1000  # times what is usual, where a bound shall show


def every_sample(build: Build) -> list[tuple[SampleSpec, nn.Module]]:
    """The kinds of samples that a network can be built for, and the networks, as if they had trained a little.

    Of the larger pictures, one is enough. Raises Inapplicable where the network fits nothing.
    """
    built: list[tuple[SampleSpec, nn.Module]] = []
    reasons = []
    for sample in (*SAMPLES, *LARGER):
        if built and sample in LARGER:
            break
        try:
            network = build(sample)
        except GanzooError as error:
            reasons.append(str(error))
            continue
        with torch.no_grad():
            for weight in network.parameters():  # last layers may begin at 0
                weight.add_(NUDGE * torch.randn_like(weight))
        built.append((sample, network))
    if not built:
        raise Inapplicable(f"it fits none of the samples of the check: {'; '.join(dict.fromkeys(reasons))}")
    return built


def of_generator(spec: GeneratorSpec) -> list[tuple[SampleSpec, nn.Module]]:
    return every_sample(lambda sample: spec.build(sample, SIZE, spec.options()))


def some_labels(count: int = COUNT) -> Tensor:
    return torch.arange(count) % 10


def draws_the_data_s_shape(spec: GeneratorSpec) -> None:
    """Float32, finite, in [-1, 1] for pictures, however far the latents; every weight has a part in it."""
    for sample, network in of_generator(spec):
        samples = network(torch.randn(COUNT, SIZE), some_labels())
        shape = [COUNT, *sample.shape]
        ensure(list(samples.shape) == shape, f"it draws {list(samples.shape)}, not {shape}; build it for sample.shape")
        ensure(samples.dtype == torch.float32 and samples.isfinite().all(), "samples are not finite float32")
        far = network(FAR * torch.randn(COUNT, SIZE), some_labels())
        largest = torch.cat([samples, far]).abs().max() if sample.is_picture else 0
        ensure(largest <= 1, f"pictures leave [-1, 1], by numbers up to {largest:.3g}; end with tanh")
        (samples * torch.randn_like(samples)).sum().backward()
        ensure_gradients(network)


def ensure_gradients(network: nn.Module) -> None:
    """Raise Violation for a weight without one."""
    idle = [name for name, weight in network.named_parameters() if weight.requires_grad and weight.grad is None]
    ensure(not idle, f"no gradient reaches {', '.join(idle)}; use what you build, and build no more")


def reads_its_latents(spec: GeneratorSpec) -> None:
    """Two latents give two samples."""
    for _, network in of_generator(spec):
        with torch.no_grad():
            samples = network.eval()(torch.randn(2, SIZE), some_labels(1).expand(2))
        ensure(
            not torch.equal(samples[0], samples[1]), "two latents give the same sample; compute samples from latents"
        )


def draws_each_sample_by_itself(spec: GeneratorSpec) -> None:
    """In eval mode: neither order nor mates matter, and nothing is drawn at random or remembered."""
    for _, network in of_generator(spec):
        network.eval()
        z, random = torch.randn(COUNT, SIZE), torch.get_rng_state()
        state = deepcopy(network.state_dict())
        mates = torch.cat([z[:1], 100 * torch.randn(2 * COUNT, SIZE)])
        random = torch.get_rng_state()
        with torch.no_grad():
            together, again = network(z, some_labels()), network(z, some_labels())
            alone, among = network(z[:1], some_labels(1)), network(mates, some_labels(len(mates)))
            backwards = network(z.flip(0), some_labels().flip(0)).flip(0)
        ensure(torch.equal(together, again), "two calls draw two different samples; what varies comes from the latents")
        ensure(
            torch.equal(torch.get_rng_state(), random),
            "it draws from torch's global generator; what varies comes from latents",
        )
        ensure(same_state(network, state), "drawing changes its state, though it is in eval mode")
        ensure(
            close(alone, together[:1]) and close(among[:1], alone),
            "a sample depends on its batch; use no means over samples in eval mode",
        )
        ensure(close(backwards, together), "a sample depends on its place in the batch")


def follows_its_label(spec: GeneratorSpec) -> None:
    """Where it says that it reads labels."""
    for _, network in of_generator(spec) if spec.conditional else []:
        z = torch.randn(1, SIZE).expand(2, SIZE)
        with torch.no_grad():
            samples = network.eval()(z, torch.tensor([0, 1]))
        ensure(
            not torch.equal(samples[0], samples[1]),
            "two labels give the same sample; read them, or leave conditional=False",
        )


def exports(spec: GeneratorSpec) -> None:
    """Its ONNX graph agrees with torch at batches of 1, 2, 3 and 7."""
    sample, network = of_generator(spec)[0]
    prior, flags = Normals(SIZE), {"conditional": spec.conditional, "truncates": spec.truncates}
    check_generator(network.eval(), sample, prior, **flags)
    model = to_onnx(network, sample, SIZE, **flags)
    compare(model, network, sample, prior, **flags)


def keeps_its_state(build: Build, feed: Callable[[SampleSpec], tuple[Tensor, ...]]) -> None:
    """A fresh network with the state of one that has trained computes the same."""
    for sample, network in every_sample(build):
        with torch.no_grad():
            network.train()(*feed(sample))
        fresh, given = build(sample), feed(sample)
        fresh.load_state_dict(deepcopy(network.state_dict()))
        with torch.no_grad():
            one, other = network.eval()(*given), fresh.eval()(*given)
        pair = (one.logits, other.logits) if isinstance(one, Verdict) else (one, other)
        ensure(
            torch.equal(*pair),
            "a network with the same state computes something else; keep what changes in weights or buffers",
        )


def generator_keeps_its_state(spec: GeneratorSpec) -> None:
    keeps_its_state(
        lambda sample: spec.build(sample, SIZE, spec.options()), lambda _: (torch.randn(COUNT, SIZE), some_labels())
    )


def says_one_logit_for_each_sample(spec: DiscriminatorSpec) -> None:
    """Not cut off: gradients of the logits reach the samples, and gradients of all that is said reach every weight."""
    for sample, network in of_discriminator(spec):
        samples = real_samples(sample).requires_grad_()
        verdict = network(samples, some_labels())
        ensure(
            isinstance(verdict, Verdict),
            f"it returns a {type(verdict).__name__}; return Verdict(logits) of ganzoo.contracts",
        )
        logits = verdict.logits
        ensure(
            logits.shape == (COUNT,),
            f"logits have the shape {list(logits.shape)}, not [{COUNT}]; take [:, 0] of a last layer with one output",
        )
        ensure(logits.dtype == torch.float32 and logits.isfinite().all(), "logits are not finite float32")
        cost = (logits * torch.randn_like(logits)).sum()
        (slope,) = torch.autograd.grad(cost, samples, retain_graph=True, allow_unused=True)
        said = [logits, verdict.features, verdict.class_logits, verdict.reconstruction, verdict.code]
        sum((part * torch.randn_like(part)).sum() for part in said if part is not None).backward()
        ensure_gradients(network)
        ensure(
            slope is not None and slope.any(),
            "no gradient reaches the samples, from which the generator learns; leave out detach and no_grad",
        )


def says_no_probabilities(spec: DiscriminatorSpec) -> None:
    """Numbers from 0 to 1 for samples near and far are a sigmoid's, which the losses apply themselves."""
    for sample, network in of_discriminator(spec):
        with torch.no_grad():
            logits = torch.cat([network(real_samples(sample, scale=far), some_labels()).logits for far in (1, FAR)])
        bounded = logits.min() >= 0 and logits.max() <= 1
        ensure(not bounded, "all logits are from 0 to 1, as probabilities are; leave the sigmoid to the loss")


def names_what_it_must_be_taught(spec: DiscriminatorSpec) -> None:
    """What its verdicts have that only a loss or a regularizer makes sense of, so that a run without one is warned."""
    for sample, network in of_discriminator(spec):
        with torch.no_grad():
            verdict = network(real_samples(sample), some_labels())
        found = {name for name in get_args(Said) if getattr(verdict, name, None) is not None}
        ensure(
            found == set(spec.says),
            f"its verdicts have {sorted(found)}, and its spec says {sorted(spec.says)}; make `says` agree",
        )


def is_row_wise_where_it_says_so(spec: DiscriminatorSpec) -> None:
    """While it trains, dropout aside: the trainer shows such a one real and fake samples together."""
    for sample, network in of_discriminator(spec) if spec.row_wise else []:
        for module in network.train().modules():
            module.training = not isinstance(module, nn.Dropout)
        samples, twin = real_samples(sample), deepcopy(network)
        with torch.no_grad():
            together, alone = network(samples, some_labels()), twin(samples[:2], some_labels(2))
        ensure(
            close(alone.logits, together.logits[:2]),
            "a verdict depends on other samples; leave row_wise=False, or use no batch norm",
        )


def of_discriminator(spec: DiscriminatorSpec) -> list[tuple[SampleSpec, nn.Module]]:
    return every_sample(lambda sample: spec.build(sample, spec.options()))


def discriminator_keeps_its_state(spec: DiscriminatorSpec) -> None:
    keeps_its_state(
        lambda sample: spec.build(sample, spec.options()), lambda sample: (real_samples(sample), some_labels())
    )


def makes_a_discriminator(spec: WrapperSpec) -> None:
    """Of any other: finite logits, at most one for each sample, whose gradients reach the weights within."""
    for sample in SAMPLES:
        network = spec.build(Perceptron, sample, spec.options())
        count = 2 * 3 * 4 * 5  # whatever it packs
        verdict = network(real_samples(sample, count), some_labels(count))
        verdict.logits.square().sum().backward()
        ensure(verdict.logits.ndim == 1 and len(verdict.logits) <= count, "there are more logits than samples")
        ensure(verdict.logits.isfinite().all(), "logits are not finite")
        moved = [weight.grad is not None and weight.grad.abs().sum() > 0 for weight in network.parameters()]
        ensure(any(moved), "no gradient reaches the network within")


def close(one: Tensor, other: Tensor) -> bool:
    return torch.allclose(one, other, rtol=1e-4, atol=1e-5)


def same_state(network: nn.Module, state: dict[str, Any]) -> bool:
    return all(torch.equal(value, state[key]) for key, value in network.state_dict().items())


OF_GENERATORS: dict[str, Callable[[Any], None]] = {
    "draws the data's shape": draws_the_data_s_shape,
    "reads its latents": reads_its_latents,
    "draws each sample by itself": draws_each_sample_by_itself,
    "follows its label": follows_its_label,
    "keeps its state": generator_keeps_its_state,
    "exports with any batch": exports,
}
OF_DISCRIMINATORS: dict[str, Callable[[Any], None]] = {
    "says one logit for each sample": says_one_logit_for_each_sample,
    "says logits, not probabilities": says_no_probabilities,
    "names what it must be taught": names_what_it_must_be_taught,
    "is row-wise where it says so": is_row_wise_where_it_says_so,
    "keeps its state": discriminator_keeps_its_state,
}
OF_WRAPPERS: dict[str, Callable[[Any], None]] = {"makes a discriminator": makes_a_discriminator}
