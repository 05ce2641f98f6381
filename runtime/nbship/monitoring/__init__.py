"""What a model in production is asked, what it answers, and whether that is still what it learnt.

``log`` keeps predictions, ``windows`` cuts them, ``judging`` compares a window with the reference, ``labels`` and
``performance`` tell how right the answers were, ``trend`` when a measure will matter, ``ledger`` remembers it all in
one database, and ``monitor`` is the shell that drives them.
"""
