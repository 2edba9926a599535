"""Anyone's arrays become pictures or points, and what is neither is refused in words: `npz`, and faces in `tfd`."""

import pickle
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from reading import read
from scipy.io import savemat

from ganzoo.core.errors import BadData, BadSetting, UsageError
from ganzoo.data.check import digest

RANDOM = np.random.default_rng(0)
GREY = RANDOM.integers(0, 256, (6, 5, 4), np.uint8)  # [N, H, W]
RGB = RANDOM.integers(0, 256, (6, 5, 4, 3), np.uint8)  # [N, H, W, C]
FACES = RANDOM.integers(0, 256, (3, 48, 48), np.uint8)


def saved(folder: Path, array: Any, **others: Any) -> Path:
    """A .npy of one array, or a .npz where there are others beside it."""
    if not others:
        np.save(folder / "mine.npy", array)
        return folder / "mine.npy"
    np.savez(folder / "mine.npz", images=array, **others)
    return folder / "mine.npz"


def npz(path: Path, **options: Any) -> Any:
    return read("npz", path, **options)


# Pictures


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (GREY, GREY[:, None]),
        (RGB, RGB.transpose(0, 3, 1, 2)),
        (RGB[..., :1], RGB[..., :1].transpose(0, 3, 1, 2)),
        (RGB.transpose(0, 3, 1, 2), RGB.transpose(0, 3, 1, 2)),
        (np.asfortranarray(RGB), RGB.transpose(0, 3, 1, 2)),
    ],
    ids=["N H W", "N H W 3", "N H W 1", "N 3 H W", "columns first"],
)
@pytest.mark.parametrize("stream", ["never", "always"])
def test_bytes_are_pictures_as_they_are(
    tmp_path: Path, array: NDArray[np.uint8], expected: NDArray[np.uint8], stream: str
) -> None:
    """From memory and from the disk; with the same digest, on which resuming depends."""
    alone = npz(saved(tmp_path, array), stream=stream)
    np.savez_compressed(tmp_path / "mine.npz", array)
    packed = npz(tmp_path / "mine.npz", stream=stream)

    assert alone.samples.shape == expected.shape
    np.testing.assert_array_equal(alone.samples[np.arange(6)], expected)
    np.testing.assert_array_equal(packed.samples, expected)
    assert digest(alone) == digest(packed)
    assert alone.labels is None


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64, ">f4"])
@pytest.mark.parametrize(
    ("to_floats", "name"),
    [(lambda levels: levels / 255, "from 0 to 1"), (lambda levels: levels / 127.5 - 1, "from -1 to 1")],
)
def test_floats_become_the_grey_levels_that_they_were(
    tmp_path: Path, kind: Any, to_floats: Callable[[Any], Any], name: str
) -> None:
    levels = np.arange(256).reshape(1, 16, 16)

    assert npz(saved(tmp_path, to_floats(levels).astype(kind))).samples.tolist() == levels[:, None].tolist(), name


def test_all_pictures_decide_the_range_and_not_those_that_are_kept(tmp_path: Path) -> None:
    floats = np.zeros((3, 2, 2), np.float32)
    floats[2] = -1

    assert npz(saved(tmp_path, floats), limit=1).samples.tolist() == [[[[128, 128], [128, 128]]]]


