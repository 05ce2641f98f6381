"""What a step is called, and the sentence that says what it does.

A tag names its step. Without one, the first step under a heading is named by it; any other by the comment on top
of its cells, then by what its calls do (``train_test_split`` splits, ``StandardScaler`` scales), then by what it
makes. Names are imperative, as functions' are.
"""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from nbship_converter.classify import TO_DO
from nbship_converter.ir import Cell, Statement
from nbship_converter.uses import BUILTINS

__all__ = ["Names", "safe", "slug"]

_STOP_WORDS = frozenset(
    """the a an of to and for in on with our is are how what do we it let s your my this that these by from using
    some now first next then here all also will be can as into new lets us its at each i you have has""".split()
)
#: The words that headings and comments begin with, as a function says them.
_IMPERATIVES = {
    "adding": "add", "aggregating": "aggregate", "analysing": "analyse", "analyzing": "analyze", "applying": "apply",
    "building": "build", "calculating": "calculate", "calculates": "calculate", "checking": "check", "choosing": "choose",
    "cleaning": "clean", "clustering": "cluster", "combining": "combine", "comparing": "compare", "computing": "compute",
    "converting": "convert", "creating": "create", "defining": "define", "deleting": "delete", "dropping": "drop",
    "encoding": "encode", "estimating": "estimate", "evaluating": "evaluate", "exploring": "explore", "extracting": "extract",
    "fetching": "fetch", "filling": "fill", "filtering": "filter", "finding": "find", "fitting": "fit",
    "forecasting": "forecast", "generating": "generate", "getting": "get", "grouping": "group", "handling": "handle",
    "importing": "load", "imputing": "impute", "initializing": "initialize", "loading": "load", "making": "make",
    "merging": "merge", "normalizing": "normalize", "plotting": "plot", "predicting": "predict", "preparing": "prepare",
    "preprocessing": "preprocess", "processing": "process", "reading": "read", "removing": "remove", "renaming": "rename",
    "replacing": "replace", "running": "run", "sampling": "sample", "saving": "save", "scaling": "scale",
    "selecting": "select", "separating": "separate", "setting": "set", "simulating": "simulate", "sorting": "sort",
    "splitting": "split", "standardizing": "standardize", "testing": "test", "training": "train",
    "transforming": "transform", "tuning": "tune", "using": "use", "visualizing": "visualize", "vectorizing": "vectorize",
}  # fmt: skip
#: What calls do: (pattern, function name, sentence); ``{}`` is the first thing made.
_DEEDS: tuple[tuple[re.Pattern[str], str, str], ...] = tuple(
    (re.compile(pattern), name, sentence)
    for pattern, name, sentence in (
        (r"(^|\.)train_test_split$", "split_train_test", "Split into train and test"),
        (r"SearchCV$", "search_parameters", "Search for the best parameters"),
        (r"(^|\.)(cross_val_\w+|cross_validate)$", "cross_validate", "Cross-validate the model"),
        (r"(^|\.)(read_\w+|load_\w+|fetch_\w+|loadtxt|genfromtxt)$", "load_{}", "Load {}"),
        (r"(^|\.)make_(classification|regression|blobs|moons|circles)$", "generate_{}", "Generate {}"),
        (r"(Standard|MinMax|Robust|MaxAbs)Scaler$", "scale", "Scale the features"),
        (r"(OneHot|Label|Ordinal|Target)\w*Encoder$|(^|\.)get_dummies$", "encode_categories", "Encode the categories"),
        (r"Imputer$|\.fillna$", "fill_missing_values", "Fill the missing values"),
        (r"\.dropna$", "drop_missing_values", "Drop rows with missing values"),
        (r"\.drop_duplicates$", "drop_duplicates", "Drop duplicates"),
        (r"Polynomial(Features)?$", "add_polynomial_features", "Add polynomial features"),
        (r"(Count|Tfidf|Hashing|Dict)Vectorizer$", "vectorize", "Turn text into numbers"),
        (r"(^|\.)(PCA|TruncatedSVD|TSNE|NMF|UMAP)$", "reduce_dimensions", "Reduce the dimensions"),
        (r"Transformer$", "transform_features", "Transform the features"),
        (r"(confusion_matrix|classification_report|_score|_error|_auc|_loss|\.score)$", "evaluate_model", "Judge the model"),
        (r"\.(predict|predict_proba|forecast)$", "predict", "Predict {}"),
        (r"(^|\.)(merge|concat)$", "combine_{}", "Combine {}"),
        (r"\.(groupby|pivot_table|agg)$", "aggregate_{}", "Aggregate {}"),
    )
)  # fmt: skip
_VERBS = {"data": "load", "features": "make", "train": "train", "evaluate": "evaluate", "predict": "predict"}
_THROWAWAY = re.compile(r"_\w*|\w|fig\d*|axs?|axes|idx|tmp|temp")
#: A comment longer than this, or one that looks like code, is no name.
_MOST_WORDS = 9


