"""Features that several models share: one definition, computed the same way for training and for serving.

A view is a function of the exported package, named in ``[tool.nbship.features]``. What it gives is kept offline (Parquet,
every value with the time it belongs to and the time it became known) and online (the newest value of each entity).
"""

from nbship.features.views import FeatureView, views_of

__all__ = ["FeatureView", "views_of"]
