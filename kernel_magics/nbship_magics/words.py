"""Which names speak of a metric and which of a prediction, and the name that a label in a ``print`` gives a number."""

from __future__ import annotations

import re

__all__ = ["labelled", "speaks_of_metric", "speaks_of_prediction", "speaks_of_training"]

_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_METRICS = frozenset(
    "accuracy accuracies acc error errors err errs mse rmse mae mape smape mpe msle rmsle medae sse rss ssr ssd rsq rsquared "
    "loss losses cost costs auc auroc auprc roc fbeta fscore fmeasure precision recall sensitivity specificity "
    "tpr fpr tnr fnr ppv npv kappa mcc logloss nll deviance score scores perplexity bleu rouge iou dice gini "
    "silhouette inertia wcss distortion distortions likelihood loglik loglikelihood bic aic misclassification correct "
    "tp tn fp fn corr correlation pearson pearsonr spearman ndcg mrr purity homogeneity divergence objective "
    "entropy crossentropy bce performance".split()
)
_NUMBERED = re.compile(
    r"(?:^|[^a-z])(?:r|f)[ _]?[12](?:[^0-9]|$)|r[ _-]?(?:squared?|sq)(?:[^a-z]|$)|r²", re.IGNORECASE
)
_RATES = re.compile(
    r"(?:hit|success|detection|positive|negative|miss|error|rejection|win)s?[ _-]?rate", re.IGNORECASE
)
#: What stands before or behind a metric's word without a mark between them.
_BESIDE = "train|training|test|testing|val|valid|validation|total|avg|average|mean|best|final|epoch|running|batch|cv|max|min|dev|eval"
_TOGETHER = re.compile(
    rf"^(?:{_BESIDE})?(?:accuracy|error|loss|cost|score|rmse|mse|mae|auc|acc)(?:es|s)?(?:{_BESIDE})?$",
    re.IGNORECASE,
)
_PREDICTIONS = frozenset(
    "pred preds predict predicts predicted prediction predictions hat yhat yhats ypred ypreds ypredict proba probas probs logits "
    "fitted residual residuals resid resids hypothesis output outputs forecast forecasts reconstruction reconstructed".split()
)
_ANSWER = re.compile(r"^y_?(?:p|pr|fit|est|calc|model)(?:_|\d|$)", re.IGNORECASE)
_TRAINING = frozenset(
    "fit train training trained optimize optimise learn descent sgd polyfit lstsq minimize minimise".split()
)
_NO_TRAINING = frozenset("split load read get make data loader dataset set transform plot path size".split())
_LONGEST_LABEL = 60
_LABEL_ENDS = re.compile(r"[\n,;|()\[\]{}]|--+|={2,}|\s-\s")
_NOT_A_WORD = re.compile(r"[^\w%²]+")


def _words(name: str) -> frozenset[str]:
    return frozenset(part.lower() for part in _PARTS.findall(name))


def speaks_of_metric(name: str) -> bool:
    """Tell whether a name or a label says that a number measures how good something is.

    >>> [speaks_of_metric(name) for name in ("test_rmse", "trainAcc", "R2", "f1", "testloss", "False positive rate")]
    [True, True, True, True, True, True]
    >>> [speaks_of_metric(name) for name in ("accountant", "glossary", "learning_rate", "fare2", "scored_by")]
    [False, False, False, False, False]
    """
    words = _words(name)
    return (
        bool(words & _METRICS)
        or any(_TOGETHER.match(word) for word in words)
        or bool(_NUMBERED.search(name) or _RATES.search(name))
    )


def speaks_of_prediction(name: str) -> bool:
    """Tell whether a name says that it holds what a model answers.

    >>> [speaks_of_prediction(name) for name in ("y_pred", "predictions2", "y_p_train", "yHat", "price")]
    [True, True, True, True, False]
    """
    return bool(_words(name) & _PREDICTIONS) or bool(_ANSWER.match(name))


def speaks_of_training(name: str) -> bool:
    """Tell whether a function's name says that it trains.

    >>> [speaks_of_training(name) for name in ("fit", "train_model", "gradient_descent", "train_test_split", "SGDRegressor")]
    [True, True, True, False, False]
    """
    words = _words(name)
    return bool(words & _TRAINING) and not words & _NO_TRAINING and not name[:1].isupper()  # a class


def labelled(text: str) -> str:
    """Give the name that a text before a number gives it; nothing where it says nothing.

    >>> labelled("Epoch 3, test accuracy (%): "), labelled("RMSE = "), labelled(": ")
    ('test_accuracy', 'RMSE', '')
    """
    pieces = [piece for piece in _LABEL_ENDS.split(text) if piece.strip(" :=-%\\t")]
    words = _NOT_A_WORD.sub(" ", pieces[-1].replace("%", "")).split() if pieces else []
    label = "_".join(words)
    return label if len(label) <= _LONGEST_LABEL else ""
