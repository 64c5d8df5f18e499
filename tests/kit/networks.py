"""Small language models with random weights, saved by transformers, and what transformers itself makes of them."""

from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM
from transformers.utils import logging

CODE = (
    "function draw() { background(220); ellipse(x, y, 80, 80); }\nfor (let i = 0; i < 10; i++) { line(i, 0, i, h); }\n"
)
WORDS = 300


def save_tokenizer(folder: Path) -> None:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=WORDS,
        special_tokens=["<|endoftext|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([CODE] * 3, trainer)
    tokenizer.save(str(folder / "tokenizer.json"))


def _saved(model: Any, folder: Path) -> Any:
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    folder.mkdir(parents=True, exist_ok=True)
    chance = torch.Generator().manual_seed(1)
    for name, weight in model.named_parameters():
        if name.endswith("bias") or "norm" in name or "ln_" in name:  # else these are all ones and zeros
            weight.data += 0.05 * torch.randn(weight.shape, generator=chance)
    model.eval().save_pretrained(folder)
    save_tokenizer(folder)
    return model


def gpt2(folder: Path, **settings: Any) -> Any:
    """A GPT-2 in that folder, and the same as transformers has it. Its end token never comes by itself."""
    torch.manual_seed(0)
    sizes = {"n_layer": 3, "n_embd": 48, "n_head": 4, "n_positions": 256, "vocab_size": WORDS, "initializer_range": 0.3}
    return _saved(GPT2LMHeadModel(GPT2Config(**{**sizes, "bos_token_id": 0, "eos_token_id": None, **settings})), folder)


def llama(folder: Path) -> Any:
    torch.manual_seed(0)
    config = LlamaConfig(
        hidden_size=48,
        intermediate_size=96,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=2,
        vocab_size=WORDS,
        max_position_embeddings=256,
        bos_token_id=0,
        eos_token_id=None,
        initializer_range=0.3,
    )
    return _saved(LlamaForCausalLM(config), folder)


def generated(model: Any, folder: Path, prompt: str, count: int) -> str:
    """What `generate` goes on with, greedily."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokens = torch.tensor([tokenizer.encode(prompt).ids])
    wishes = {"max_new_tokens": count, "do_sample": False, "pad_token_id": 0}
    with torch.inference_mode():
        found = model.generate(tokens, attention_mask=torch.ones_like(tokens), **wishes)
    return tokenizer.decode(found[0, tokens.shape[1] :].tolist(), skip_special_tokens=True)


def written(model: Any, prompt: str, count: int, **wishes: Any) -> str:
    """What a text model of ours goes on with, greedily."""
    steps = model.run(prompt, max_tokens=count, temperature=0, **wishes)
    return "".join(step.get("generated_text", "") for step in steps if step)


def side_by_side(runs: list[Any], leave: dict[int, int] | None = None, join: dict[int, int] | None = None) -> list[str]:
    """Runs in turns; run n joins at turn n, or as `join` says, and those named leave after so many steps."""
    when = {join.get(number, number) if join else number: number for number in range(len(runs))}
    texts, open_runs, turn = [""] * len(runs), {}, 0
    while turn <= max(when) or open_runs:
        if turn in when:
            open_runs[when[turn]] = [runs[when[turn]](), 0]
        for number, entry in tuple(open_runs.items()):
            try:
                texts[number] += (next(entry[0]) or {}).get("generated_text", "")
            except StopIteration:
                del open_runs[number]
                continue
            entry[1] += 1
            if leave and leave.get(number) == entry[1]:
                entry[0].close()
                del open_runs[number]
        turn += 1
    return texts
