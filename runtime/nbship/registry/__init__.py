"""The registry: ``Registry`` speaks to MLflow, ``Assignments`` holds who answers, ``lifecycle`` changes it.

``assignment`` and ``audit`` are pure: which versions have which role, and the chain of records of how that came.
``projection`` shows the assignment in MLflow, and notices what was changed there.
"""

from nbship.registry.facade import Registry

__all__ = ["Registry"]
