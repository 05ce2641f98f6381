"""Continuous training: when a model is to be trained again (``due``), doing it (``training``), and what follows.

``retrain`` puts them together: at most one at a time, every attempt a record in the model's history.
"""
