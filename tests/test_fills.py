"""How tensors get their first values: those that PyTorch draws, whether or not all of them are made."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import specgen
from specgen.backends import fills
from specgen.backends.fills import Fill, fill_exactly, fill_fast
from specgen.backends.jump import jump, jumps
from specgen.initialisation import FUNCTIONS
from specgen.layers.fields import LARGEST_REAL, Real

#: Rounds of 16 that come out even and that do not, and too few for a round.
SIZES = (1, 15, 16, 17, 37, 64, 1000)

REQUIRED: dict[str, dict[str, Any]] = {"constant": {"val": 0.5}, "sparse": {"sparsity": 0.5}}


@pytest.fixture
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def tensor_for(function: str) -> Tensor:
    return torch.full((6, 7) if FUNCTIONS[function].most_axes == 2 else (6, 7, 3), 9.0)


def test_the_draws_of_this_pytorch_are_known() -> None:
    assert fills._draws_are_known()


@pytest.mark.parametrize("first", ["uniform_", "normal_", "kaiming_uniform_", "trunc_normal_"])
@pytest.mark.parametrize("size", SIZES)
def test_what_is_overwritten_moves_the_generator_as_if_drawn(first: str, size: int) -> None:
    found = []
    for perform in (fill_exactly, lambda calls: [call.perform() for call in calls]):
        x, y = torch.empty(size, 1), torch.empty(3)
        torch.manual_seed(5)
        perform([Fill(getattr(nn.init, first), x), Fill(nn.init.uniform_, y), Fill(nn.init.normal_, x)])
        found.append((x, y, torch.rand(2)))
    assert all(torch.equal(*pair) for pair in zip(*found, strict=True))


def test_where_the_draws_are_not_known_all_calls_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fills, "_draws_are_known", lambda: False)
    monkeypatch.setattr(fills, "_step", lambda draws: pytest.fail("stepped") if draws else None)
    torch.manual_seed(0)
    model = specgen.load(text="input 3x8x8\ninit conv normal\nconv 4")
    torch.manual_seed(0)
    conv = nn.Conv2d(3, 4, 3, padding=1)
    nn.init.normal_(conv.weight)
    assert torch.equal(model[0].weight, conv.weight) and torch.equal(model[0].bias, conv.bias)


def generator(seed: int, drawn: int = 0) -> torch.Generator:
    """PyTorch's generator behind its first draws."""
    made = torch.Generator().manual_seed(seed)
    torch.empty(drawn).uniform_(generator=made)
    return made


#: Draws in the words that a generator has, at the end of them, and as far on as only a jump leads.
FAR = (1, 623, 624, 625, 19_937, 20_592, 20_593, 21_217, 3_000_017)


@pytest.mark.parametrize("drawn", [0, 1, 624])
@pytest.mark.parametrize("draws", FAR)
def test_a_jump_leads_where_the_draws_lead(draws: int, drawn: int) -> None:
    jumped, stepped = generator(7, drawn), generator(7, drawn + draws)
    jump(draws, jumped)
    assert torch.equal(jumped.get_state(), stepped.get_state())


def test_two_jumps_are_one_of_both() -> None:
    once, twice = generator(3), generator(3)
    jump(6_000_000_000, once)
    for draws in (1_234_567_890, 4_765_432_110):
        jump(draws, twice)
    assert torch.equal(once.get_state(), twice.get_state())


def test_a_jump_keeps_what_normal_has_in_store() -> None:
    jumped, stepped = generator(3), generator(3)
    for one in (jumped, stepped):
        torch.empty(1).normal_(generator=one)  # makes two values
    jump(30_000, jumped)
    torch.empty(30_000).uniform_(generator=stepped)
    assert torch.equal(*(torch.empty(3).normal_(generator=one) for one in (jumped, stepped)))


