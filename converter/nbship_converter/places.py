"""Which calls open, list or write files, and which of their arguments says where.

Names are full ones, after the notebook's imports: ``pandas.read_csv``, whatever pandas is called there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

import libcst as cst

__all__ = ["Access", "access_of", "dotted", "method_of"]

Access = Literal["read", "write", "list"]

_READS = re.compile(
    r"""^(pandas|dask\.dataframe|geopandas|polars|modin\.pandas|cudf)\.(read|scan)_(?!sql|gbq|clipboard|database)\w+$
    |^(numpy|joblib|torch|librosa)\.load$|^numpy\.(loadtxt|genfromtxt|fromfile|memmap)$
    |^scipy\.io\.(loadmat|wavfile\.read|arff\.loadarff)$|^(matplotlib\.pyplot|cv2|imageio(\.v[23])?|skimage\.io)\.imread$
    |^(PIL\.)?Image\.open$|^rasterio\.open$|^xarray\.(open|load)_\w+$|^networkx\.read_\w+$|^pyreadstat\.read_\w+$
    |^(h5py\.File|zipfile\.ZipFile|tarfile\.open|netCDF4\.Dataset|soundfile\.read|wave\.open|sqlite3\.connect)$
    |^(tensorflow\.)?keras(\.models)?\.load_model$|^os\.path\.(exists|isfile|isdir|getsize|getmtime)$
    |^os\.(listdir|scandir|walk|stat)$|^xml\.etree\.ElementTree\.parse$|^openpyxl\.load_workbook$
    |^statsmodels\.\w+\.load$|^pickle\.Unpickler$|^tokenizers\.Tokenizer\.from_file$""",
    re.VERBOSE,
)
_OPENS = re.compile(r"^(open|io\.open|codecs\.open|gzip\.open|bz2\.open|lzma\.open|builtins\.open)$")
_LISTS = re.compile(r"^glob\.(glob|iglob)$")
_WRITES = re.compile(
    r"^numpy\.(save|savetxt|savez|savez_compressed)$|^matplotlib\.pyplot\.savefig$|^cv2\.imwrite$"
    r"|^(skimage\.io|imageio(\.v[23])?|matplotlib\.pyplot)\.imsave$|^os\.(makedirs|mkdir)$|^soundfile\.write$"
)
_WRITES_SECOND = re.compile(r"^(joblib\.dump|torch\.save)$")
_WRITING_METHODS = re.compile(
    r"^(to_(csv|excel|parquet|json|pickle|feather|html|hdf|stata|latex|markdown|file|netcdf|orc|xml)"
    r"|write_(csv|parquet|json|ipc|html|image)|savefig|save_model|save_weights|save_pretrained)$"
)
_PATH_READS = frozenset("read_text read_bytes exists is_file is_dir stat".split())
_PATH_LISTS = frozenset({"glob", "rglob", "iterdir"})
_PATH_WRITES = frozenset({"write_text", "write_bytes", "mkdir", "touch"})
_KEYWORDS = (
    "filepath_or_buffer",
    "path_or_buf",
    "io",
    "path",
    "fname",
    "file",
    "filename",
    "fp",
    "excel_writer",
)


def dotted(node: cst.BaseExpression, imported: Mapping[str, str]) -> str:
    """Give the full dotted name of what is called, "" where it is no plain name; a method keeps its dot."""
    parts: list[str] = []
    while isinstance(node, cst.Attribute):
        parts.append(node.attr.value)
        node = node.value
    if isinstance(node, cst.Name):
        return ".".join([imported.get(node.value, node.value), *reversed(parts)])
    return f".{parts[0]}" if parts else ""


def access_of(call: cst.Call, name: str) -> tuple[Access, int] | None:
    """Tell how a call uses a path, and which of its arguments (a place, -1 for none) holds it."""
    if _OPENS.match(name):
        return ("write" if set(_mode(call)) & set("wax+") else "read"), _place(call, 0)
    if _LISTS.match(name):
        return "list", _place(call, 0)
    if _READS.match(name):
        return "read", _place(call, 0)
    if _WRITES_SECOND.match(name):
        return "write", _place(call, 1)
    if _WRITES.match(name) or ("." in name and _WRITING_METHODS.match(name.rpartition(".")[2])):
        return "write", _place(call, 0)
    return None


def method_of(call: cst.Call) -> Access | None:
    """Tell what a method of a ``Path`` does with the file system, None for one that only computes."""
    name = call.func.attr.value if isinstance(call.func, cst.Attribute) else ""
    if name == "open":
        return "write" if set(_mode(call, 0)) & set("wax+") else "read"
    if name in _PATH_READS:
        return "read"
    if name in _PATH_LISTS:
        return "list"
    return "write" if name in _PATH_WRITES else None


def _place(call: cst.Call, wanted: int) -> int:
    for place, argument in enumerate(call.args):
        if argument.keyword is not None and argument.keyword.value in _KEYWORDS:
            return place
    plain = [
        place for place, argument in enumerate(call.args) if argument.keyword is None and not argument.star
    ]
    return plain[wanted] if len(plain) > wanted else -1


def _mode(call: cst.Call, place: int = 1) -> str:
    for index, argument in enumerate(call.args):
        named = argument.keyword is not None and argument.keyword.value == "mode"
        if (named or (argument.keyword is None and index == place)) and isinstance(
            argument.value, cst.SimpleString
        ):
            return str(argument.value.evaluated_value)
    return "r"
