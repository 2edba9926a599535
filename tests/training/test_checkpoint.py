"""A checkpoint is whole, or known to be damaged; and a run goes on from the newest that is whole."""

import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from toys import final_digest, toy_config, toy_parts, train_toy

from ganzoo.core.errors import BadPlugin, BadRun, Diverged
from ganzoo.core.run_folder import RunFolder
from ganzoo.training.checkpoint import load_average, load_checkpoint, read_checkpoint, save_checkpoint
from ganzoo.training.state import TrainState


def load(folder: Path) -> tuple[int | None, list[str]]:
    """The step that a new process would go on from, None for the start, and what it says."""
    parts, config, said = toy_parts(toy_config()), toy_config(), list[str]()
    state = TrainState.start(parts.players, config)
    found = load_checkpoint(state, parts, RunFolder(folder), said.append)
    return (state.step if found else None), said


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "checkpoints").iterdir())


def with_header(content: str | None) -> Callable[[bytes], bytes]:
    """The same tensors with another header, in a file that safetensors finds nothing wrong with."""

    def change(_: bytes) -> bytes:
        from safetensors.torch import save

        return save({"generator/weight": torch.zeros(3)}, None if content is None else {"ganzoo": content})

    return change


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda whole: b"",
    "cut in the header's length": lambda whole: whole[:5],
    "cut in the header": lambda whole: whole[:100],
    "cut in half": lambda whole: whole[: len(whole) // 2],
    "one byte short": lambda whole: whole[:-1],
    "one byte long": lambda whole: whole + b"\0",
    "zeros": lambda whole: bytes(len(whole)),
    "zeros at the end": lambda whole: whole[:-600] + bytes(600),
    "garbage": lambda whole: b"garbage" * 1000,
    "a huge header": lambda whole: b"\xff" * 8 + whole[8:],
    "one bit": lambda whole: whole[:-50] + bytes([whole[-50] ^ 1]) + whole[-49:],
    "another step": lambda whole: whole.replace(rb"\"step\": 12", rb"\"step\": 13"),
    "an empty header": lambda whole: b"\x08\0\0\0\0\0\0\0{}      ",
    "no header of ours": with_header(None),
    "a header that is no JSON": with_header("{half"),
    "a header that is a list": with_header("[1, 2]"),
    "a header without a step": with_header('{"format": 2}'),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_run_goes_on_from_the_checkpoint_before_a_damaged_one(tmp_path: Path, damage: str) -> None:
    train_toy(tmp_path, toy_config())
    end, path = final_digest(tmp_path), RunFolder(tmp_path).newest_checkpoint()
    spoilt = DAMAGES[damage](path.read_bytes())
    assert spoilt != path.read_bytes()
    path.write_bytes(spoilt)

    step, said = load(tmp_path)

    assert step == 6
    assert len(said) == 1
    assert f"{path} is damaged (" in said[0]
    assert "); it is now called step-00000012.safetensors.damaged, and the run goes on from step 6." in said[0]
    assert names(tmp_path) == ["step-00000006.safetensors", "step-00000012.safetensors.damaged"]
    assert path.with_name(f"{path.name}.damaged").read_bytes() == spoilt
    assert load(tmp_path) == (6, [])
    train_toy(tmp_path, toy_config())
    assert final_digest(tmp_path) == end


def test_any_flipped_bit_is_found(tmp_path: Path) -> None:
    """All of the header's bytes, and 300 of the tensors', each with one bit flipped."""
    train_toy(tmp_path, toy_config())
    path = RunFolder(tmp_path).newest_checkpoint()
    whole, chance = path.read_bytes(), random.Random(0)
    header = 8 + int.from_bytes(whole[:8], "little")
    for position in [*range(0, header, 5), *chance.sample(range(header, len(whole)), 300)]:
        flipped = whole[position] ^ (1 << chance.randrange(8))
        path.write_bytes(whole[:position] + bytes([flipped]) + whole[position + 1 :])
        with pytest.raises(BadRun):
            read_checkpoint(path)


def test_several_damaged_ones_are_all_set_aside(tmp_path: Path) -> None:
    train_toy(tmp_path, toy_config(checkpoint_every=4))
    for path in RunFolder(tmp_path).checkpoints()[1:]:
        path.write_bytes(b"garbage")

    step, said = load(tmp_path)

    assert step == 4
    assert [sentence.partition(" is damaged")[0][-20:] for sentence in said] == [
        "00000012.safetensors",
        "00000008.safetensors",
    ]
    assert names(tmp_path) == [
        "step-00000004.safetensors",
        "step-00000008.safetensors.damaged",
        "step-00000012.safetensors.damaged",
    ]


def test_where_none_is_whole_a_way_out_is_told_and_nothing_is_renamed(tmp_path: Path) -> None:
    """Else the next try would find no checkpoint, and quietly train from the first step."""
    train_toy(tmp_path, toy_config())
    for path in RunFolder(tmp_path).checkpoints():
        path.write_bytes(b"")
    before = names(tmp_path)
    for _ in range(2):
        with pytest.raises(BadRun, match=r"no whole checkpoint before it\. Delete .*checkpoints to train .* again"):
            load(tmp_path)
    assert names(tmp_path) == before


def test_a_run_without_checkpoints_starts_at_its_beginning(tmp_path: Path) -> None:
    assert load(tmp_path) == (None, [])


@pytest.mark.parametrize("number", [1, 9])
def test_a_checkpoint_of_another_version_is_not_taken_for_a_damaged_one(tmp_path: Path, number: int) -> None:
    """Format 1 had no digest; of a later one we know nothing but the number's place."""
    train_toy(tmp_path, toy_config())
    path = RunFolder(tmp_path).newest_checkpoint()
    _, values = read_checkpoint(path)
    save_file(values, path, {"ganzoo": json.dumps({"format": number})})
    before = names(tmp_path)
    with pytest.raises(BadRun, match=rf"another version of ganzoo \(format {number}\).*format 2.*start a new run"):
        load(tmp_path)
    assert names(tmp_path) == before


def test_what_cannot_be_read_is_not_taken_for_damaged(tmp_path: Path) -> None:
    train_toy(tmp_path, toy_config())
    path = RunFolder(tmp_path).newest_checkpoint()
    path.unlink()
    path.mkdir()
    with pytest.raises(BadRun, match="Cannot read"):
        load(tmp_path)
    assert path.is_dir()


def test_what_a_killed_process_left_is_cleared_away(tmp_path: Path) -> None:
    train_toy(tmp_path, toy_config())
    before = names(tmp_path)
    (tmp_path / "checkpoints" / ".step-00000018.safetensors.77.tmp").write_bytes(b"half")
    load(tmp_path)
    assert names(tmp_path) == before


def test_no_older_average_stands_in_for_a_damaged_one(tmp_path: Path) -> None:
    """An export of it would be another model under the same name."""
    generator = train_toy(tmp_path, toy_config()).average.network
    path = RunFolder(tmp_path).newest_checkpoint()
    assert load_average(path, generator) == 12
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(BadRun, match=r"step-00000012\.safetensors is damaged .*Delete it to go on"):
        load_average(path, generator)


def test_equal_states_give_equal_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        train_toy(tmp_path / name, toy_config())
    assert final_digest(tmp_path / "a") == final_digest(tmp_path / "b")


def test_the_digest_in_the_header_is_that_of_the_file_s_content(tmp_path: Path) -> None:
    """Put together here from what the file's format says of itself, byte by byte."""
    import hashlib

    train_toy(tmp_path, toy_config())
    whole = RunFolder(tmp_path).newest_checkpoint().read_bytes()
    start = 8 + int.from_bytes(whole[:8], "little")
    header = json.loads(whole[8:start])
    ours = json.loads(header.pop("__metadata__")["ganzoo"])
    types = {"F32": "torch.float32", "I64": "torch.int64"}
    expected = hashlib.sha256(b"12\n")
    for name in sorted(header):
        entry = header[name]
        first, last = entry["data_offsets"]
        expected.update(
            f"{name} {types[entry['dtype']]} {entry['shape']}\n".encode() + whole[start + first : start + last]
        )
    assert ours == {"format": 2, "step": 12, "sha256": expected.hexdigest()}


def test_the_best_checkpoint_outlives_newer_ones(tmp_path: Path) -> None:
    config = toy_config(checkpoint_every=2, keep_checkpoints=2)
    train_toy(tmp_path, toy_config(steps=6, checkpoint_every=2, keep_checkpoints=2))
    RunFolder(tmp_path).mark_best(4, "FID", 3.5)
    train_toy(tmp_path, config)
    kept = ["step-00000004.safetensors", "step-00000010.safetensors", "step-00000012.safetensors"]
    assert names(tmp_path) == ["best.json", *kept]


class Counts:
    """A regularizer whose state is not made of tensors."""

    def state_dict(self) -> dict[str, int]:
        return {"seen": 3}

    def load_state_dict(self, state: object) -> None: ...


def test_state_that_is_no_tensor_is_the_plugin_s_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = toy_parts(toy_config())
    monkeypatch.setattr(type(parts), "stateful", lambda self: {"regularizers/counts": Counts()})
    state = TrainState.start(parts.players, toy_config())
    with pytest.raises(BadPlugin, match=r"regularizers/counts must be tensors alone; its 'seen' is of type int"):
        save_checkpoint(state, parts, RunFolder(tmp_path), 1)
    assert not (tmp_path / "checkpoints").exists()


def test_a_state_that_is_not_finite_is_not_saved(tmp_path: Path) -> None:
    parts = toy_parts(toy_config())
    state = TrainState.start(parts.players, toy_config())
    with torch.no_grad():
        next(parts.players.generator.parameters()).fill_(torch.nan)
    with pytest.raises(Diverged, match=r"generator/layers\.0\.weight is no longer finite at step 0"):
        save_checkpoint(state, parts, RunFolder(tmp_path), 1)
    assert not (tmp_path / "checkpoints").exists()


def test_a_state_before_the_first_step_can_be_saved_and_loaded(tmp_path: Path) -> None:
    """No optimizer has a state of its own yet."""
    parts = toy_parts(toy_config())
    state = TrainState.start(parts.players, toy_config())
    save_checkpoint(state, parts, RunFolder(tmp_path), 1)
    assert load(tmp_path) == (0, [])
