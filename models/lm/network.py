"""Any causal language model of transformers, as the engine wants it: its own forward, over one cache with slots."""

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer
from transformers.cache_utils import Cache, DynamicLayer
from transformers.utils import logging

from bridge.errors import ModelBroken
from bridge.kit.decoding import Bit, apart
from bridge.kit.text import slots_for
from bridge.kit.vocabulary import Vocabulary

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


class SlotCache(Cache):
    """Keys and values of all slots, each layer in one tensor. `look` says, before each forward, what is written and seen."""

    def __init__(self, slots: int, context: int) -> None:
        super().__init__(layer_class_to_replicate=DynamicLayer)
        self.slots, self.context = slots, context
        self.stored: list[tuple[Tensor, Tensor]] = []

    def look(self, slots: Sequence[int], start: int, end: int, at: tuple[Tensor, Tensor] | None = None) -> None:
        """One slot from start to end; or one token in each of these slots, which are in order: `at` slot and position."""
        self.start, self.end, self.at = start, end, at
        # Slots that lie side by side can be looked at where they are; others have to be gathered, which takes a copy.
        apart = at is not None and slots[-1] + 1 - slots[0] != len(slots)
        self.there = at[0] if apart else slice(slots[0], slots[-1] + 1)

    def update(
        self, key_states: Tensor, value_states: Tensor, layer_idx: int, *args: Any, **kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        while len(self.stored) <= layer_idx:  # zeros of the system's: on a CPU they take memory once they are written
            self.stored.append(
                tuple(
                    part.new_zeros(self.slots, part.shape[1], self.context, part.shape[3])
                    for part in (key_states, value_states)
                )
            )
        return self._kept(self.stored[layer_idx][0], key_states), self._kept(self.stored[layer_idx][1], value_states)

    def _kept(self, stored: Tensor, fresh: Tensor) -> Tensor:
        if self.at is None:
            stored[self.there, :, self.start : self.end] = fresh
            return stored[self.there, :, : self.end]
        slots, positions = self.at
        stored[slots, :, positions] = fresh[:, :, 0]
        return stored[self.there, :, : self.end]

    def get_seq_length(self, layer_idx: int = 0) -> int:
        return self.start

    def copy_slot(self, source: int, slot: int, count: int) -> None:
        for layer in self.stored:
            for part in layer:
                part[slot, :, :count] = part[source, :, :count]


class Causal:
    """A network of transformers behind the engine."""

    def __init__(self, model: Any, context: int, slots: int) -> None:
        self.model, self.context, self.slots = model, context, slots
        self.device, self.dtype = model.device, model.dtype
        self.cache = SlotCache(slots, context)
        self._state: Tensor | None = None
        model.get_output_embeddings().register_forward_pre_hook(self._remember)
        self._read(
            Bit(0, [0, 0], 0)
        )  # a network that can't go on from a cache like ours fails here, not in front of people

    def read(self, bits: Sequence[Bit]) -> tuple[Any, Any]:
        return apart(bits, self._step, self._read)

    @torch.inference_mode()
    def _read(self, bit: Bit) -> tuple[Any, Any]:
        """A bit of a prompt."""
        slot, tokens, start = bit
        end = start + len(tokens)
        self.cache.look([slot], start, end)
        places = torch.arange(start, end, device=self.device)
        seen = torch.arange(end, device=self.device) <= places[:, None]
        logits, states = self._forward(torch.tensor([tokens], device=self.device), places[None], seen[None, None])
        return logits[0], states[0]

    @torch.inference_mode()
    def _step(self, slots: Sequence[int], tokens: Sequence[int], positions: Sequence[int]) -> tuple[Any, Any]:
        """One token each."""
        if len(slots) == 1:
            logits, states = self._read(Bit(slots[0], tokens, positions[0]))
            return logits[None], states[None]
        order = sorted(range(len(slots)), key=lambda row: slots[row])
        rows = [[each[row] for row in order] for each in (slots, tokens, positions)]
        where, words, places = torch.tensor(rows, device=self.device)
        end = min((max(positions) + 16) // 16 * 16, self.context)
        self.cache.look(rows[0], max(positions), end, (where, places))
        seen = torch.arange(end, device=self.device) <= places[:, None]
        logits, states = self._forward(words[:, None], places[:, None], seen[:, None, None])
        back = sorted(range(len(order)), key=lambda row: order[row])
        return logits[back], states[back]

    @torch.inference_mode()
    def copy(self, source: int, slot: int, count: int) -> None:
        self.cache.copy_slot(source, slot, count)

    def _forward(self, words: Tensor, places: Tensor, seen: Tensor) -> tuple[Any, Any]:
        mask = torch.zeros(seen.shape, dtype=self.dtype, device=self.device).masked_fill_(
            ~seen, torch.finfo(self.dtype).min
        )
        given = {"attention_mask": mask, "position_ids": places, "past_key_values": self.cache, "use_cache": True}
        logits = self.model(input_ids=words, logits_to_keep=1, **given).logits[:, -1]
        state = self._state[:, -1].float()
        return logits.float().cpu().numpy(), F.layer_norm(state, state.shape[-1:]).cpu().numpy()

    def _remember(self, module: Any, given: tuple[Tensor, ...]) -> None:
        self._state = given[0]


def open_network(
    folder: Path, context: int, device: str, precision: str, pickle: bool
) -> tuple[Causal, Vocabulary, Any]:
    """Network, tokens, and the tokenizer for its template; ModelBroken, in words, if it can't be used."""
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    with _in_words(folder.name):
        config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        model = AutoModelForCausalLM.from_pretrained(
            folder,
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=None if pickle else True,
            dtype=_dtype(precision, device),
            attn_implementation="sdpa",
        )
        model = model.eval().requires_grad_(False).to(device)
        most = min(context, *_limits(config))
        network = Causal(model, most, _slots_that_fit(model, most))
    return network, _vocabulary(tokenizer, model, most, folder.name), tokenizer


def _dtype(precision: str, device: str) -> torch.dtype:
    return PRECISIONS["bfloat16" if device == "cuda" else "float32"] if precision == "auto" else PRECISIONS[precision]


def _limits(config: Any) -> list[int]:
    """How far it can look back."""
    told = [getattr(config, name, None) for name in ("max_position_embeddings", "n_positions", "sliding_window")]
    return [limit for limit in told if isinstance(limit, int) and limit > 0]


def _slots_that_fit(model: Any, context: int) -> int:
    """On a GPU the cache takes its memory at once: half of what is free, at most."""
    config = model.config
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    one = config.num_hidden_layers * 2 * heads * width * context * model.dtype.itemsize
    slots = slots_for(one)
    if model.device.type != "cuda":
        return slots
    free, _ = torch.cuda.mem_get_info(model.device)
    return max(2, min(slots, free // 2 // one))


def _vocabulary(tokenizer: Any, model: Any, context: int, name: str) -> Vocabulary:
    quick = getattr(tokenizer, "backend_tokenizer", None)
    if quick is None:
        raise ModelBroken(
            f"{name} has no tokenizer.json", hint="only quick tokenizers are taken; convert it", field="network"
        )
    told = model.generation_config.eos_token_id if model.generation_config else None
    told = tokenizer.eos_token_id if told is None else told
    ends = told if isinstance(told, list) else [] if told is None else [told]
    begin = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else next(iter(ends), 0)
    known = min(len(part.weight) for part in (model.get_input_embeddings(), model.get_output_embeddings()))
    return Vocabulary(quick, ends, begin, context, known)


@contextlib.contextmanager
def _in_words(name: str) -> Any:
    """transformers raises a great many kinds of errors for what is in a folder."""
    try:
        yield
    except (ModelBroken, MemoryError):
        raise
    except torch.OutOfMemoryError:
        raise ModelBroken(
            f"{name} does not fit into the GPU's memory", hint="take a smaller one, or device=cpu", field="network"
        ) from None
    except Exception as error:
        said = str(error).strip().splitlines()[0][:300] if str(error).strip() else type(error).__name__
        hint = "it has to be a causal language model in the form of transformers, with weights in safetensors"
        if "safetensors" in said:
            hint = "weights that are pickles can hold code: say pickle=true to load them all the same"
        raise ModelBroken(f"{name} can't be loaded: {said}", hint=hint, field="network") from None
