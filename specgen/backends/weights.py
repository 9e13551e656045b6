"""Weights from and to files: safetensors, or a checkpoint of `torch.save` read without running it."""

from __future__ import annotations

import hashlib
import json
import os
import re
import zipfile
from collections.abc import Iterable, Mapping
from typing import Any, BinaryIO, TypeGuard

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from specgen import resources
from specgen.diagnostics import Diagnostic, WeightsError, abridged
from specgen.given import cut, need
from specgen.shape import times
from specgen.source import ReadError, lasting_name, open_regular, reason, write_bytes


def read_weights(
    model: nn.Module,
    weights: str | os.PathLike[str] | Mapping[str, Tensor],
    name: str = "",
    place: torch.device | None = None,
) -> None:
    """Load weights into a model, exactly by key and shape; raises `WeightsError` with what differs.

    What the model has on `meta` becomes the weights themselves, moved to `place` if one is given: of the
    model's types, and none sharing memory with another or with a table that the caller has. A file is
    mapped, and its pages are read when they are needed.

    `name` is the network's. Where that is a shipped one whose keys are not torchvision's, the keys of
    torchvision's checkpoint are understood too. As in PyTorch, `num_batches_tracked` may be missing.
    """
    state = dict(_table(weights))
    wanted = model.state_dict()
    plain = all(isinstance(key, str) and not _odd(tensor) for key, tensor in state.items())
    if plain and not wanted.keys() <= state.keys():
        state = _from_torchvision(state, wanted, name) or state
    problems = _misfits(state, wanted)
    if problems:
        raise WeightsError(problems)
    counts = {key: torch.zeros((), dtype=torch.long) for key in wanted if key.endswith(_COUNT)}
    state = {**counts, **state}
    if place is not None:
        state = _own(state, wanted, place, copy=isinstance(weights, Mapping))
    try:
        taken = {key for key, tensor in wanted.items() if tensor.is_meta}
        model.load_state_dict({key: state[key] for key in wanted if key in taken}, strict=False, assign=True)
        model.load_state_dict({key: state[key] for key in wanted if key not in taken}, strict=False)
    except RuntimeError as error:
        raise _no_weights("PyTorch does not take the weights", str(error)) from None


def has_keys(weights: str | os.PathLike[str] | Mapping[str, Tensor], wanted: Iterable[str]) -> bool:
    """Whether weights have these keys and no others; `num_batches_tracked` does not count.

    Raises `WeightsError` for a file that holds none.
    """
    state = _table(weights)
    ours, theirs = ({key for key in keys if not str(key).endswith(_COUNT)} for keys in (wanted, state))
    return ours == theirs


