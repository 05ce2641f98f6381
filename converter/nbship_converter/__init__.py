"""A compiler from notebooks to packages.

It goes the way a careful colleague would, one pass after the other, each a function from one frozen record
to the next (``ir``):

1. ``read``: the notebook's cells become the user's own statements (libcst nodes). Magics get their Python or
   go; Markdown is kept for docstrings.
2. ``run``: one clean run in a fresh kernel, in a scratch mirror of the folder, with a witness inside that
   tells what each cell bound, changed in place, read and wrote, and what every value is at the end.
3. ``classify`` and ``flow``: imports, functions, classes and constants leave the cells; what nothing needs is
   exploration and is left out.
4. ``steps``: what is left is grouped into steps, by tags or by proposals. In:: ``df["x"] = df.a * K`` tagged
   ``step:features.add``; out:: ``def add(df: pd.DataFrame, config: Config) -> pd.DataFrame``.
5. ``emit``: each step becomes a function, its inputs parameters, what others need its result. Objects are
   handed on by reference and never copied, so whatever was one object in the notebook stays one.
6. ``project``: around the modules a whole repository, made from the real one in ``templates/package``.
7. ``verify``: the package runs in a fresh process and each result is compared with the notebook's own value,
   by content, before anything is called equal.
8. ``write``: staged beside its place and then moved, so that the destination is before or after, never between.
"""
