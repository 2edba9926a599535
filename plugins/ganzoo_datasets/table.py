"""Points in the user's own table: a .csv, or a .npy of numbers. Rows and columns are counted from 1."""

import csv
from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ganzoo.api import BadData, BadSetting, Data, Source
from ganzoo_datasets.arrays import read_array, starts_as_npy
from ganzoo_datasets.options import Column, TableOptions

LARGEST = float(np.finfo(np.float32).max)
DELIMITERS = "\t;,"  # the first of these in the first row parts the columns; without any, blanks do


def open_table(source: Source, options: TableOptions) -> Data:
    """Points float32 [N, D], unlabelled. Raises BadData that names the row and column of what is no finite number."""
    assert source.path is not None, "a data set that takes a path is given one"
    path = source.path
    if path.is_dir():
        raise BadData(f"{path} is a folder; give --data the .csv or .npy file itself.")
    points = read_npy(path, options) if starts_as_npy(path) else read_csv(path, options)
    return Data((standardised(points) if options.standardise else points).astype(np.float32))


def standardised(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each column with mean 0 and standard deviation 1; one that is the same everywhere becomes 0."""
    varies = np.ptp(points, axis=0) > 0  # rounding gives a column of equal numbers a tiny spread
    return (points - points.mean(axis=0)) * varies / np.where(varies, points.std(axis=0), 1)


# Which columns


def picked(columns: Column | tuple[Column, ...], names: Sequence[str], count: int) -> list[int]:
    """The numbers, from 0 on, of the columns that the user wants, by name or by number from 1 on.

    Raises BadSetting for one that is not there.
    """
    if isinstance(columns, str):
        columns = tuple(columns.split(","))
    wanted = (columns,) if isinstance(columns, int) else columns
    return [place_of(column, names, count) for column in wanted] or list(range(count))


def place_of(column: Column, names: Sequence[str], count: int) -> int:
    text = str(column).strip()
    if text in names:
        return names.index(text)
    if text.isdecimal() and 1 <= int(text) <= count:
        return int(text) - 1
    raise BadSetting(
        f"The table has no column {text!r}; set dataset.columns to numbers from 1 to {count}"
        + (f", or to names of these: {', '.join(names)}." if names else ".")
    )


# Files


def read_npy(path: Path, options: TableOptions) -> NDArray[np.float64]:
    """The columns [N, D] of an array."""
    values = read_array(path, "")
    if values.ndim != 2 or values.dtype.kind not in "fiu" or not values.size:
        raise BadData(f"{path} holds {values.dtype} {list(values.shape)}; a table is numbers [N, D].")
    places = picked(options.columns, (), values.shape[1])
    points = np.asarray(values[:, places], np.float64)
    wrong = np.argwhere(~(np.abs(points) <= LARGEST))
    if len(wrong):
        row, column = wrong[0].tolist()
        raise useless(f"{path}, row {row + 1}", str(points[row, column]), places[column])
    return points


def read_csv(path: Path, options: TableOptions) -> NDArray[np.float64]:
    """The columns [N, D] of a text in UTF-8, parted by commas, semicolons, tabs or blanks; empty rows are left out."""
    values = array("d")
    with readable(path), path.open(encoding="utf-8-sig", newline="") as file:
        rows = cells(file)
        head = next(rows, None)
        if head is None:
            raise BadData(f"{path} is empty; a table has a row for each point.")
        first = head[1]
        names = first if is_header(first, options) else []
        places = picked(options.columns, names, len(first))
        for row, texts in rows if names else chain([head], rows):
            if len(texts) != len(first):
                raise BadData(f"{path} has {len(texts)} columns in row {row}, but {len(first)} in its first one.")
            values.extend(numbers(texts, places, f"{path}, row {row}"))
    if not values:
        raise BadData(f"{path} holds no rows of numbers.")
    return np.frombuffer(values, np.float64).reshape(-1, len(places))


def cells(lines: Iterator[str]) -> Iterator[tuple[int, list[str]]]:
    """Each row's number in the file, from 1 on, and its texts without blanks around them."""
    delimiter = ""
    for row, line in enumerate(lines, 1):
        if not line.strip():
            continue
        if not delimiter:
            delimiter = next((each for each in DELIMITERS if each in line), " ")
        text = " ".join(line.split()) if delimiter == " " else line
        yield row, [cell.strip() for cell in next(csv.reader([text], delimiter=delimiter, skipinitialspace=True))]


def is_header(texts: list[str], options: TableOptions) -> bool:
    """Whether the first row names the columns: as the user says, or if it has words and not one number."""
    if options.header != "auto":
        return options.header == "yes"
    return any(texts) and all(number(text) is None for text in texts)


def numbers(texts: list[str], places: list[int], where: str) -> list[float]:
    """The numbers in these places. Raises BadData that names the column of one that is none."""
    found = []
    for place in places:
        value = number(texts[place])
        if value is None or not abs(value) <= LARGEST:
            raise useless(where, repr(texts[place]) if texts[place] else "nothing", place)
        found.append(value)
    return found


def useless(where: str, found: str, place: int) -> BadData:
    return BadData(
        f"{where} has {found} in column {place + 1}, where a number must be; mend it, or choose other columns "
        "with --set dataset.columns=1,2."
    )


def number(text: str) -> float | None:
    """The number that a text is, without Python's underscores; None for words."""
    try:
        return None if "_" in text else float(text)
    except ValueError:
        return None


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Say of a file that is no text what it is not."""
    try:
        yield
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadData(f"{path} is no table in UTF-8 ({error}); save it as CSV, or as .npy.") from error