def _table(weights: str | os.PathLike[str] | Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """The tensors by name, read from a file unless they are given as they are."""
    need("weights", weights, (str, os.PathLike, Mapping), "a path or a state dict")
    return weights if isinstance(weights, Mapping) else _read(weights)


def refuse_odd(state: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> None:
    """Raise `WeightsError` for what is no tensor, or has another shape than is wanted; any keys will do."""
    foreign = [_shown(key) for key in state if not isinstance(key, str)]
    problems = [keys_differ([], foreign)] if foreign else []
    problems += [problem for problem in _misfits(state, wanted) if problem.code != "keys-differ"]
    if problems:
        raise WeightsError(problems)


def _misfits(state: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> list[Diagnostic]:
    """What keeps a state dict from being the wanted one, each kind of it once."""
    missing = [key for key in wanted if key not in state and not key.endswith(_COUNT)]
    foreign = [_shown(key) for key in state if key not in wanted]
    odd, other = [], []
    for key, tensor in wanted.items():
        if key not in state:
            continue
        found = state[key]
        if why := _odd(found):
            odd.append(f"`{key}` is {why}")
        elif tuple(found.shape) != tuple(tensor.shape):
            other.append(f"`{key}`: {_sizes(found)} in the weights, {_sizes(tensor)} in the network")
    problems = []
    if missing or foreign:
        problems.append(keys_differ(missing, foreign, *_without_prefix(missing, foreign)))
    if other:
        title = "the weights have other shapes than the network"
        problems.append(Diagnostic("shapes-differ", title, notes=tuple(abridged(other))))
    if odd:
        title = "not all of the weights are plain tensors"
        problems.append(Diagnostic("not-weights", title, notes=tuple(abridged(odd))))
    return problems


def keys_differ(missing: list[str], foreign: list[str], *advice: str) -> Diagnostic:
    """What is said of keys that are not there, and of those that are none of the network's."""
    notes = [_listed("missing", missing)] if missing else []
    notes += [_listed("not in the network", foreign)] if foreign else []
    return Diagnostic("keys-differ", "the weights have other keys than the network", (), advice, tuple(notes))


def _without_prefix(missing: list[str], foreign: list[str]) -> list[str]:
    """What to do where the keys would be the network's without what wrappers put in front of them."""
    for prefix in ("module.", "_orig_mod.", "model."):
        shorter = {key.removeprefix(prefix) for key in foreign if not key.endswith(_COUNT)}
        if missing and shorter == set(missing):
            pairs = f'{{key.removeprefix("{prefix}"): tensor for key, tensor in state.items()}}'
            return [f"without `{prefix}` they are the network's: in Python, pass `{pairs}`"]
    return []


def _listed(what: str, keys: list[str]) -> str:
    return f"{what}: {', '.join(abridged([f'`{key}`' for key in keys], 9, 3))}"


def _no_weights(title: str, why: str, *advice: str) -> WeightsError:
    return WeightsError([Diagnostic("not-weights", title, help=advice, notes=(why,))])


def _own(
    state: Mapping[str, Tensor], wanted: Mapping[str, Tensor], place: torch.device, *, copy: bool
) -> dict[str, Tensor]:
    """The tensors as a model on `place` can keep them: its types, each with memory of its own."""
    found: dict[str, Tensor] = {}
    storages: set[int] = set()
    for key, like in wanted.items():
        tensor = state[key].detach().to(place, like.dtype, copy=copy).contiguous()
        start = tensor.untyped_storage().data_ptr()
        # Two keys may stand for one tensor in a checkpoint; in a file, a tensor may start anywhere.
        if start in storages or tensor.data_ptr() % tensor.element_size():
            tensor = tensor.clone()
        storages.add(start)
        found[key] = tensor
    return found


# --- torchvision's checkpoints -------------------------------------------------------------------

_COUNT = "num_batches_tracked"

#: Keys of heads that only training uses, which the shipped specs leave out.
_AUXILIARY = ("aux1.", "aux2.", "AuxLogits.")

#: DenseNet's oldest checkpoints have a dot in the names of its layers.
_OLD_DENSENET = re.compile(r"(denselayer\d+\.(?:norm|conv))\.([12])\.")


def _from_torchvision(
    state: Mapping[str, Tensor], wanted: Mapping[str, Tensor], name: str
) -> dict[str, Tensor] | None:
    """A checkpoint of torchvision's model of that name under the network's keys; `None` for any other.

    `specs/torchvision.json` has a fingerprint of each model's keys in their order. With these keys, and
    only with them, the tensors of each shape belong together in order: the tests compare the outputs.
    """
    theirs = {_OLD_DENSENET.sub(r"\1\2.", key): tensor for key, tensor in state.items() if _is_kept(key)}
    known = json.loads(resources.read("specs", "torchvision.json"))
    if fingerprint(theirs) not in [found for model, found in known.items() if _plain(model) == _plain(name)]:
        return None
    ours = [key for key in wanted if not key.endswith(_COUNT)]
    return pair(ours, wanted, theirs)


def _plain(name: str) -> str:
    """A model's name as all of its spellings have it: `MobileNetV2` and `mobilenet_v2` are one.

    So are `regnet_y_1_6gf` and `regnet_y_16gf`, whose checkpoints differ.
    """
    return name.lower().replace("_", "")


def _is_kept(key: str) -> bool:
    return not key.startswith(_AUXILIARY) and not key.endswith(_COUNT)


def fingerprint(keys: Iterable[str]) -> str:
    """A short name for some keys in their order."""
    return hashlib.sha256("\n".join(key for key in keys if _is_kept(key)).encode()).hexdigest()[:16]


def pair(
    ours: Iterable[str], wanted: Mapping[str, Tensor], theirs: Mapping[str, Tensor]
) -> dict[str, Tensor] | None:
    """The tensors of another state dict under our keys: those of each shape in their order."""
    by_shape: dict[tuple[int, ...], list[Tensor]] = {}
    for tensor in theirs.values():
        by_shape.setdefault(tuple(tensor.shape), []).append(tensor)
    paired = {}
    for key in ours:
        fitting = by_shape.get(tuple(wanted[key].shape))
        if not fitting:
            return None
        paired[key] = fitting.pop(0)
    return None if any(by_shape.values()) else paired


# --- files ---------------------------------------------------------------------------------------


#: How a checkpoint begins: an archive, or as PyTorch wrote it before version 1.6.
_ARCHIVE, _OLDER = b"PK\x03\x04", b"\x80"


def _read(path: str | os.PathLike[str]) -> dict[str, Tensor]:
    """The tensors of a file by name. Nothing in it is run, and no more is read than it is long."""
    try:
        with open_regular(path) as file:
            state = _state_of(file, lasting_name(file, path))
    except (ReadError, OSError) as error:
        why = reason(error) if isinstance(error, OSError) else str(error)
        raise WeightsError([Diagnostic("unreadable", f"cannot read `{os.fsdecode(path)}`: {why}")]) from None
    except Exception as error:
        title = f"`{os.fsdecode(path)}` is neither safetensors nor a checkpoint of plain tensors"
        raise _no_weights(title, *_why(error)) from None
    if isinstance(state, dict):
        # Beside an optimizer's state and the number of the epoch, as training scripts save it.
        tables = [key for key, value in state.items() if _is_table(value) and len(value)]
        if len(tables) > 1:
            title = f"`{os.fsdecode(path)}` holds several tables of tensors"
            help_ = f"in Python, pass the one that is meant: `torch.load(path)[{tables[0]!r}]`"
            raise _no_weights(title, _listed("they are under", list(map(_shown, tables))), help_)
        state = state[tables[0]] if tables else state
    if not _is_table(state):
        raise _no_weights(f"`{os.fsdecode(path)}` holds no table of tensors by name", _kind(state), _SAVE)
    return state


def _state_of(file: BinaryIO, name: str) -> Any:
    """What a file holds, which can be opened by `name` too; raises whatever its reader does."""
    start = file.read(9)
    if start[8:] == b"{":
        from safetensors.torch import load_file

        state = load_file(name)
        file.seek(8)
        _refuse_twofold(file.read(int.from_bytes(start[:8], "little")))
        return state
    if start.startswith(_ARCHIVE):
        _refuse_foreign(file)
    elif not start.startswith(_OLDER):
        raise ValueError("it begins like neither")
    return torch.load(name, "cpu", weights_only=True, mmap=start.startswith(_ARCHIVE))


#: What to do where a checkpoint holds something else.
_SAVE = "save a state dict alone: `torch.save(model.state_dict(), path)`"


def _is_table(value: object) -> TypeGuard[dict[str, Tensor]]:
    return isinstance(value, dict) and all(map(_is_entry, value.items()))


def _is_entry(entry: tuple[object, object]) -> bool:
    key, value = entry
    return isinstance(key, str) and isinstance(value, Tensor)


def _kind(state: object) -> str:
    """What a checkpoint holds instead of a table of tensors."""
    if not isinstance(state, dict):
        return f"what it holds is of the type `{type(state).__name__}`"
    key, value = next(entry for entry in state.items() if not _is_entry(entry))
    if not isinstance(key, str):
        return f"one of its keys is of the type `{type(key).__name__}`"
    return f"what it has under `{_shown(key)}` is of the type `{type(value).__name__}`"


def _why(error: Exception) -> tuple[str, ...]:
    """What is wrong with a file of weights, and what to do.

    PyTorch would advise to run what the file holds; nobody should.
    """
    # The opcode that pickles of protocol 4 and 5 begin with. Which ones it reads is for PyTorch to say; in a
    # version that says it otherwise, the reason below is told.
    if "Unsupported operand 149" in str(error):
        return "its pickle protocol is not the one that PyTorch reads", f"{_SAVE}, without `pickle_protocol`"
    if type(error).__name__ == "UnpicklingError":
        return "it holds other objects than tensors, or is damaged", _SAVE
    return (str(error).strip().split("\n")[0][:200] or type(error).__name__,)


def _refuse_twofold(header: bytes) -> None:
    """Refuse a header of safetensors with a key that stands in it twice: each reader takes another one."""

    def table(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            keys = [key for key, _ in pairs]
            twice = next(key for key in keys if keys.count(key) > 1)
            raise ValueError(f"it has the key `{_shown(twice)}` twice")
        return found

    json.loads(header, object_pairs_hook=table)


def _refuse_foreign(file: BinaryIO) -> None:
    """Refuse an archive that is not as `torch.save` writes it.

    It compresses nothing, so that no part is longer than the file. And the file ends with its directory:
    what is looked at here is what PyTorch will read.
    """
    with zipfile.ZipFile(file) as archive:
        parts = archive.infolist()
        size = file.seek(0, os.SEEK_END)
        if any(part.compress_type != zipfile.ZIP_STORED for part in parts):
            raise ValueError("it is a compressed archive, which `torch.save` does not write")
        if sum(part.file_size for part in parts) > size:
            raise ValueError("it is an archive whose parts are longer than itself")
        file.seek(max(0, size - 98))
        if archive.start_dir != _start_of_directory(file.read(98).rjust(98, b"\0"), size):
            raise ValueError("it is an archive that does not end as `torch.save` ends one")


def _start_of_directory(end: bytes, size: int) -> int | None:
    """Where the last 98 bytes of an archive say that its directory begins; `None` if they do not say it.

    At the very end is the record of small archives, without a comment; in front of it may be the one of
    large archives, and the place of that.
    """
    large, place, small = end[:56], end[56:76], end[76:]
    if not small.startswith(b"PK\x05\x06") or small[20:] != b"\0\0":
        return None
    if not place.startswith(b"PK\x06\x07"):
        return int.from_bytes(small[16:20], "little")
    if not large.startswith(b"PK\x06\x06") or int.from_bytes(place[8:16], "little") != size - 98:
        return None
    return int.from_bytes(large[48:56], "little")


def _odd(tensor: object) -> str:
    """Why something is no plain tensor of values; empty where it is one."""
    if not isinstance(tensor, Tensor):
        return f"of the type `{type(tensor).__name__}`, and no tensor"
    if is_lazy(tensor) or tensor.is_meta:
        return "a tensor without values"
    if tensor.is_nested:
        return "a nested tensor"
    if tensor.is_quantized or tensor.is_complex() or tensor.layout is not torch.strided:
        kind = "quantized" if tensor.is_quantized else "complex" if tensor.is_complex() else "sparse"
        return f"a {kind} tensor"
    storage = tensor.untyped_storage()
    if storage.device.type == "meta" or storage.nbytes() < _bytes_reached(tensor):
        return "a tensor without values"
    return ""


def _bytes_reached(tensor: Tensor) -> int:
    """How much storage a tensor looks at, from its beginning."""
    if not tensor.numel():
        return 0
    last = sum((size - 1) * step for size, step in zip(tensor.shape, tensor.stride(), strict=True))
    return int((tensor.storage_offset() + last + 1) * tensor.element_size())


def _shown(key: object) -> str:
    return cut(str(key), 100)


def save_weights(model: nn.Module, path: str | os.PathLike[str]) -> None:
    """Write the model's weights as safetensors, whole or not at all."""
    from safetensors.torch import save

    write_bytes(path, save({key: tensor.contiguous() for key, tensor in model.state_dict().items()}))


def _sizes(tensor: Tensor) -> str:
    return times(tuple(tensor.shape)) or "a single value"
