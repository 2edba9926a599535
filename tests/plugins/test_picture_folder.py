"""Anyone's pictures become a data set, and those that cannot are named with a remedy."""

import io
import multiprocessing
import pickle
import warnings
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest
from PIL import Image
from reading import draw, pack, read_pictures, spec_of

from ganzoo.core.errors import BadData
from ganzoo.core.options import parse_options
from ganzoo.data.check import digest
from ganzoo.data.fetch import load

T = TypeVar("T")
RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def colour_of(path: Path, **options: Any) -> list[int]:
    """The one colour of the one picture."""
    (picture,) = read_pictures(path, **options).samples
    assert (picture == picture[:, :1, :1]).all()
    return picture[:, 0, 0].tolist()


# Decoding


@pytest.mark.parametrize("suffix", ["png", "jpg", "jpeg", "bmp", "gif", "webp", "tif", "tiff", "ppm", "PNG"])
def test_the_usual_formats_are_read(tmp_path: Path, suffix: str) -> None:
    draw(tmp_path / f"one.{suffix}", (128, 128, 128))

    assert colour_of(tmp_path) == [128, 128, 128]


def test_a_photo_is_turned_upright(tmp_path: Path) -> None:
    """Orientation 6 means: turn clockwise. The camera's left, here red, is then up."""
    image = Image.new("RGB", (8, 4), BLUE)
    image.paste(RED, (0, 0, 4, 4))
    exif = Image.Exif()
    exif[0x0112] = 6
    image.save(tmp_path / "photo.png", exif=exif)
    (picture,) = read_pictures(tmp_path).samples

    assert picture.shape == (3, 8, 4)
    assert (picture[0, :4] == 255).all()
    assert (picture[2, 4:] == 255).all()


@pytest.mark.parametrize(
    ("mode", "colour", "options"),
    [
        ("RGBA", (255, 0, 0, 0), {}),
        ("LA", (0, 0), {}),
        ("P", 0, {"transparency": 0}),
        ("L", 7, {"transparency": 7}),
    ],
)
def test_what_is_transparent_becomes_white(tmp_path: Path, mode: str, colour: Any, options: dict[str, Any]) -> None:
    draw(tmp_path / "clear.png", colour, mode=mode, **options)

    assert colour_of(tmp_path) == [255, 255, 255]
    assert colour_of(tmp_path, channels=1) == [255]


def test_half_transparent_red_becomes_pink(tmp_path: Path) -> None:
    draw(tmp_path / "half.png", (255, 0, 0, 51), mode="RGBA")  # 51 = a fifth of 255

    assert colour_of(tmp_path) == [255, 204, 204]


@pytest.mark.parametrize(("deep", "grey"), [(0, 0), (257, 1), (128 * 257, 128), (65535, 255)])
@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_greys_of_16_bits_are_scaled(tmp_path: Path, deep: int, grey: int, suffix: str) -> None:
    """Not clipped, as Pillow's own conversion does."""
    Image.fromarray(np.full((4, 4), deep, np.uint16)).save(tmp_path / f"deep.{suffix}")

    assert colour_of(tmp_path, channels=1) == [grey]
    assert colour_of(tmp_path) == [grey] * 3


@pytest.mark.parametrize(("dtype", "value"), [(np.int32, 70_000), (np.int32, -1), (np.float32, 0.5)])
def test_greys_without_a_known_white_are_refused(tmp_path: Path, dtype: type, value: float) -> None:
    Image.fromarray(np.full((4, 4), value, dtype)).save(tmp_path / "odd.tif")

    with pytest.raises(BadData, match="what is white is not known"):
        read_pictures(tmp_path)


@pytest.mark.parametrize(("mode", "colour"), [("1", 1), ("P", 0), ("CMYK", (0, 0, 0, 0))])
def test_other_colour_models_become_rgb(tmp_path: Path, mode: str, colour: Any) -> None:
    image = Image.new(mode, (4, 4), colour)
    if mode == "P":
        image.putpalette([255, 255, 255])
    image.save(tmp_path / "one.tif")

    assert colour_of(tmp_path) == [255, 255, 255]


def test_grey_is_the_eye_s_mean_of_the_colours(tmp_path: Path) -> None:
    """ITU-R 601-2: 0.299 red + 0.587 green + 0.114 blue."""
    draw(tmp_path / "red.png", RED)

    assert colour_of(tmp_path, channels=1) == [76]