@pytest.mark.parametrize("known", [True, False])
def test_far_draws_are_jumped_over_or_made(known: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    assert jumps()
    jumped: list[int] = []
    monkeypatch.setattr(fills, "_FAR", 500)
    monkeypatch.setattr(fills, "jumps", lambda: known)
    monkeypatch.setattr(fills, "jump", lambda draws, one: (jumped.append(draws), jump(draws, one)))
    torch.manual_seed(0)
    model = specgen.load(text="input 3x8x8\ninit conv normal\nconv 40; conv 50")
    torch.manual_seed(0)
    first, second = nn.Conv2d(3, 40, 3), nn.Conv2d(40, 50, 3)
    for one in (first, second):
        nn.init.normal_(one.weight)
    assert jumped == ([1080, 18_000] if known else [])
    assert torch.equal(model[0].weight, first.weight) and torch.equal(model[2].weight, second.weight)


def test_another_layout_of_the_generator_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("_TWIST", 0x9908B0DE), ("_WORDS", 623)):
        with monkeypatch.context() as changed:
            changed.setattr(f"specgen.backends.jump.{name}", value)
            assert not jumps.__wrapped__()


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_function_fills_as_pytorch_does(function: str) -> None:
    call = getattr(nn.init, f"{function}_")
    options = REQUIRED.get(function, {})
    found = []
    for perform in (fill_exactly, fill_fast):
        x = tensor_for(function)
        perform([Fill(nn.init.uniform_, x), Fill(call, x, keywords=options)])
        found.append(x)
    assert not any((x == 9.0).any() for x in found)
    if function in ("constant", "ones", "zeros", "eye", "dirac"):
        wanted = call(tensor_for(function), **options)
        assert all(torch.equal(x, wanted) for x in found)
    if function == "orthogonal":
        for x in found:
            torch.testing.assert_close(x.flatten(1) @ x.flatten(1).T, torch.eye(6))


OPTIONS: list[tuple[str, dict[str, Any]]] = [
    ("uniform", {"a": -2.0, "b": 3.0}),
    ("uniform", {}),
    ("normal", {"mean": 1.5, "std": 0.25}),
    ("normal", {}),
    ("xavier_uniform", {"gain": 2.0}),
    ("xavier_normal", {}),
    ("kaiming_uniform", {"a": math.sqrt(5)}),
    ("kaiming_uniform", {"mode": "fan_out", "nonlinearity": "relu"}),
    ("kaiming_normal", {"mode": "fan_out", "nonlinearity": "tanh"}),
    ("kaiming_normal", {"a": 0.2, "nonlinearity": "leaky_relu"}),
]


@pytest.mark.parametrize(("function", "options"), OPTIONS)
def test_a_distribution_is_that_of_pytorchs_function(function: str, options: dict[str, Any]) -> None:
    """Drawn by the method that it comes to, the values are PyTorch's to the last bit."""
    x = torch.empty(20, 30, 3, 5)
    method = fills._distribution(Fill(getattr(nn.init, f"{function}_"), x, keywords=options))
    assert method is not None
    torch.manual_seed(1)
    getattr(nn.init, f"{function}_")(x, **options)
    torch.manual_seed(1)
    assert torch.equal(x, getattr(torch.empty_like(x), method[0])(*method[1:]))


def distance(x: Tensor, method: tuple[str, float, float]) -> float:
    """The Kolmogorov-Smirnov statistic of some values, times the root of their number."""
    values = x.flatten().double().sort().values
    name, first, second = method
    if name == "normal_":
        expected = 0.5 * (1 + torch.erf((values - first) / (second * math.sqrt(2))))
    else:
        expected = (values - first) / (second - first)
    ranks = torch.arange(len(values) + 1, dtype=torch.float64) / len(values)
    largest = torch.maximum(ranks[1:] - expected, expected - ranks[:-1]).max()
    return float(largest) * math.sqrt(len(values))


