"""The loop does what the theory says, no more and no less."""

import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from toys import ToyDiscriminator, ToyGenerator, final_digest, toy_config, toy_parts, train_toy

from ganzoo.contracts import Noise, Play, Players, Regularizer, Terms, Verdict
from ganzoo.core.config import OptimizerConfig
from ganzoo.core.errors import BadPlugin, Diverged, Interrupted
from ganzoo.core.events import StepDone
from ganzoo.core.run_folder import RunFolder, step_of
from ganzoo.core.schedule import Schedule
from ganzoo.core.specs import Data
from ganzoo.training import recorder, trainer
from ganzoo.training.encounter import meet
from ganzoo.training.state import MovingAverage, TrainState, build_optimizer
from ganzoo_vanilla.losses import Minimax, NonSaturating


def test_looking_never_changes_a_run(tmp_path: Path) -> None:
    """Pictures, log lines and an observer that draws random numbers, at every step or never."""

    def draw(event: StepDone) -> None:
        torch.rand(3)
        np.random.default_rng().random(3)

    train_toy(tmp_path / "blind", toy_config(log_every=1000, samples_every=1000))
    train_toy(tmp_path / "watched", toy_config(log_every=1, samples_every=1), draw)
    assert final_digest(tmp_path / "watched") == final_digest(tmp_path / "blind")
    assert len(list((tmp_path / "watched" / "samples").iterdir())) == 12


def test_what_is_judged_is_a_checkpoint_that_was_just_saved(tmp_path: Path) -> None:
    """Every so many steps and at the end, whatever else checkpoints are saved for."""
    run, seen = RunFolder(tmp_path), []

    def examine(step: int) -> None:
        assert run.newest_checkpoint() == run.checkpoint_file(step)
        assert run.log()[-1]["step"] <= step
        seen.append(step)

    config = toy_config(evaluate_every=5, checkpoint_every=9, keep_checkpoints=9)
    trainer.train(toy_parts(config), config, run, lambda event: None, lambda text: None, examine)
    assert seen == [5, 10, 12]
    assert [step_of(path) for path in run.checkpoints()] == [5, 9, 10, 12]


def test_a_run_that_is_stopped_is_not_kept_waiting_by_a_judge(tmp_path: Path) -> None:
    seen: list[int] = []
    config = toy_config(evaluate_every=5, log_every=7)
    with pytest.raises(Interrupted):
        trainer.train(
            toy_parts(config), config, RunFolder(tmp_path), lambda event: True, lambda text: None, seen.append
        )
    assert seen == [5]


def test_another_seed_gives_another_run(tmp_path: Path) -> None:
    """The weights start alike here, so it is the draws that differ."""
    for seed in (0, 1):
        train_toy(tmp_path / str(seed), toy_config(seed=seed))
    assert final_digest(tmp_path / "0") != final_digest(tmp_path / "1")


def test_a_step_of_one_player_leaves_the_other_s_weights_as_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[tuple[str, ...]] = []
    original = trainer.move

    def watched(*args: Any) -> Any:
        before = {who: weights(getattr(parts.players, who)) for who in ("generator", "discriminator")}
        result = original(*args)
        steps.append(tuple(who for who in before if not torch.equal(before[who], weights(getattr(parts.players, who)))))
        return result

    monkeypatch.setattr(trainer, "move", watched)
    config = toy_config(steps=3, d_steps=2)
    parts = toy_parts(config)
    trainer.train(parts, config, RunFolder(tmp_path), lambda event: None, lambda text: None)

    assert steps == [("discriminator",), ("discriminator",), ("generator",)] * 3


def weights(network: nn.Module) -> Tensor:
    return torch.cat([parameter.detach().flatten().clone() for parameter in network.parameters()])


class Point(nn.Module):
    """Dirac-GAN's generator: always draws its one parameter. Mescheder et al. (2018), arXiv:1801.04406, section 2."""

    def __init__(self, at: float) -> None:
        super().__init__()
        self.at = nn.Parameter(torch.tensor([at], dtype=torch.float64))

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        return self.at.expand(len(latents), 1)


class Slope(nn.Module):
    """Dirac-GAN's discriminator: a line through the origin."""

    def __init__(self, slope: float) -> None:
        super().__init__()
        self.slope = nn.Parameter(torch.tensor(slope, dtype=torch.float64))

    def forward(self, samples: Tensor, labels: Tensor | None = None) -> Verdict:
        return Verdict((samples.double() * self.slope)[:, 0])


