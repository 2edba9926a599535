"""Anyone's table becomes points, and what is no number in it is named by its row and column."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray
from reading import read

from ganzoo.core.errors import BadData, BadSetting

FINITE = {"allow_nan": False, "allow_infinity": False}
NUMBERS = [[1.5, -2.0], [0.25, 1e3], [3.0, 4.0]]


def write(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "mine.csv"
    path.write_bytes(text.encode(encoding))
    return path


def points(path: Path, **options: Any) -> list[list[float]]:
    data = read("table", path, **options)
    assert data.samples.dtype == np.float32
    assert data.labels is None
    return np.asarray(data.samples).tolist()


@pytest.mark.parametrize(
    "text",
    [
        "1.5,-2\n0.25,1e3\n3,4\n",
        "1.5,-2\n0.25,1e3\n3,4",
        "1.5,-2\r\n0.25,1e3\r\n3,4\r\n",
        "1.5;-2\n0.25;1e3\n3;4\n",
        "1.5\t-2\n0.25\t1e3\n3\t4\n",
        "1.5 -2\n0.25   1e3\n  3 4\n",
        '"1.5" , "-2"\n"0.25", +1E3\n 3,4 \n',
        "\n1.5,-2\n\n0.25,1e3\n3,4\n\n",
        "x,y\n1.5,-2\n0.25,1e3\n3,4\n",
        "\ufeffx;y\n1.5;-2\n0.25;1e3\n3;4\n",
        "x y\n1.5 -2\n0.25 1e3\n3 4\n",
    ],
    ids=[
        "plain",
        "no end",
        "Windows",
        ";",
        "tabs",
        "blanks",
        "quotes",
        "empty rows",
        "names",
        "Excel",
        "names, blanks",
    ],
)
def test_tables_are_read_as_people_have_them(tmp_path: Path, text: str) -> None:
    assert points(write(tmp_path, text)) == NUMBERS


@given(arrays(np.float32, array_shapes(min_dims=2, max_dims=2, max_side=6), elements=FINITE))
def test_whatever_numpy_writes_comes_back(tmp_path_factory: pytest.TempPathFactory, table: NDArray[np.float32]) -> None:
    """As text with nine digits, which tell any two floats of 32 bits apart, and as an array."""
    folder = tmp_path_factory.mktemp("table")
    np.savetxt(folder / "mine.csv", table, fmt="%.9g", delimiter=",")
    np.save(folder / "mine.npy", table)

    assert points(folder / "mine.csv") == points(folder / "mine.npy") == table.tolist()


@pytest.mark.parametrize("kind", [np.int64, np.uint8, np.float16, ">f8"])
def test_an_array_of_any_numbers_is_a_table(tmp_path: Path, kind: Any) -> None:
    np.save(tmp_path / "mine.npy", np.arange(6).reshape(3, 2).astype(kind))

    assert points(tmp_path / "mine.npy") == [[0, 1], [2, 3], [4, 5]]
    assert points(tmp_path / "mine.npy", columns=2) == [[1], [3], [5]]


# Names and columns


def test_the_user_may_say_whether_the_first_row_names_the_columns(tmp_path: Path) -> None:
    years = write(tmp_path, "2020,2021\n1,2\n")

    assert points(years) == [[2020, 2021], [1, 2]]
    assert points(years, header="yes") == [[1, 2]]
    assert points(years, header="yes", columns="2021") == [[2]]
    with pytest.raises(BadData, match=r"row 1 has 'x' in column 1"):
        points(write(tmp_path, "x,y\n1,2\n"), header="no")


def test_a_first_row_with_words_and_numbers_is_data_with_a_mistake(tmp_path: Path) -> None:
    """It must not vanish because it looks like names."""
    with pytest.raises(BadData, match=r"mine\.csv, row 1 has 'setosa' in column 3"):
        points(write(tmp_path, "5.1,3.5,setosa\n4.9,3.0,setosa\n"))


@pytest.mark.parametrize("columns", ["x,z", "1,3", "x, 3", ["x", "z"], [1, 3], [1, "z"]])
def test_columns_are_chosen_by_name_or_number(tmp_path: Path, columns: Any) -> None:
    """In the user's order; what is in the others does not matter."""
    path = write(tmp_path, "x,name,z\n1,ann,3\n4,,6\n")

    assert points(path, columns=columns) == [[1, 3], [4, 6]]
    assert points(path, columns="z,x") == [[3, 1], [6, 4]]
    assert points(path, columns=3) == [[3], [6]]


