"""How a candidate goes live by itself, or goes away again.

``plan`` routes requests (what serving uses), ``settings`` reads ``[tool.nbship.rollout]``, ``bounds`` and ``criteria``
judge evidence, ``machine`` is the pure state machine over it, ``evidence`` reads the prediction log, ``controller``
carries decisions to the registry, ``kubernetes`` writes the same plan as manifests.
"""
