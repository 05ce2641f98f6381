"""The words of the prediction log; apart from it, since who writes them down loads no Arrow."""

from __future__ import annotations

from typing import Literal

#: ``champion``: its answer was used, as the live version; ``canary``: its answer was used, as a candidate;
#: ``shadow``: it saw the request, and its answer was not used.
Role = Literal["champion", "canary", "shadow"]
#: ``rejected``: the input was no input of the model; ``error``: the model failed.
Outcome = Literal["ok", "rejected", "error"]
