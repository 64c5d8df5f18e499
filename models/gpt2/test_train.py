"""The training loop on a network so small that a step takes milliseconds, and what it leaves as transformers reads it."""

import json
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("tokenizers")
pytest.importorskip("safetensors")

from models.gpt2 import tokenizer as tokenizing  # noqa: E402
from models.gpt2 import train as training  # noqa: E402
from models.gpt2.network import GPT2, Size, load_network, save_network  # noqa: E402

TEXT = "for (let i = 0; i < dots.length; i++) {\n  dots[i].move();\n  circle(dots[i].x, dots[i].y, 10);\n}\n"
SMALL = Size(vocab_size=300, n_positions=16, n_embd=24, n_layer=2, n_head=3, n_inner=40)


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def config(tmp_path):
    tokenizing.prepare([TEXT * 20, TEXT], [TEXT * 9], tmp_path / "corpus", vocabulary=300, context=16, cut_every=40)
    return training.Config(corpus=str(tmp_path / "corpus"), out=str(tmp_path / "run"), context=16, width=24, layers=2, heads=3, inner=40,
                           tokens=256, batch=2, log_every=2, sample_every=128, valid_rows=2, device="cpu", precision="float32",
                           prompts=("for (",))  # fmt: skip


def weights(network):
    return torch.cat([p.flatten() for p in network.parameters()])


# --- the network -----------------------------------------------------------------------------------------------------------


def test_the_network_computes_what_transformers_does(tmp_path):
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    network = GPT2(SMALL).eval()
    for weight in network.parameters():  # none at its usual start: biases and norms must tell themselves apart too
        weight.data.normal_(std=0.2)
    save_network(network, tmp_path, torch.float32)
    theirs = transformers.GPT2LMHeadModel.from_pretrained(tmp_path).eval()
    tokens = torch.randint(300, (2, 16))
    with torch.no_grad():
        torch.testing.assert_close(network(tokens), theirs(tokens).logits, atol=1e-5, rtol=1e-5)


def test_what_is_remembered_changes_nothing():
    torch.manual_seed(0)
    network, tokens, past = GPT2(SMALL).eval(), torch.randint(300, (2, 16)), []
    with torch.no_grad():
        parts = [network(part, past) for part in tokens.split([5, 1, 7, 3], dim=1)]
        torch.testing.assert_close(torch.cat(parts, dim=1), network(tokens), atol=1e-5, rtol=1e-5)


def test_a_saved_network_comes_back_in_half_precision(tmp_path):
    network = GPT2(SMALL)
    save_network(network, tmp_path)
    assert torch.equal(weights(load_network(tmp_path)), weights(network).half().float())


# --- the loop --------------------------------------------------------------------------------------------------------------


def test_a_run_leaves_log_samples_and_a_checkpoint(config, tmp_path):
    seen = []
    training.train(config, on_progress=seen.append)
    assert [p["tokens"] for p in seen] == [64, 128, 192, 256]
    assert [p["tokens"] for p in seen if "valid_perplexity" in p] == [128, 256]
    lines = (tmp_path / "run" / "log.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == seen
    assert {p.name for p in (tmp_path / "run" / "samples").iterdir()} == {"0000000128.txt", "0000000256.txt"}
    assert [p.name for p in (tmp_path / "run").glob("checkpoint-*")] == ["checkpoint-0000000256.pt"]


def test_a_stopped_run_resumes_to_the_same_weights(config, tmp_path):
    whole = training.train(config)
    parts = replace(config, out=str(tmp_path / "parts"))
    answers = iter([False, False, False, True])
    training.train(parts, cancelled=lambda: next(answers))
    resumed = training.train(parts)
    assert torch.equal(weights(whole), weights(resumed))


def test_after_a_kill_the_log_holds_each_step_once(config, tmp_path):
    training.train(replace(config, checkpoint_minutes=0.0))  # a checkpoint after each step
    for path in sorted((tmp_path / "run").glob("checkpoint-*"))[-1:]:  # the last one was not written
        path.unlink()
    training.train(config)
    lines = (tmp_path / "run" / "log.jsonl").read_text().splitlines()
    assert [json.loads(line)["tokens"] for line in lines] == [64, 128, 192, 256]


def test_a_damaged_checkpoint_falls_back_to_the_one_before(config, tmp_path):
    training.train(replace(config, tokens=128))
    (tmp_path / "run" / "checkpoint-0000000200.pt").write_bytes(b"cut short")
    seen = []
    with pytest.warns(UserWarning, match="0000000200"):
        training.train(config, on_progress=seen.append)
    assert seen[0]["tokens"] == 192


def test_it_learns(config):
    longer = replace(config, tokens=32 * 150, lr=0.01)
    before = training.loss_of(GPT2(SMALL), training.load_tokens(config.corpus, "valid", 16))
    after = training.loss_of(training.train(longer), training.load_tokens(config.corpus, "valid", 16))
    assert after < before / 2


def test_each_round_shows_every_place_once(config):
    tokens = np.arange(16 * 10 + 1, dtype=np.uint16)
    rows = [training.take(tokens, step, config) for step in range(5)]  # 9 places: a round, and one of the next
    starts = torch.cat(rows)[:9, 0]
    assert len(set((starts // 16).tolist())) == 9
    assert all(torch.equal(row, torch.arange(row[0], row[0] + 17)) for row in torch.cat(rows))


def test_too_few_tokens_are_told(config, tmp_path):
    np.save(tmp_path / "corpus" / "valid.npy", np.zeros(20, np.uint16))
    with pytest.raises(ValueError, match=r"valid.npy holds uint16 \(20,\).*at least 33"):
        training.train(config)


# --- what others read ------------------------------------------------------------------------------------------------------


def test_an_exported_network_plays_in_transformers(config, tmp_path):
    transformers = pytest.importorskip("transformers")
    average = training.train(config)
    assert training.export(config.out, config.corpus, tmp_path / "played") == 256
    network = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "played", dtype=torch.float32).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "played")
    ids = tokenizer(TEXT, return_tensors="pt")["input_ids"][:, :16]
    assert ids[0].tolist() == tokenizing.load_tokenizer(config.corpus).encode(TEXT).ids[:16]
    with torch.no_grad():
        torch.testing.assert_close(network(ids).logits, average(ids), atol=2e-3, rtol=2e-3)


def test_nothing_to_export_is_told(config, tmp_path):
    with pytest.raises(FileNotFoundError, match="no checkpoint"):
        training.export(tmp_path / "nowhere", config.corpus, tmp_path / "played")