def test_the_middle_square_is_cut_out(tmp_path: Path) -> None:
    """Of red, green, blue side by side, green is left; squashed, all three are."""
    image = Image.new("RGB", (12, 4), GREEN)
    image.paste(RED, (0, 0, 4, 4))
    image.paste(BLUE, (8, 0, 12, 4))
    image.save(tmp_path / "wide.png")

    assert colour_of(tmp_path, size=4) == list(GREEN)
    (squashed,) = read_pictures(tmp_path, size=6, crop="none").samples
    assert [squashed[:, 3, x].argmax() for x in (0, 3, 5)] == [0, 1, 2]


def test_shrinking_leaves_no_trace_of_details_finer_than_a_pixel(tmp_path: Path) -> None:
    """Every other column white: picking pixels gives black or white, a filter gives grey."""
    stripes = np.zeros((64, 64), np.uint8)
    stripes[:, ::2] = 255
    Image.fromarray(stripes).save(tmp_path / "stripes.png")
    (picture,) = read_pictures(tmp_path, size=8, channels=1).samples

    assert np.abs(picture.astype(int) - 127).max() <= 8


def test_a_large_jpeg_shrinks_as_its_pixels_would(tmp_path: Path) -> None:
    """JPEG is decoded at a lower resolution where that suffices; the difference stays near what JPEG itself loses."""
    x, y = np.meshgrid(np.arange(640), np.arange(480))
    waves = 127 + 60 * np.sin(x / 5) + 60 * np.cos(y / 4)
    image = Image.fromarray(waves.astype(np.uint8))
    image.save(tmp_path / "photo.jpg", quality=95)
    image.save(tmp_path / "photo.png")
    jpeg, png = read_pictures(tmp_path, size=100, channels=1).samples.astype(int)

    assert np.abs(jpeg - png).max() <= 4


# Trouble


def test_pictures_of_different_sizes_are_named(tmp_path: Path) -> None:
    draw(tmp_path / "a.png", size=(4, 5))
    draw(tmp_path / "b.png", size=(6, 7))
    with pytest.raises(BadData, match=r"--set dataset\.size=64") as raised:
        read_pictures(tmp_path)

    assert "a.png has 4×5 pixels, b.png has 6×7" in str(raised.value)
    assert read_pictures(tmp_path, size=8).samples.shape == (2, 3, 8, 8)


def noise(file_format: str) -> bytes:
    """A picture that cannot be packed, in a file."""
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(file, file_format)
    return file.getvalue()


BROKEN = {
    "empty": b"",
    "text": b"this is no picture",
    "cut off": noise("png")[:1000],
    "format that nobody chose": noise("pcx"),  # as PostScript would be, which Pillow gives to another program
    "wrong checksum": noise("png").replace(b"IDAT", b"IDAU"),
}


@pytest.mark.parametrize("kind", ["empty", "text", "format that nobody chose"])
@pytest.mark.parametrize("stream", ["always", "never"])
def test_what_is_no_picture_is_told_in_words_about_the_file(tmp_path: Path, kind: str, stream: str) -> None:
    (tmp_path / "a.png").write_bytes(BROKEN[kind])
    with pytest.raises(BadData) as caught:
        read_pictures(tmp_path, stream=stream)
    formats = "JPEG, PNG, WEBP, BMP, GIF, TIFF, PPM"
    assert str(caught.value) == (
        f"The picture a.png cannot be read: it is damaged, or no picture of a known format ({formats}). "
        "Remove it, or leave out all such pictures with --set dataset.broken=skip."
    )


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN.keys())
@pytest.mark.parametrize("as_zip", [False, True])
def test_a_broken_picture_is_named_or_skipped_as_the_user_likes(tmp_path: Path, content: bytes, as_zip: bool) -> None:
    folder = tmp_path / "photos"
    draw(folder / "a" / "good.png")
    (folder / "a" / "bad.png").write_bytes(content)
    draw(folder / "b" / "good.png")
    path = pack(folder, tmp_path / "photos.zip") if as_zip else folder

    with pytest.raises(BadData, match=r"a/bad\.png cannot be read.*--set dataset\.broken=skip") as caught:
        read_pictures(path)
    assert " at 0x" not in str(caught.value)
    with pytest.warns(UserWarning, match=r"Skipped 1 of 3 .* a/bad\.png\."):
        data = read_pictures(path, broken="skip")
    assert data.labels.tolist() == [0, 1]
    assert data.samples.shape == (2, 3, 4, 4)


