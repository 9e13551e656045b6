"""Mutation testing: small changes of the source, each of which some test has to notice.

    python -m tests.mutation specgen/shape.py specgen/joins.py --sample 100 --seed 1

A change inside a function is made in a forked child of one pytest session, by giving the function other
code, and only the tests that run the changed line are run: the fastest case of each first. A change outside
of functions is there when a child imports specgen. What survives is listed.
"""