def test_many_floats_are_converted_piece_by_piece(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ganzoo_datasets.arrays.PIECE", 3 * 20 * 4)  # bytes: three pictures of float32

    np.testing.assert_array_equal(npz(saved(tmp_path, (GREY / 255).astype(np.float32))).samples, GREY[:, None])


def test_where_channels_are_not_clear_the_user_says_it(tmp_path: Path) -> None:
    array = RANDOM.integers(0, 256, (2, 3, 5, 1), np.uint8)
    path = saved(tmp_path, array)

    with pytest.raises(BadData, match=r"shape \[2, 3, 5, 1\]; say where .*--set dataset\.layout=NHWC"):
        npz(path)
    assert npz(path, layout="NHWC").samples.shape == (2, 1, 3, 5)
    np.testing.assert_array_equal(npz(path, layout="NCHW").samples, array)
    with pytest.raises(BadSetting, match="NHWC, NCHW"):
        npz(path, layout="HWC")


@pytest.mark.parametrize(
    ("array", "told"),
    [
        (np.zeros((2, 5, 6, 4), np.uint8), r"shape \[2, 5, 6, 4\], in which no auto has 1 or 3 channels"),
        (np.zeros((2, 5, 6, 3), np.int64), r"are int64; save them as uint8"),
        (np.zeros((2, 5), np.uint8), r"are uint8 \[2, 5\]; save pictures as \[N, H, W\], and points as floats"),
        (np.zeros((2, 5), "U3"), "and points as floats"),
        (np.zeros((2, 5), np.complex64), "and points as floats"),
        (np.zeros(5, np.float32), r"have the shape \[5\]; pictures are \[N, H, W\]"),
        (np.zeros((), np.float32), r"have the shape \[\]; pictures are"),
        (np.zeros((1, 2, 3, 4, 5), np.uint8), "pictures are"),
        (np.zeros((0, 5, 6), np.uint8), r"are empty: their shape is \[0, 5, 6\]"),
        (np.zeros((0, 5, 6), np.float32), "are empty"),
        (np.zeros((0, 2), np.float32), "is empty"),
        (np.full((2, 3, 3), 255.0), "go from 255 to 255; save them as uint8"),
        (np.full((2, 3, 3), -1.1), "go from -1.1 to -1.1"),
        (np.full((2, 3, 3), np.nan), "go from nan to nan"),
        (np.full((2, 3, 3), np.inf), "go from inf to inf"),
        (np.full((2, 3), np.nan), "infinite or no numbers"),
        (np.full((2, 3), 1e300), "infinite or no numbers"),
    ],
    ids=lambda part: f"{part.dtype} {part.shape}" if isinstance(part, np.ndarray) else "",
)
def test_what_is_neither_is_refused_in_words(tmp_path: Path, array: NDArray[Any], told: str) -> None:
    for path in (saved(tmp_path, array), saved(tmp_path, array, labels=np.zeros(len(array) if array.ndim else 0, int))):
        with pytest.raises(BadData, match=told) as raised:
            npz(path)
        assert "\n" not in str(raised.value)


# Points, labels, names


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64, ">f8"])
def test_floats_of_two_dimensions_are_points(tmp_path: Path, kind: Any) -> None:
    array = np.arange(-6.0, 6.0).reshape(4, 3).astype(kind)
    data = npz(saved(tmp_path, array), limit=3)

    assert data.samples.dtype == np.float32
    assert data.samples.tolist() == array[:3].tolist()


@pytest.mark.parametrize(
    ("labels", "expected", "classes"),
    [
        (np.array([2, 0, 2, 7, 0, 0]), [1, 0, 1, 2, 0, 0], ("0", "2", "7")),
        (np.array([[3], [4], [3], [4], [3], [4]], np.uint8), [0, 1, 0, 1, 0, 1], ("3", "4")),
        (np.array(["cat", "dog", "cat", "ant", "dog", "cat"]), [1, 2, 1, 0, 2, 1], ("ant", "cat", "dog")),
        (np.array([True, False, False, True, True, True]), [1, 0, 0, 1, 1, 1], ("False", "True")),
    ],
    ids=["numbers with gaps", "a column", "words", "truths"],
)
@pytest.mark.parametrize("name", ["labels", "y"])
@pytest.mark.parametrize("limit", [0, 2])
def test_labels_come_with_names(
    tmp_path: Path, labels: NDArray[Any], expected: list[int], classes: tuple[str, ...], name: str, limit: int
) -> None:
    """A limit leaves out pictures and no classes."""
    data = npz(saved(tmp_path, GREY, **{name: labels}), limit=limit)

    assert data.labels.tolist() == expected[: limit or 6]
    assert data.classes == classes


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        (np.zeros(5, int), r"'labels' of .* are int64 \[5\], and must be 6 whole numbers or words"),
        (np.zeros((6, 10), int), "must be 6 whole numbers"),
        (np.zeros(6), "are float64"),
        (np.array([0, 1, -1, 0, 1, 0]), "go down to -1, and must not be negative"),
    ],
)
def test_labels_that_fit_to_no_samples_are_refused(tmp_path: Path, labels: NDArray[Any], told: str) -> None:
    with pytest.raises(BadData, match=told):
        npz(saved(tmp_path, GREY, labels=labels))