@dataclass(slots=True)
class Names:
    """Hands out names of functions; none twice, and none that means something else in the notebook."""

    taken: set[str]
    titles: set[str]

    def tagged(self, name: str, heading: str) -> tuple[str, str]:
        """Give (name, title) of a tagged step."""
        return self._free([name, slug(heading)], name), _unnumbered(heading)

    def proposed(self, module: str, cells: Iterable[Cell], models: Mapping[str, str]) -> tuple[str, str]:
        """Give (name, title) of a step without a tag; ``models`` maps names to the classes of estimators."""
        cells = list(cells)
        heading = cells[0].heading
        fresh = bool(heading) and heading not in self.titles
        self.titles.add(heading)
        comment = "" if fresh and slug(heading) else _comment(cells)
        name, title = _deed(cells, models)
        made = [plain for plain in map(slug, reversed(_made(cells))) if plain]
        if not name:
            name = (
                f"{_VERBS.get(module, 'run')}_{made[0]}"
                if made
                else slug(heading) or _VERBS.get(module, "run")
            )
        wanted = [slug(text, most) for text in (heading if fresh else "", comment) for most in (4, 7)]
        wanted += [name, *(f"{name}_{plain}" for plain in reversed(made) if plain not in name)]
        return self._free(wanted, name), _unnumbered(heading) if fresh and slug(heading) else comment or title

    def _free(self, wanted: Iterable[str], fallback: str) -> str:
        for candidate in wanted:
            if candidate and safe(candidate) not in self.taken:
                self.taken.add(safe(candidate))
                return safe(candidate)
        number = 2
        while f"{fallback}_{number}" in self.taken:
            number += 1
        self.taken.add(f"{fallback}_{number}")
        return safe(f"{fallback}_{number}")


def slug(text: str, most_words: int = 4) -> str:
    """Give a function name out of a heading or a comment: its first few telling words, in the imperative.

    Accents go; of other scripts nothing is left.

    >>> slug("3.2 Training the Model!"), slug("What drives demand?"), slug("Titanic's cabins")
    ('train_model', 'drives_demand', 'titanics_cabins')
    >>> slug("2.5 Remoção dos espaços"), slug("Обучение")
    ('remocao_dos_espacos', '')
    """
    text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    words = [
        word
        for word in re.findall(
            r"[a-z]+[a-z0-9]*", re.sub(r"'(?=s\b|t\b)", "", text.lower()).replace("_", " ")
        )
        if word not in _STOP_WORDS
    ]
    if words:
        words[0] = _IMPERATIVES.get(words[0], words[0])
    return safe("_".join(words[:most_words])) if len("".join(words)) > 2 else ""  # noqa: PLR2004  # a letter or two say nothing