@pytest.mark.parametrize("columns", ["w", 0, 4, -1, "1.0", "", "x,,z"])
def test_columns_that_are_not_there_are_answered_by_those_that_are(tmp_path: Path, columns: Any) -> None:
    path = write(tmp_path, "x,y,z\n1,2,3\n")

    with pytest.raises(BadSetting, match=r"no column .*numbers from 1 to 3, or to names of these: x, y, z\."):
        points(path, columns=columns)


# What is no number


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("1,2\n3,x\n", r"mine\.csv, row 2 has 'x' in column 2"),
        ("a,b\n\n1,2\n,4\n", r"row 4 has nothing in column 1"),
        ("1,2\n3, \n", r"row 2 has nothing in column 2"),
        ("1,2\nnan,3\n", r"row 2 has 'nan' in column 1"),
        ("1,nan\n2,3\n", r"row 1 has 'nan' in column 2"),
        ("1,2\n3,-inf\n", r"row 2 has '-inf' in column 2"),
        ("1,2\n3,1e39\n", r"row 2 has '1e39' in column 2"),
        ("1,2\n3,NA\n", r"row 2 has 'NA' in column 2"),
        ("1,2\n3,1_000\n", r"row 2 has '1_000' in column 2"),
        ("1;2\n3;1,5\n", r"row 2 has '1,5' in column 2"),
        ("1,2\n3\n", r"has 1 columns in row 2, but 2 in its first one"),
        ("1,2\n3,4,5\n", r"has 3 columns in row 2, but 2"),
        ("", "is empty"),
        ("\n \n", "is empty"),
        ("x,y\n", "holds no rows of numbers"),
    ],
)
def test_what_is_no_number_is_named_by_row_and_column(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(BadData, match=told) as raised:
        points(write(tmp_path, text))

    assert str(tmp_path / "mine.csv") in str(raised.value)


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -1e39])
def test_what_is_no_number_in_an_array_is_named_too(tmp_path: Path, wrong: float) -> None:
    table = np.zeros((5, 4))
    table[3, 2] = wrong
    np.save(tmp_path / "mine.npy", table)

    with pytest.raises(BadData, match=re.escape(f"mine.npy, row 4 has {wrong} in column 3")):
        points(tmp_path / "mine.npy")
    with pytest.raises(BadData, match=r"row 4 has .* in column 3"):
        points(tmp_path / "mine.npy", columns="4,3")
    assert len(points(tmp_path / "mine.npy", columns="4,2")) == 5


@pytest.mark.parametrize(
    "array",
    [np.zeros(5), np.zeros((2, 3, 4)), np.zeros((0, 3)), np.zeros((3, 0)), np.zeros((2, 2), "U3"), np.zeros(())],
)
def test_an_array_of_another_shape_is_no_table(tmp_path: Path, array: NDArray[Any]) -> None:
    np.save(tmp_path / "mine.npy", array)

    with pytest.raises(BadData, match=r"holds .*; a table is numbers \[N, D\]"):
        points(tmp_path / "mine.npy")


@pytest.mark.parametrize("content", [b"\xff\xfe1\x00,\x002\x00", b"1,2\n\x80,3\n", b"\x93NUMPY", b"PK\x03\x04\x80"])
def test_what_is_no_text_is_no_table(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "mine.csv").write_bytes(content)

    with pytest.raises(BadData, match=r"mine\.csv (is no table in UTF-8|cannot be read)"):
        points(tmp_path / "mine.csv")


@given(st.binary(max_size=60))
def test_no_bytes_at_all_cause_anything_but_bad_data_or_points(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.mktemp("table") / "mine.csv"
    path.write_bytes(content)

    try:
        found = points(path)
    except BadData:
        return
    assert np.isfinite(found).all()


# Scale


def test_columns_are_brought_to_one_scale_only_where_asked(tmp_path: Path) -> None:
    """Mean 0 and standard deviation 1: 1, 2, 3 becomes -√1.5, 0, √1.5; what is always 0.1 becomes 0."""
    path = write(tmp_path, "1,100,0.1\n2,300,0.1\n3,200,0.1\n")

    np.testing.assert_allclose(points(path), [[1, 100, 0.1], [2, 300, 0.1], [3, 200, 0.1]], rtol=1e-6)
    root = 1.5**0.5
    np.testing.assert_allclose(
        points(path, standardise=True), [[-root, -root, 0], [0, root, 0], [root, 0, 0]], rtol=1e-6, atol=1e-12
    )