class R1(Regularizer):
    """Half the squared gradient on real samples. Mescheder et al. (2018), equation 9."""

    needs_sample_gradients = True

    def terms(self, play: Play, players: Players) -> Terms:
        assert play.on_real is not None
        (gradient,) = torch.autograd.grad(play.on_real.logits.sum(), play.batch.real, create_graph=True)
        return {"penalty": gradient.square().sum(1).mean() / 2}


def dirac_orbit(tmp_path: Path, updates: str, steps: int, **changes: Any) -> list[tuple[float, float]]:
    """(point, slope) after each step, from (1, 1), the data all at 0, with plain gradient descent at rate 0.1."""
    rate = OptimizerConfig(name="sgd", learning_rate=0.1)
    config = toy_config(
        updates=updates, steps=steps, log_every=1, ema_decay=0.0, generator_optimizer=rate, discriminator_optimizer=rate
    )
    players = Players(Point(1.0), Slope(1.0))
    at_zero = Data(np.zeros((40, 1), np.float32))
    parts = toy_parts(config, data=at_zero, players=players, loss=Minimax(), **{"regularizers": {}, **changes})
    orbit: list[tuple[float, float]] = []

    def watch(event: StepDone) -> None:
        orbit.append((players.generator.at.item(), players.discriminator.slope.item()))

    trainer.train(parts, replace(config, samples_every=10**9), RunFolder(tmp_path), watch, lambda text: None)
    return orbit


