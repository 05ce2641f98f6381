"""What the sidebar, the widget and ``nbship status`` show of a model.

``documents`` are the records (the contract with the front end), ``sources`` the stores that they are drawn from,
``reading`` draws the state of a model, ``drifting`` and ``standing`` its parts, ``memory`` keeps the last one known.
``feature``, ``difference`` and ``acting`` answer what is asked about one thing of it.
"""

from nbship.state.documents import SCHEMA, ModelVersion, State, VersionDrift
from nbship.state.reading import read
from nbship.state.sources import Sources

__all__ = ["SCHEMA", "ModelVersion", "Sources", "State", "VersionDrift", "read"]
