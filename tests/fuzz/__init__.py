"""Inputs drawn at random, by kind, and what is asked of the answer to each.

    python -m tests.fuzz tokens --seed 1 --count 100000

Each kind is one module: it draws cases from a seed, and says what is wrong with how one was answered. The
tests run a few of each; `docs/reliability.md` says how many were run, and with what result.
"""