def test_many_skipped_pictures_are_counted_and_a_few_named(tmp_path: Path) -> None:
    for name in "abcde":
        (tmp_path / f"{name}.png").touch()
    draw(tmp_path / "good.png")

    with pytest.warns(UserWarning, match=r"Skipped 5 of 6 .*: a\.png, b\.png, c\.png, …\."):
        read_pictures(tmp_path, broken="skip")


def test_nothing_but_broken_pictures_is_no_data_set(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()

    with pytest.raises(BadData, match="None of the 1 pictures"):
        read_pictures(tmp_path, broken="skip")


@pytest.mark.parametrize("limit", [15, 7])
def test_a_decompression_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int) -> None:
    """Pillow only warns above its limit, and raises above twice the limit."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
    draw(tmp_path / "bomb.png", size=(4, 4))

    with (
        warnings.catch_warnings(action="ignore"),
        pytest.raises(BadData, match=r"bomb\.png cannot be read.*decompression bomb"),
    ):
        read_pictures(tmp_path)


def test_an_encrypted_zip_is_refused(tmp_path: Path) -> None:
    draw(tmp_path / "photos" / "one.png")
    archive = pack(tmp_path / "photos", tmp_path / "secret.zip")
    content = bytearray(archive.read_bytes())
    for signature, flags in (b"PK\x03\x04", 6), (b"PK\x01\x02", 8):
        at = content.find(signature)
        while at >= 0:
            content[at + flags] |= 1
            at = content.find(signature, at + 4)
    archive.write_bytes(content)

    with pytest.raises(BadData, match="encrypted"):
        read_pictures(archive)


def test_progress_counts_pictures(tmp_path: Path) -> None:
    for name in "abc":
        draw(tmp_path / f"{name}.png")
    seen: list[tuple[str, int]] = []

    def track(items: Iterable[T], title: str) -> Iterable[T]:
        kept = list(items)
        seen.append((title, len(kept)))
        return kept

    spec = spec_of("picture-folder")
    load(spec, parse_options(spec.options, {}, "dataset"), tmp_path, track)

    assert seen == [("Reading pictures", 3)]


# Decoded when asked for


def both(path: Path, **options: Any) -> tuple[Any, Any]:
    """The same pictures in memory, and streamed."""
    return read_pictures(path, **options), read_pictures(path, stream="always", **options)


@pytest.mark.parametrize("as_zip", [False, True])
@pytest.mark.parametrize("options", [{"size": 4}, {"size": 6, "channels": 1, "crop": "none"}, {}])
def test_streamed_pictures_are_those_in_memory(tmp_path: Path, as_zip: bool, options: dict[str, Any]) -> None:
    for group in "ab":
        for number in range(3):
            pixels = np.random.default_rng(number).integers(0, 256, (5, 8, 3), dtype=np.uint8)
            draw(tmp_path / "all" / group / f"{number}.png")
            Image.fromarray(pixels).save(tmp_path / "all" / group / f"{number}.png")
    held, streamed = both(pack(tmp_path / "all", tmp_path / "all.zip") if as_zip else tmp_path / "all", **options)

    assert isinstance(held.samples, np.ndarray)
    assert not isinstance(streamed.samples, np.ndarray)
    assert (streamed.samples.shape, streamed.samples.dtype) == (held.samples.shape, held.samples.dtype)
    assert streamed.classes == held.classes
    np.testing.assert_array_equal(streamed.labels, held.labels)
    index = np.array([5, 0, 3, 3])
    np.testing.assert_array_equal(streamed.samples[index], held.samples[index])
    copy = pickle.loads(pickle.dumps(streamed.samples))  # as workers are given it where processes are not forked
    np.testing.assert_array_equal(copy[index], held.samples[index])
    assert digest(streamed) == digest(held)


def test_streamed_pictures_are_not_decoded_before_they_are_asked_for(tmp_path: Path) -> None:
    draw(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"this is no picture")
    draw(tmp_path / "c.png", size=(5, 6))
    data = read_pictures(tmp_path, stream="always")

    assert data.samples[np.array([0])].shape == (1, 3, 4, 4)
    with pytest.raises(BadData, match=r"^The picture b\.png cannot be read: "):
        data.samples[np.array([0, 1])]
    with pytest.raises(BadData, match=r"a\.png has 4×4 pixels, c\.png has 5×6"):
        data.samples[np.array([2])]


def test_broken_pictures_are_found_beforehand_where_they_are_skipped(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    for name, colour in (("b", RED), ("d", BLUE)):
        draw(tmp_path / f"{name}.png", colour)
    (tmp_path / "c.png").touch()
    with pytest.warns(UserWarning, match=r"Skipped 2 of 4 .*: a\.png, c\.png\."):
        held, streamed = both(tmp_path, broken="skip")

    assert streamed.samples.shape == held.samples.shape == (2, 3, 4, 4)
    np.testing.assert_array_equal(streamed.samples[np.arange(2)], held.samples)
    assert digest(streamed) == digest(held)


@pytest.mark.parametrize("broken", ["refuse", "skip"])
def test_pictures_that_cannot_be_read_at_all_are_refused_beforehand(tmp_path: Path, broken: str) -> None:
    (tmp_path / "a.png").touch()
    (tmp_path / "b.png").touch()

    with pytest.raises(BadData, match=r"a\.png"):
        read_pictures(tmp_path, stream="always", broken=broken)


def test_a_picture_that_is_gone_is_named(tmp_path: Path) -> None:
    for name in "ab":
        draw(tmp_path / f"{name}.png")
    data = read_pictures(tmp_path, stream="always")
    (tmp_path / "b.png").unlink()

    with pytest.raises(BadData, match=r"^The picture b\.png cannot be read: "):
        data.samples[np.array([1])]
    with pytest.raises(BadData, match=r"^The picture b\.png cannot be read: No such file or directory\. Remove it"):
        digest(data)


@pytest.mark.parametrize("stream", ["always", "never"])
def test_other_pictures_have_another_digest(tmp_path: Path, stream: str) -> None:
    """By name, by contents of the same length, by class, by number, by how they are cut."""

    def found(name: str, path: Path, **options: Any) -> str:
        folder = tmp_path / name
        draw(folder / "x" / "a.bmp", RED)
        draw(path if path.is_absolute() else folder / path, BLUE)
        return digest(read_pictures(folder, stream=stream, size=4, **options))

    digests = [
        found("plain", Path("x/b.bmp")),
        found("name", Path("x/c.bmp")),
        found("class", Path("y/b.bmp")),
        found("one", tmp_path / "elsewhere" / "b.bmp"),
        found("crop", Path("x/b.bmp"), crop="none"),
    ]
    draw(tmp_path / "plain" / "x" / "b.bmp", GREEN)
    digests.append(digest(read_pictures(tmp_path / "plain", stream=stream, size=4)))

    assert len(set(digests)) == 6


def test_a_zip_is_opened_anew_in_a_process_that_was_forked(tmp_path: Path) -> None:
    """Where two shared it, one would read where the other has been."""
    for number in range(20):
        draw(tmp_path / "all" / f"{number:02}.bmp", (number, 0, 0), size=(64, 64))
    rows = read_pictures(pack(tmp_path / "all", tmp_path / "all.zip"), stream="always").samples
    index = np.arange(2000) % 20
    ways = multiprocessing.get_context("fork")  # hands `rows` on as they are, and does not pickle them
    others = [ways.Process(target=save_colours, args=(rows, index, tmp_path / f"{other}.npy")) for other in range(3)]
    for other in others:
        other.start()
    save_colours(rows, index, tmp_path / "own.npy")
    for other in others:
        other.join(60)

    for name in ("own", 0, 1, 2):
        np.testing.assert_array_equal(np.load(tmp_path / f"{name}.npy"), index)


def save_colours(rows: Any, index: np.ndarray, path: Path) -> None:
    np.save(path, rows[index][:, 0, 0, 0])


# Real pictures


def test_real_cifar_pictures_are_the_same_from_zip_and_folder(real_data: Path, tmp_path: Path) -> None:
    archive = real_data / "cifar10" / "test.zip"
    with zipfile.ZipFile(archive) as file:
        file.extractall(tmp_path)
    zipped, plain = read_pictures(archive), read_pictures(tmp_path)

    assert zipped.samples.shape == (5000, 3, 32, 32)
    assert zipped.classes == plain.classes
    assert zipped.classes[:2] == ("airplane", "automobile")
    assert np.bincount(zipped.labels).tolist() == [500] * 10
    np.testing.assert_array_equal(zipped.samples, plain.samples)
    np.testing.assert_array_equal(zipped.labels, plain.labels)