def test_which_array_holds_the_samples_is_asked_where_there_are_several(tmp_path: Path) -> None:
    path = saved(tmp_path, GREY, test=GREY[:2], y=np.zeros(6, int))

    with pytest.raises(BadData, match=r"not clear .* --set dataset\.array=NAME, where there are: images, test, y\."):
        npz(path)
    with pytest.raises(BadData, match="images, test, y"):
        npz(path, array="image")
    np.testing.assert_array_equal(npz(path, array="images").samples, GREY[:, None])
    np.savez(tmp_path / "empty.npz")
    with pytest.raises(BadData, match="there are: none"):
        npz(tmp_path / "empty.npz")


# Files


class Bomb:
    """Leaves a trace where it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Callable[[Path], None], tuple[Path]]:
        return Path.touch, (self.trace,)


@pytest.mark.parametrize("name", ["npz", "tfd", "table"])
def test_nothing_is_ever_unpickled(tmp_path: Path, name: str) -> None:
    trace = tmp_path / "trace"
    objects = np.array([Bomb(trace)] * 4, object).reshape(2, 2)
    np.save(tmp_path / "a.npy", objects)
    np.savez(tmp_path / "b.npz", images=objects)
    np.savez(tmp_path / "c.npz", images=FACES, labels=objects)
    (tmp_path / "d.npy").write_bytes(pickle.dumps(Bomb(trace)))
    with zipfile.ZipFile(tmp_path / "e.npz", "w") as archive:
        archive.writestr("images", pickle.dumps(Bomb(trace)))

    for path in sorted(tmp_path.iterdir()):
        if (name, path.name) != ("tfd", "c.npz"):  # whose labels nobody reads
            with pytest.raises(BadData) as raised:
                read(name, path)
            assert "allow_pickle=True" not in str(raised.value)
    assert not trace.exists()


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "text": lambda _: b"no array at all, but some words",
    "cut off": lambda content: content[:-7],
    "cut off in the head": lambda content: content[:20],
    "half": lambda content: content[: len(content) // 2],
    "wrong bytes": lambda content: content[:40] + b"\xff" * 160 + content[200:],
}


@pytest.mark.parametrize("spoil", DAMAGE.values(), ids=DAMAGE.keys())
@pytest.mark.parametrize("ending", [".npy", ".npz", ".mat"])
@pytest.mark.parametrize("name", ["npz", "tfd"])
def test_a_damaged_file_is_told_in_one_sentence(
    tmp_path: Path, spoil: Callable[[bytes], bytes], ending: str, name: str
) -> None:
    path = tmp_path / f"mine{ending}"
    if ending == ".mat":
        savemat(path, {"images": FACES.astype(float) / 255}, do_compression=True)
    elif ending == ".npy":
        np.save(path, FACES)
    else:
        np.savez_compressed(path, images=FACES)
    assert len(read(name, path).samples) == 3
    path.write_bytes(spoil(path.read_bytes()))

    with pytest.raises(BadData) as raised:
        read(name, path)
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        (b"'descr'", b"'dEscr'"),
        (b"'|u1'", b"'|O1'"),
        (b"'|u1'", b"'|x9'"),
        (b"False", b"Fa(se"),
        (b"(3, 48, 48)", b"(3; 48, 48)"),
        (b"(3, 48, 48)", b"(3,-48, 48)"),
        (b"(3, 48, 48)", b"(9, 99, 99)"),
        (b"{", b"["),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_a_wrong_head_of_an_array_is_told_in_one_sentence(
    tmp_path: Path, right: bytes, wrong: bytes, packed: bool
) -> None:
    path = saved(tmp_path, FACES)
    content = path.read_bytes()
    assert right in content
    path.write_bytes(content.replace(right, wrong))
    if packed:
        path = tmp_path / "mine.npz"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("images.npy", content.replace(right, wrong))

    with pytest.raises(BadData, match=r"mine\.np[yz] cannot be read") as raised:
        npz(path)
    assert "\n" not in str(raised.value)


@given(st.binary(max_size=80), st.sampled_from(["npz", "tfd"]), st.sampled_from([b"", b"\x93NUMPY", b"PK\x03\x04"]))
def test_no_bytes_at_all_cause_anything_but_bad_data(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, name: str, head: bytes
) -> None:
    path = tmp_path_factory.mktemp("arrays") / "mine.mat"
    path.write_bytes(head + content)

    with pytest.raises(BadData):
        read(name, path)


@pytest.mark.parametrize("name", ["npz", "tfd", "table"])
def test_missing_files_and_folders_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="--data PATH"):
        read(name)
    with pytest.raises(BadData, match="nothing at"):
        read(name, tmp_path / "absent.npy")
    with pytest.raises(BadData, match="is a folder"):
        read(name, tmp_path)


# Faces


FORMS: dict[str, Callable[[Path], Path]] = {
    "npy": lambda here: saved(here, FACES),
    "rows": lambda here: saved(here, FACES.reshape(3, 2304)),
    "floats": lambda here: saved(here, FACES / 255),
    "rows of floats": lambda here: saved(here, (FACES / 255).reshape(3, 2304)),
    "npz": lambda here: saved(here, FACES, labs_ex=np.full(3, -1), folds=np.zeros((3, 5))),
    "npz of one array": lambda here: (np.savez(here / "a.npz", FACES), here / "a.npz")[1],
    "mat": lambda here: matlab(here, FACES),
    "mat of doubles": lambda here: matlab(here, FACES / 255),
}


def matlab(folder: Path, faces: NDArray[Any]) -> Path:
    """With the names of the database's own file."""
    others = {"labs_ex": np.full((3, 1), -1), "labs_id": np.zeros((3, 1)), "folds": np.zeros((3, 5))}
    savemat(folder / "TFD_48x48.mat", {"images": faces, **others})
    return folder / "TFD_48x48.mat"


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
def test_faces_are_read_from_all_forms_that_people_have(tmp_path: Path, form: Callable[[Path], Path]) -> None:
    data = read("tfd", form(tmp_path))

    np.testing.assert_array_equal(data.samples, FACES[:, None])
    assert data.labels is None
    assert len(read("tfd", form(tmp_path), limit=2).samples) == 2


