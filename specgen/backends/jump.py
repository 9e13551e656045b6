"""PyTorch's generator on the CPU, many draws further on, without the draws.

The generator is the Mersenne Twister MT19937 (Matsumoto & Nishimura, "Mersenne Twister", 1998). Each of its
words is a sum, over GF(2), of words before it, and so are those that come a long way on: of which words they
are the sum says a power of `t` modulo the characteristic polynomial (Haramoto et al., "Efficient Jump Ahead
for F2-Linear Random Number Generators", 2008). A polynomial is an `int` here, whose bit `i` is the
coefficient of `t**i`.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

#: The generator's numbers, as its authors have them: `n`, `m`, `a`, and the masks of a word's parts.
_WORDS, _MIDDLE, _TWIST = 624, 397, 0x9908B0DF
_HIGH, _LOW = 0x80000000, 0x7FFFFFFF
_DEGREE = 19937


def jump(draws: int, generator: torch.Generator) -> None:
    """Bring a generator on the CPU to where it is after so many draws of 32 bits."""
    state = generator.get_state()
    # PyTorch keeps a seed, how many draws are left of these words and one more, a flag, the index of the
    # next word, the words, 64 bits for each, and what `normal_` has in store.
    left, index, words = (
        state[start:end].view(kind)
        for start, end, kind in ((8, 12, torch.int32), (16, 24, torch.int64), (24, 5016, torch.int64))
    )
    rounds, used = divmod(_WORDS - int(left) + draws, _WORDS)
    words.copy_(_ahead(words, rounds * _WORDS))
    index.fill_(used + 1)
    left.fill_(_WORDS - used)
    generator.set_state(state)


@cache
def jumps() -> bool:
    """Whether this PyTorch's generator is laid out as `jump` says: tried once, since it is not promised."""
    for draws in (37, 700, _DEGREE + 2 * _WORDS):
        jumped, stepped = torch.Generator().manual_seed(draws), torch.Generator().manual_seed(draws)
        try:
            jump(draws, jumped)
        except (RuntimeError, ValueError):
            return False
        torch.empty(draws, device="cpu").uniform_(generator=stepped)
        if not torch.equal(jumped.get_state(), stepped.get_state()):
            return False
    return True


def _ahead(words: Tensor, steps: int) -> Tensor:
    """The generator's words so many steps further on."""
    if steps <= _DEGREE:
        return _following(words, steps + _WORDS)[steps:]
    # The sums are of words behind these: of the first of these, only the highest bit counts.
    following = _following(words, 2 * _WORDS + _DEGREE)
    ahead = torch.zeros_like(words)
    for power in _powers(_power_of_t(steps - _WORDS)):
        ahead ^= following[_WORDS + power : 2 * _WORDS + power]
    return ahead


def _following(words: Tensor, count: int) -> Tensor:
    """These words and those that follow, `count` in all."""
    known, further = len(words), _WORDS - _MIDDLE
    words = torch.cat((words, words.new_empty(count - known)))
    for start in range(0, count - known, further):
        end = min(start + further, count - known)
        mixed = words[start:end] & _HIGH | words[start + 1 : end + 1] & _LOW
        twisted = mixed >> 1 ^ (mixed & 1) * _TWIST
        words[start + known : end + known] = words[start + _MIDDLE : end + _MIDDLE] ^ twisted
    return words


# --- polynomials over GF(2) ----------------------------------------------------------------------


def _power_of_t(exponent: int) -> int:
    """`t**exponent` modulo the characteristic polynomial."""
    power = 1
    for digit in f"{exponent:b}":
        power = int(f"{power:b}", 4) << int(digit)  # squared: each `t**i` becomes `t**(2 * i)`
        while high := power >> _DEGREE:
            power ^= high << _DEGREE
            for lower in _lower_powers():
                power ^= high << lower
    return power


@cache
def _lower_powers() -> list[int]:
    """The powers in the characteristic polynomial, but for the highest.

    With `u = t**623 + t**396`, it is `t * (u**32 + a[0] * u**31 + … + a[30] * u) + a[31]`, `a` being the
    bits of the twist from the lowest to the highest (Matsumoto & Nishimura, appendix A).
    """
    polynomial = 1
    for place in range(31):
        polynomial = polynomial << 623 ^ polynomial << 396 ^ _TWIST >> place & 1
    polynomial = (polynomial << 623 ^ polynomial << 396) << 1 ^ _TWIST >> 31
    return _powers(polynomial)[:-1]


def _powers(polynomial: int) -> list[int]:
    """The powers of `t` that it is the sum of."""
    digits = f"{polynomial:b}"[::-1]
    return [power for power, digit in enumerate(digits) if digit == "1"]