@pytest.mark.parametrize(("function", "options"), OPTIONS)
def test_fast_draws_from_the_same_distribution(function: str, options: dict[str, Any]) -> None:
    x = torch.empty(700, 600)  # three chunks and a bit
    fill = Fill(getattr(nn.init, f"{function}_"), x, keywords=options)
    method = fills._distribution(fill)
    assert method is not None
    torch.manual_seed(2)
    fill_fast([fill])
    assert distance(x, method) < 1.95, "as far off as one sample in a thousand"
    name, first, second = method
    if name == "normal_":
        assert abs(float(x.mean()) - first) < 4 * second / math.sqrt(x.numel())
        assert abs(float(x.std()) / second - 1) < 4 / math.sqrt(2 * x.numel())
    else:
        low, high = torch.tensor([first, second]).tolist()
        assert low <= float(x.min()) and float(x.max()) <= high
        assert float(x.max() - x.min()) > 0.9999 * (second - first)
    chunks = x.flatten()[: 3 * fills._CHUNK].view(3, -1)
    assert torch.corrcoef(chunks).fill_diagonal_(0).abs().max() < 5 / math.sqrt(fills._CHUNK)


def fast_state(seed: int, threads: int) -> dict[str, Tensor]:
    torch.manual_seed(seed)
    torch.set_num_threads(threads)
    text = "input 3x32x32\ninit linear normal\nconv 32 bn\nfc 20\nfc 2000\nlinear 500"
    return specgen.load(text=text, init="fast").state_dict()


@pytest.mark.usefixtures("one_thread")
def test_fast_is_the_same_for_a_seed_and_any_number_of_threads() -> None:
    one, four, other = fast_state(0, 1), fast_state(0, 4), fast_state(1, 2)
    assert all(torch.equal(one[key], four[key]) for key in one)
    assert not any(torch.equal(one[key], other[key]) for key in one if one[key].ndim > 1)


def test_chunks_have_seeds_of_their_own() -> None:
    seeds = {fills._scrambled(number) for number in range(1 << 17)}
    assert len(seeds) == 1 << 17 and max(seeds) < 1 << 32


def test_fast_leaves_what_pytorch_leaves() -> None:
    """Norms, counters and biases that no `init` reaches."""
    text = "input 3x8x8\ninit conv trunc_normal std=0.02\nconv 8 bn\nfc 5"
    build = partial(specgen.load, text=text)
    exact, fast = build().state_dict(), build(init="fast").state_dict()
    assert list(exact) == list(fast)
    for key in ("1.weight", "1.bias", "1.running_mean", "1.running_var", "1.num_batches_tracked"):
        assert torch.equal(exact[key], fast[key])
    assert 0 < float(fast["4.bias"].abs().max()) <= 1 / math.sqrt(512)


def test_an_unknown_way_is_refused() -> None:
    with pytest.raises(ValueError, match="'quick' is no way to draw the weights: use one of torch, fast"):
        specgen.load("vgg11", device="meta", init="quick")


@pytest.mark.filterwarnings("ignore:mean is more than 2 std")
@pytest.mark.parametrize("function", FUNCTIONS)
def test_what_an_init_may_be_given_pytorch_takes(function: str) -> None:
    """Each option alone, at the ends of what is allowed and beyond: what is accepted, PyTorch fills with."""
    known = FUNCTIONS[function]
    kind = "linear" if known.most_axes == 2 else "conv"
    edge = math.nextafter(LARGEST_REAL, 0.0)
    reals = [name for name, option in known.options.items() if isinstance(option, Real)]
    accepted = 0
    for name in (*reals, "bias"):
        for value in (-LARGEST_REAL, -edge, -3.0, 0.0, 1e-30, 3.0, edge, LARGEST_REAL, 1e39):
            options = {**REQUIRED.get(function, {}), name: value}
            given = " ".join(f"{option}={number!r}" for option, number in options.items())
            text = f"input 1x4x4\ninit {kind} {function} {given}\nconv 1 k=1; fc 2"
            with suppress(specgen.SpecError):
                specgen.compile(text=text)
                accepted += 1
                specgen.load(text=text)
    assert accepted
