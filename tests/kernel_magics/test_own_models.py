"""Models that the notebook defines itself are models: they are recorded once they have learnt, with their settings."""

from __future__ import annotations

from typing import Any

NET = """
class Net:
    def __init__(self, rate=0.1, layers=(4, 2), data=None):
        self.rate, self.layers, self.data = rate, layers, data
        self.weights = None

    def train(self, X, y, rounds):
        self.weights = [0.0]
        return [1 / (1 + n) for n in range(rounds)]

    def predict(self, X):
        return X
"""


def test_a_class_of_the_notebooks_is_a_model_once_it_has_learnt(kernel: Any) -> None:
    kernel.run(NET)
    kernel.run("net = Net(rate=0.5)")
    kernel.run("net.predict([1])")
    assert kernel.facts("fit") == []
    kernel.run("costs = net.train([1], [1], rounds=3)")
    (fit,) = kernel.facts("fit")
    assert (fit.name, fit.type, fit.parameters) == ("net", "__main__.Net", {"rate": 0.5})
    assert [fact.of for fact in kernel.facts("model")] == [fit.ordinal]
    assert {fact.name: fact.value for fact in kernel.facts("parameter")} == {"net.train.rounds": 3}


def test_a_helper_that_trains_it_counts_too(kernel: Any) -> None:
    kernel.run(NET)
    kernel.run("def learn(model):\n    model.train([1], [1], 5)")
    kernel.run("net = Net()")
    kernel.run("learn(net)")
    assert [fact.name for fact in kernel.facts("fit")] == ["net"]


def test_a_class_that_only_predicts_is_none(kernel: Any) -> None:
    kernel.run("class Rule:\n    def predict(self, X):\n        return X\nrule = Rule()\nrule.limit = 3")
    kernel.run("rule.limit = 4")
    assert kernel.facts("fit") == []


def test_settings_that_are_small_collections_are_written_out(kernel: Any) -> None:
    kernel.run(
        "import numpy as np\n"
        "from sklearn.linear_model import RidgeCV\n"
        "from sklearn.preprocessing import PolynomialFeatures\n"
        "model = RidgeCV(alphas=(0.1, 1)).fit([[1.0], [2.0]], [1, 2])\n"
        "poly = PolynomialFeatures(np.int64(3)).fit([[1.0]])"
    )
    kept = {fact.name: fact.parameters for fact in kernel.facts("fit")}
    assert kept["model"]["alphas"] == "(0.1, 1)"
    assert kept["poly"]["degree"] == 3


def test_a_counter_is_no_parameter(kernel: Any) -> None:
    kernel.run("mse = 0\nrate = 0.1\nfor n in range(3):\n    mse += n")
    assert [fact.name for fact in kernel.facts("parameter")] == ["rate"]


def test_a_dict_of_settings_is_so_many_parameters(kernel: Any) -> None:
    kernel.run("params = {'eta': 0.3, 'depth': -1, 'api_key': 'abc', 'grid': [1, 2]}\nprices = {'tea': 3}")
    assert {fact.name: fact.value for fact in kernel.facts("parameter")} == {
        "params.eta": 0.3,
        "params.depth": -1,
        "params.api_key": "<redacted>",
    }