@pytest.mark.parametrize(
    ("array", "told"),
    [
        (np.zeros((3, 96, 96), np.uint8), r"shape \[3, 96, 96\], and those .* \[N, 48, 48\] or \[N, 2304\]"),
        (np.zeros((48, 48, 3), np.uint8), r"shape \[48, 48, 3\]"),
        (np.zeros((48, 48), np.uint8), r"shape \[48, 48\]"),
        (np.zeros((3, 48, 48, 1), np.uint8), r"shape \[3, 48, 48, 1\]"),
        (np.zeros((0, 48, 48), np.uint8), "are empty"),
        (np.full((3, 48, 48), 200.0), "go from 200 to 200"),
        (np.zeros((3, 48, 48), np.int32), "are int32"),
    ],
    ids=lambda part: f"{part.dtype} {part.shape}" if isinstance(part, np.ndarray) else "",
)
def test_what_are_no_such_faces_is_refused(tmp_path: Path, array: NDArray[Any], told: str) -> None:
    with pytest.raises(BadData, match=told) as raised:
        read("tfd", saved(tmp_path, array))
    assert "\n" not in str(raised.value)


def test_a_file_without_faces_says_what_it_has(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", pictures=FACES, folds=FACES)

    with pytest.raises(BadData, match=r"holds pictures, folds; the faces must be in an array called images"):
        read("tfd", tmp_path / "a.npz")


def test_a_mat_of_the_newest_kind_is_refused_and_not_warned_of(tmp_path: Path) -> None:
    """MATLAB 7.3 writes HDF5, which scipy does not read."""
    head = b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\x00\x02IM"
    (tmp_path / "a.mat").write_bytes(head + b"\x89HDF\r\n\x1a\n" + bytes(400))

    with warnings.catch_warnings(action="error"), pytest.raises(BadData, match=r"a\.mat cannot be read.*numpy\.save"):
        read("tfd", tmp_path / "a.mat")