@pytest.fixture(autouse=True)
def no_pictures(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    if "dirac" in request.node.name:
        monkeypatch.setattr(trainer, "save_samples", lambda *args: None)


def sigmoid(x: float) -> float:
    return float(1 / (1 + np.exp(-x)))


@pytest.mark.parametrize("updates", ["alternating", "simultaneous"])
def test_dirac_gan_follows_its_closed_form(tmp_path: Path, updates: str) -> None:
    """With logit ψθ both gradients are σ(ψθ) times the other's parameter; only the order of the steps differs."""
    theta, psi, expected = 1.0, 1.0, []
    for _ in range(10):
        pull = sigmoid(psi * theta)
        new_psi = psi - 0.1 * pull * theta
        seen_by_generator = psi if updates == "simultaneous" else new_psi
        theta += 0.1 * sigmoid(seen_by_generator * theta) * seen_by_generator
        psi = new_psi
        expected.append((theta, psi))
    np.testing.assert_allclose(dirac_orbit(tmp_path, updates, 10), expected, rtol=1e-6)


def test_dirac_gan_circles_without_a_penalty_and_converges_with_r1(tmp_path: Path) -> None:
    """Mescheder et al. (2018), figure 1: simultaneous descent does not approach the equilibrium (0, 0); R1 does."""
    start = 2**0.5
    without = np.hypot(*dirac_orbit(tmp_path / "without", "simultaneous", 600)[-1])
    with_r1 = np.hypot(*dirac_orbit(tmp_path / "with", "simultaneous", 600, regularizers={"r1": R1()})[-1])
    assert without > start
    assert with_r1 < 0.01 * start


def test_a_regularizer_acts_every_interval_and_after_its_player_s_step(tmp_path: Path) -> None:
    class Clip(Regularizer):
        interval = 3
        acted = 0

        def terms(self, play: Play, players: Players) -> Terms:
            return {"zero": play.on_fake.logits.sum() * 0}

        def after_step(self, players: Players) -> None:
            self.acted += 1
            for parameter in players.discriminator.parameters():
                parameter.data.clamp_(-0.01, 0.01)

    clip = Clip()
    seen: list[set[str]] = []
    config = toy_config(steps=7, log_every=1)
    state = train_toy(tmp_path, config, lambda event: seen.append(set(event.terms)), regularizers={"clip": clip})

    assert clip.acted == 3  # updates 0, 3 and 6
    assert ["discriminator/clip/zero" in terms for terms in seen] == [True, False, False, True, False, False, True]
    assert max(p.abs().max().item() for p in state.players.discriminator.parameters()) <= 0.01


def test_the_log_has_the_terms_of_all_updates_of_the_discriminator(tmp_path: Path) -> None:
    """A penalty in every second of two updates a step is in every line, though the last update never has it."""

    class Every2(Regularizer):
        interval = 2

        def terms(self, play: Play, players: Players) -> Terms:
            return {"one": play.on_fake.logits.sum() * 0 + 1}

    train_toy(tmp_path, toy_config(steps=4, d_steps=2, log_every=1), regularizers={"every2": Every2()})
    assert [line["terms"]["discriminator/every2/one"] for line in RunFolder(tmp_path).log()] == [1.0] * 4


def test_an_augmentation_changes_all_that_the_discriminator_sees(tmp_path: Path) -> None:
    seen: list[float] = []

    class Witness(ToyDiscriminator):
        def forward(self, samples: Tensor, labels: Tensor | None = None) -> Verdict:
            seen.append(samples.detach().mean().item())
            return super().forward(samples, labels)

    def shift(samples: Tensor, noise: Noise) -> Tensor:
        return samples + 1000

    players = Players(ToyGenerator(), Witness())
    train_toy(tmp_path, toy_config(steps=2), players=players, augmentations={"shift": shift}, regularizers={})
    assert len(seen) == 2 * 3  # real and fake for the discriminator, fake for the generator
    assert all(mean > 900 for mean in seen)


def test_labels_reach_both_networks_in_every_pass() -> None:
    heard: list[str] = []

    class Listening(nn.Module):
        def __init__(self, network: nn.Module) -> None:
            super().__init__()
            self.network = network

        def forward(self, inputs: Tensor, labels: Tensor | None = None) -> Any:
            assert labels is not None and labels.shape == (len(inputs),)
            heard.append(type(self.network).__name__)
            return self.network(inputs)

    config = toy_config(steps=1)
    players = Players(Listening(ToyGenerator()), Listening(ToyDiscriminator()))
    trainer.alternate(TrainState.start(players, config), toy_parts(config, players=players), config)

    assert heard == ["ToyGenerator", "ToyDiscriminator", "ToyDiscriminator", "ToyGenerator", "ToyDiscriminator"]


def test_a_loss_that_needs_real_verdicts_for_the_generator_gets_them(tmp_path: Path) -> None:
    class Relativistic(NonSaturating):
        needs_real_for_generator = True

        def generator(self, play: Play) -> Terms:
            assert play.on_real is not None
            return {"pair": nn.functional.softplus(play.on_real.logits - play.on_fake.logits).mean()}

    train_toy(tmp_path, toy_config(steps=2), loss=Relativistic())
    assert RunFolder(tmp_path).log()[-1]["terms"].keys() >= {"generator/pair"}


def test_a_loss_that_is_no_longer_finite_stops_the_run_and_keeps_what_was_good(tmp_path: Path) -> None:
    class Breaks(NonSaturating):
        calls = 0

        def generator(self, play: Play) -> Terms:
            self.calls += 1
            return {"fake": super().generator(play)["fake"] * (float("nan") if self.calls == 9 else 1.0)}

    with pytest.raises(Diverged, match=r"generator/fake is no longer finite at step 9\. The last good .*step-00000006"):
        train_toy(tmp_path, toy_config(log_every=1000), loss=Breaks())
    assert [path.stem for path in RunFolder(tmp_path).checkpoints()] == ["step-00000006"]


def test_weights_that_are_no_longer_finite_are_never_saved(tmp_path: Path) -> None:
    """The loss of the last step is still finite when its gradient is not."""

    class Infinite(Regularizer):
        player = "generator"

        def after_step(self, players: Players) -> None:
            next(iter(players.generator.parameters())).data.fill_(float("inf"))

    with pytest.raises(Diverged, match=r"generator/layers\.0\.weight is no longer finite at step 1\. There is no"):
        train_toy(tmp_path, toy_config(steps=1), regularizers={"infinite": Infinite()})
    assert not RunFolder(tmp_path).checkpoints()


@pytest.mark.parametrize("name", ["sgd", "adam", "rmsprop"])
def test_optimizers_follow_their_schedules(name: Any) -> None:
    schedule = Schedule(start=0.1, end=0.3, steps=10)
    momentum = Schedule(start=0.5, end=0.7, steps=10)
    config = toy_config(generator_optimizer=OptimizerConfig(name=name, learning_rate=schedule, momentum=momentum))
    state = TrainState.start(Players(ToyGenerator(), ToyDiscriminator()), config)
    state.step = 5
    state.follow_schedules(config)
    group = state.generator_optimizer.param_groups[0]
    assert group["lr"] == pytest.approx(0.2)
    if name != "adam":
        assert group["momentum"] == pytest.approx(0.6)


def test_the_average_follows_its_closed_form_with_warm_up_and_includes_buffers() -> None:
    """Mean of parameter and buffer values 1, 2, 3… by hand; the decay is min(0.9, (1 + n) / (10 + n)) at update n."""
    network = nn.BatchNorm1d(1)
    average = MovingAverage(network)
    expected_weight, expected_mean = 1.0, 0.0
    for step in range(200):
        network.weight.data.fill_(step)
        network.running_mean.fill_(-step)  # type: ignore[operator]
        network.num_batches_tracked.fill_(step)  # type: ignore[operator]
        average.update(step, 0.9)
        decay = min(0.9, (1 + step) / (10 + step))
        expected_weight = decay * expected_weight + (1 - decay) * step
        expected_mean = decay * expected_mean - (1 - decay) * step

    values = average.network.state_dict()
    assert values["weight"].item() == pytest.approx(expected_weight, rel=1e-5)
    assert values["running_mean"].item() == pytest.approx(expected_mean, rel=1e-5)
    assert values["num_batches_tracked"].item() == 199


def test_without_decay_the_average_is_the_generator_itself(tmp_path: Path) -> None:
    state = train_toy(tmp_path, toy_config(ema_decay=0.0))
    assert all(
        torch.equal(value, state.players.generator.state_dict()[key])
        for key, value in state.average.network.state_dict().items()
    )


def test_the_log_holds_the_means_of_the_terms_and_the_value_of_the_game(tmp_path: Path) -> None:
    """For the logistic loss without a penalty, V is minus the discriminator's loss at that step."""
    every, fourth = [], []
    for log_every, events in ((1, every), (4, fourth)):
        train_toy(tmp_path / str(log_every), toy_config(log_every=log_every), events.append, regularizers={})
    total = [event.terms["discriminator/real"] + event.terms["discriminator/fake"] for event in every]

    assert [event.value for event in every] == pytest.approx([-loss for loss in total], rel=1e-5)
    assert fourth[1].terms["discriminator/real"] == pytest.approx(
        np.mean([event.terms["discriminator/real"] for event in every[4:8]]), rel=1e-5
    )
    assert [line["step"] for line in RunFolder(tmp_path / "4").log()] == [4, 8, 12]


def test_a_run_ends_after_its_minutes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a clock that goes on by one second whenever it is read, at the start and after each step: 6 steps."""
    clock = itertools.count()
    monkeypatch.setattr(recorder, "perf_counter", lambda: float(next(clock)))
    state = train_toy(tmp_path, toy_config(steps=None, minutes=0.1, log_every=1000))
    assert state.step == 5


@pytest.mark.parametrize(("name", "start"), [("sgd", 0.0), ("rmsprop", 0.01)])
def test_momentum_may_rise_from_next_to_nothing(tmp_path: Path, name: Any, start: float) -> None:
    rising = OptimizerConfig(name=name, learning_rate=0.01, momentum=Schedule(start=start, end=0.9, steps=3))
    state = train_toy(tmp_path, toy_config(generator_optimizer=rising, discriminator_optimizer=rising))
    assert state.generator_optimizer.param_groups[0]["momentum"] == 0.9
    assert all("momentum_buffer" in slots for slots in state.generator_optimizer.state.values())


def test_momentum_that_torch_would_make_no_room_for_is_refused() -> None:
    rising = OptimizerConfig(name="rmsprop", momentum=Schedule(start=0.0, end=0.9, steps=3))
    with pytest.raises(ValueError, match="rmsprop cannot start at 0"):
        build_optimizer(ToyGenerator(), rising)


def test_frozen_and_shared_weights_train_and_are_saved_and_restored(tmp_path: Path) -> None:
    class Tied(ToyGenerator):
        def __init__(self) -> None:
            super().__init__()
            self.frozen = nn.Linear(2, 2)
            self.shared = nn.Linear(2, 2)
            self.again = self.shared
            self.frozen.requires_grad_(False)

        def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
            return super().forward(self.again(self.shared(self.frozen(latents))))

    def fresh() -> Players:
        torch.manual_seed(3)
        return Players(Tied(), ToyDiscriminator())

    train_toy(tmp_path / "whole", toy_config(), players=fresh())
    train_toy(tmp_path / "parts", toy_config(steps=6), players=fresh())
    state = train_toy(tmp_path / "parts", toy_config(), players=fresh())

    assert final_digest(tmp_path / "parts") == final_digest(tmp_path / "whole")
    torch.manual_seed(3)
    assert torch.equal(state.players.generator.frozen.weight, Tied().frozen.weight)


@pytest.mark.parametrize(
    ("terms", "message"),
    [({}, "nothing to minimise"), ({"fake": torch.zeros(3)}, r"'fake' of the discriminator has the shape \[3\]")],
)
def test_a_loss_that_breaks_its_contract_is_named(tmp_path: Path, terms: Terms, message: str) -> None:
    class Bad(NonSaturating):
        def discriminator(self, play: Play) -> Terms:
            return terms

    with pytest.raises(BadPlugin, match=message):
        train_toy(tmp_path, toy_config(), loss=Bad(), regularizers={})


def test_a_regularizer_of_the_generator_may_have_gradients_too(tmp_path: Path) -> None:
    class OnFake(Regularizer):
        player = "generator"
        needs_sample_gradients = True

        def terms(self, play: Play, players: Players) -> Terms:
            (gradient,) = torch.autograd.grad(play.on_fake.logits.sum(), play.fake, create_graph=True)
            return {"slope": gradient.square().sum(1).mean()}

    for updates in ("alternating", "simultaneous"):
        train_toy(tmp_path / updates, toy_config(steps=2, updates=updates), regularizers={"slope": OnFake()})
        assert RunFolder(tmp_path / updates).log()[-1]["terms"]["generator/slope/slope"] > 0


def test_a_picture_that_was_missed_at_the_end_is_made_up_for(tmp_path: Path) -> None:
    train_toy(tmp_path, toy_config())
    picture = RunFolder(tmp_path).samples_file(12)
    picture.unlink()
    train_toy(tmp_path, toy_config())
    assert picture.exists()


def gradients_of_one_step(*, row_wise: bool, discriminator: nn.Module) -> list[Tensor]:
    torch.manual_seed(1)
    config = toy_config()
    players = Players(ToyGenerator(), discriminator)
    parts = toy_parts(config, players=players, row_wise=row_wise, regularizers={})
    (batch,) = parts.draws.discriminator(0)
    play = meet(parts, batch, players.generator(batch.latents).detach())
    sum(trainer.objective(parts, play, {}).values(), torch.zeros(())).backward()
    return [parameter.grad for parameter in discriminator.parameters() if parameter.grad is not None]


def test_real_and_fake_together_give_the_gradients_that_they_give_apart() -> None:
    def plain() -> nn.Module:
        torch.manual_seed(2)
        return ToyDiscriminator().eval()  # dropout off: a shared pass draws other masks, as it may

    together = gradients_of_one_step(row_wise=True, discriminator=plain())
    apart = gradients_of_one_step(row_wise=False, discriminator=plain())
    assert len(together) == 4
    for one, other in zip(together, apart, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-7)


def test_a_discriminator_that_sees_its_batch_is_shown_real_and_fake_apart() -> None:
    """With batch norm a shared pass would be another algorithm, which is why sharing must be declared."""

    class Normalised(ToyDiscriminator):
        def __init__(self) -> None:
            super().__init__()
            self.layers[2] = nn.BatchNorm1d(8)

    def fresh() -> nn.Module:
        torch.manual_seed(2)
        return Normalised()

    together = gradients_of_one_step(row_wise=True, discriminator=fresh())
    apart = gradients_of_one_step(row_wise=False, discriminator=fresh())
    assert any((one - other).abs().max() > 1e-3 for one, other in zip(together, apart, strict=True))


def test_a_verdict_is_split_with_all_that_it_carries() -> None:
    verdict = Verdict(torch.arange(5.0), features=torch.arange(10.0).view(5, 2))
    first, rest = verdict.split(2)
    assert first.logits.tolist() == [0, 1]
    assert rest.logits.tolist() == [2, 3, 4]
    assert rest.features is not None
    assert rest.features.shape == (3, 2)
    assert rest.class_logits is None
