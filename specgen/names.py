"""Names that cannot be used, and why."""

from __future__ import annotations

import keyword

#: The attributes of `nn.Module`: a child of one of these names would shadow it, or silently not become a
#: child. A test holds this against `dir(nn.Module())`.
MODULE_ATTRIBUTES = frozenset(
    """
    T_destination add_module apply bfloat16 buffers call_super_init children compile cpu cuda double
    dump_patches eval extra_repr float forward get_buffer get_extra_state get_parameter get_submodule half
    ipu load_state_dict modules mtia named_buffers named_children named_modules named_parameters
    parameters register_backward_hook register_buffer register_forward_hook register_forward_pre_hook
    register_full_backward_hook register_full_backward_pre_hook register_load_state_dict_post_hook
    register_load_state_dict_pre_hook register_module register_parameter register_state_dict_post_hook
    register_state_dict_pre_hook requires_grad_ set_extra_state set_submodule share_memory state_dict
    to to_empty train training type xpu zero_grad append extend insert pop
    """.split()
)

#: The names that an emitted file uses for itself.
FILE_NAMES = frozenset(("nn", "torch", "Tensor", "self"))

#: What its constructors call: a param or an argument of one of these names would hide it, and so would a
#: network. A test holds the last two lines against `specgen.backends.modules`.
CALLED_NAMES = frozenset(
    """
    super int float range isinstance max min pow round math OrderedDict make_divisible
    ValueError len FOLDED KEPT fold_weights
    ChannelLayerNorm ChannelRMSNorm StochasticDepth ChannelsLast ChannelsFirst
    Tokens ClassToken PositionEmbedding SelfAttention TakeToken Scale
    """.split()
)


def objection(name: str, *, local: bool = False) -> str | None:
    """Why a name cannot stand in the emitted source, or `None` where it can.

    `local` says that it will be a constructor's argument or a class rather than a child of a module.
    """
    if keyword.iskeyword(name):
        return "a Python keyword"
    if name in FILE_NAMES or (local and name in CALLED_NAMES):
        return "a name the emitted file uses itself"
    if local:
        return None
    if name in MODULE_ATTRIBUTES:
        return "an attribute of every `nn.Module`"
    if name.startswith("_"):
        return "a private name: `nn.Module` keeps its own under an underscore"
    return None


#: A file's name may be longer than a name of the language, which leaves room for what stands in front.
_LONGEST = 190


def class_name(text: str) -> str:
    """A class name from a file's or a label's name: `vgg11` → `Vgg11`, `my-net 2` → `MyNet2`."""
    words = "".join(char if char.isascii() and char.isalnum() else " " for char in text).split()
    name = "".join(word[:1].upper() + word[1:] for word in words)[:_LONGEST]
    if not name:
        return "Network"
    if name[0].isdigit() or objection(name) or objection(name, local=True):
        name = f"Net{name}"
    return name
