"""The modules of transformers, PEFT and bitsandbytes for a setting, on tensors of our choice."""

from __future__ import annotations

import contextlib
import copy
import logging
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn

from probes.footprint.settings import Architecture, Setting

Make = Callable[[tuple[int, ...], torch.dtype], torch.Tensor]
"""How a tensor of a shape comes to be: fake, or with data."""


def config_of(architecture: Architecture, n_layers: int | None = None) -> Any:
    """The config of the model, with another number of layers where one is given."""
    from transformers import AutoConfig

    values = copy.deepcopy(architecture.config)
    if n_layers is not None:
        values["num_hidden_layers"] = n_layers
        for key in ("layer_types", "mlp_layer_types"):
            if values.get(key):
                values[key] = values[key][:n_layers]
    return AutoConfig.for_model(values.pop("model_type"), **values)


def skeleton(architecture: Architecture, setting: Setting, n_layers: int | None = None) -> Any:
    """The model as a training script would have it before its first step, without any data.

    PEFT and bitsandbytes cannot wrap modules whose weights are fake: `fill` puts those in later.
    """
    with torch.device("meta"), _quiet():
        return _on_meta(config_of(architecture, n_layers), setting)


def fill(model: Any, setting: Setting, make: Make) -> None:
    """Replace every parameter and buffer by what `make` gives for its shape."""
    _replace(model, make, getattr(torch, setting.dtype))
    if setting.method == "inference":
        model.eval().requires_grad_(False)
    else:
        model.train()


def decoder_layers(model: Any) -> list[nn.Module]:
    """The model's layers in their order."""
    n_layers = model.config.num_hidden_layers
    for module in model.modules():
        if isinstance(module, nn.ModuleList) and len(module) == n_layers:
            return list(module)
    raise ValueError(f"no list of {n_layers} layers in the model")


def all_alike(architecture: Architecture) -> bool:
    """Whether every layer has the same modules and the same attention."""
    config = config_of(architecture)
    with torch.device("meta"), _quiet():
        layers = decoder_layers(_base(config, torch.bfloat16, "sdpa"))
    kinds = getattr(config, "layer_types", None) or []  # also where the config.json leaves it out
    shapes = {
        tuple((name, tuple(weight.shape)) for name, weight in layer.named_parameters())
        for layer in layers
    }
    return len(shapes) == 1 and len(set(kinds)) <= 1


def _base(config: Any, dtype: torch.dtype, attention: str) -> Any:
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_config(config, dtype=dtype, attn_implementation=attention)


def _on_meta(config: Any, setting: Setting) -> Any:
    dtype = getattr(torch, setting.dtype)
    model = _base(config, dtype, setting.attention)
    model.config.use_cache = setting.method == "inference"
    if setting.quantised:
        _in_four_bits(model, dtype)
    if setting.kbit_casts:
        from peft import prepare_model_for_kbit_training

        prepare_model_for_kbit_training(model, use_gradient_checkpointing=False)
    if setting.checkpointing:
        _checkpoint(model)
    return _adapted(model, setting) if setting.adapted else model


def _checkpoint(model: Any) -> None:
    told = {"use_reentrant": False}
    if hasattr(model, "activation_checkpointing_enable"):  # its name since transformers 5.20
        model.activation_checkpointing_enable(told)
    else:
        model.gradient_checkpointing_enable(told)


def _in_four_bits(model: Any, dtype: torch.dtype) -> None:
    """Every linear layer but the head becomes bitsandbytes' 4-bit one, as transformers does it."""
    import bitsandbytes

    head = model.get_output_embeddings()
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if type(child) is nn.Linear and child is not head:
                linear = bitsandbytes.nn.Linear4bit(
                    child.in_features,
                    child.out_features,
                    bias=child.bias is not None,
                    compute_dtype=dtype,
                    compress_statistics=True,
                    quant_type="nf4",
                    device="meta",
                )
                if linear.bias is not None:
                    linear.bias.data = linear.bias.data.to(dtype)
                setattr(module, name, linear)
    model.is_loaded_in_4bit = model.is_quantized = True


def _adapted(model: Any, setting: Setting) -> Any:
    from peft import LoraConfig, get_peft_model

    if setting.checkpointing:
        model.enable_input_require_grads()
    targets = setting.targets
    config = LoraConfig(
        r=setting.rank,
        lora_alpha=2 * setting.rank,
        lora_dropout=setting.dropout,
        target_modules=targets[0] if targets == ("all-linear",) else list(targets),
        task_type="CAUSAL_LM",
    )
    kept = setting.adapter_dtype == "float32" and not (
        setting.method == "dpo" and setting.quantised
    )
    # On a base in 4 bits TRL's DPO turns adapters into bf16.
    adapted = get_peft_model(model, config, autocast_adapter_dtype=kept)
    if not kept:  # PEFT leaves adapters on the meta device as they are
        for name, weight in adapted.named_parameters():
            if "lora_" in name:
                weight.data = weight.data.to(getattr(torch, setting.dtype))
    return adapted


def _replace(model: Any, make: Make, dtype: torch.dtype) -> None:
    made: dict[int, torch.Tensor] = {}  # tied weights stay tied
    for module in model.modules():
        for name, weight in list(module._parameters.items()):
            if weight is None:
                continue
            if type(weight).__name__ == "Params4bit":
                _fill_four_bits(module, make, dtype)
                continue
            if id(weight) not in made:
                data = make(tuple(weight.shape), weight.dtype)
                made[id(weight)] = nn.Parameter(data, requires_grad=weight.requires_grad)
            module._parameters[name] = made[id(weight)]
        for name, buffer in list(module._buffers.items()):
            if buffer is not None:
                if id(buffer) not in made:
                    made[id(buffer)] = make(tuple(buffer.shape), buffer.dtype)
                module._buffers[name] = made[id(buffer)]


NF4_BLOCK, SCALE_BLOCK = 64, 256
"""Weights with one scale, and scales with one of their own (Dettmers et al., arXiv 2305.14314)."""


def _fill_four_bits(module: Any, make: Make, dtype: torch.dtype) -> None:
    """A weight in NF4 with its scales; a plain parameter, since bnb's own class takes no fakes."""
    from bitsandbytes.functional import QuantState, get_4bit_type

    n_weights = module.in_features * module.out_features
    blocks = -(-n_weights // NF4_BLOCK)
    code = get_4bit_type("nf4", device="cpu")
    inner = QuantState(
        absmax=make((-(-blocks // SCALE_BLOCK),), torch.float32),
        code=make((256,), torch.float32),
        blocksize=SCALE_BLOCK,
        dtype=torch.float32,
    )
    state = QuantState(
        absmax=make((blocks,), torch.uint8),
        shape=torch.Size((module.out_features, module.in_features)),
        code=code,
        blocksize=NF4_BLOCK,
        quant_type="nf4",
        dtype=dtype,
        offset=make((), torch.float32),
        state2=inner,
    )
    packed = make(((n_weights + 1) // 2, 1), torch.uint8)
    weight = nn.Parameter(packed, requires_grad=False)
    weight.quant_state = state
    module._parameters["weight"] = weight
    module.quant_state = state
    module.support_avx512bf16_for_cpu = False  # it would pack its weight a second time


def constants(model: Any) -> list[torch.Tensor]:
    """What 4-bit weights hold beside themselves."""
    found = []
    for module in model.modules():
        state = getattr(module, "quant_state", None)
        if state is not None:
            found += [state.absmax, state.offset, state.state2.absmax, state.state2.code]
    return found


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without the libraries' advice on models that nobody will use."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(level)