def _unnumbered(heading: str) -> str:
    """Give a heading without the number that it has in the notebook's outline."""
    return re.sub(r"^(\d+(\.\d+)*[.):]|\d+(\.\d+)+)\s*", "", heading) or heading


def safe(name: str) -> str:
    """Give a name that Python takes and that hides no builtin."""
    plain = re.sub(r"\W", "_", name)
    if plain and plain[0].isdigit():
        plain = f"step_{plain}"
    return f"{plain}_step" if keyword.iskeyword(plain) or plain in BUILTINS else plain


def _statements(cells: Iterable[Cell]) -> list[Statement]:
    return [s for cell in cells for s in cell.statements if s.mark in ("code", "plot")]


def _made(cells: Iterable[Cell]) -> list[str]:
    """Give the names bound, loop variables and throw-aways apart."""
    found: dict[str, None] = {}
    for statement in _statements(cells):
        if type(statement.node).__name__ == "SimpleStatementLine":
            found.update(dict.fromkeys(n for n in statement.use.binds if not _THROWAWAY.fullmatch(n)))
    return list(found)


def _comment(cells: Iterable[Cell]) -> str:
    """Give the comment on top of the cells where it reads like a heading."""
    statements = _statements(cells)
    lines = statements[0].code.splitlines() if statements else []
    text = lines[0].lstrip("#").strip(" -=*:.") if lines and lines[0].startswith("#") else ""
    if len(lines) > 1 and lines[1].startswith("#"):
        return ""  # the first line of several says half a thought
    looks_like_code = re.search(r"[=()\[\]{}<>;|\\]|https?:|\w\.\w", text)
    return "" if looks_like_code or TO_DO.match(text) or not 1 < len(text.split()) <= _MOST_WORDS else text


def _deed(cells: Iterable[Cell], models: Mapping[str, str]) -> tuple[str, str]:
    """Give (name, sentence) by what the cells call: what they fit above all."""
    cells = list(cells)
    calls = list(dict.fromkeys(call for s in _statements(cells) for call in sorted(s.use.calls)))
    made = _made(cells)
    fitted = _fitted(calls, models)
    if fitted and any(
        type(s.node).__name__ == "For" and _fitted(s.use.calls, models) for s in _statements(cells)
    ):
        return "train_models", "Fit one model after the other"
    if fitted and not any(re.search(r"SearchCV$", call) for call in calls):
        return f"train_{_snake(fitted)}", f"Fit {_article(fitted)}"
    for pattern, name, sentence in _DEEDS:
        if any(pattern.search(call) for call in calls):
            first = next((one for one in made if slug(one)), "")
            if "{}" not in name:
                return name, sentence.format(f"`{first}`" if first else "the answers")
            if first:
                return name.format(slug(first)), sentence.format(f"`{first}`")
    if any(statement.mark == "plot" for statement in _statements(cells)):
        shown = slug(cells[0].heading) or next((slug(one) for one in made if slug(one)), "figures")
        return f"plot_{shown}", f"Plot {_unnumbered(cells[0].heading) or 'the figures'}"
    return "", _making(made)


def _fitted(calls: Iterable[str], models: Mapping[str, str]) -> str:
    """Give the class of the last estimator that is fitted and predicts, as far as is known."""
    found = ""
    for call in calls:
        root, _, method = call.rpartition(".")
        if method in ("fit", "partial_fit", "fit_predict") and root in models:
            found = models[root].rsplit(".", 1)[-1]
    return "" if re.search(r"(Scaler|Encoder|Imputer|Transformer|Vectorizer|Features|PCA)$", found) else found


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def _article(name: str) -> str:
    return f"{'an' if name[0] in 'AEIOU' else 'a'} {name}"


def _making(names: list[str]) -> str:
    if not names:
        return ""
    shown = [f"`{name}`" for name in names[-3:]]
    return f"Make {' and '.join([', '.join(shown[:-1]), shown[-1]] if shown[1:] else shown)}"
