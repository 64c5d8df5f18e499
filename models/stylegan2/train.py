"""Train a StyleGAN2 on a set of pictures, from scratch or from a checkpoint. Read `train` from top to bottom; the rest serves it.

From the papers: non-saturating loss with lazy R1 and path-length penalties and style mixing (Karras et al. 2020), differentiable
augmentation (Zhao et al. 2020) whose probability follows how sure the discriminator has become (Karras et al. 2020, ADA).
Pictures that were made from numbers can bring them along as their places in the latent space (`places`). Then a guide tells the
generator which picture belongs where, first alone and later beside the discriminator, which makes sharp what the guide leaves soft.
Each step is seeded by its number, so a run that was stopped and resumed goes on exactly as if it had not been.

Nothing happens at import, and `train` prints nothing: a server job calls it with `on_progress` and `cancelled`.
"""

import argparse
import copy
import math
import signal
import time
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F

from bridge.kit.checkpoints import append_line, newest_checkpoint, save_checkpoint, write_whole

from .network import Discriminator, Generator
from .weights import save_generator


@dataclass(frozen=True)
class Config:
    """All that a run depends on. The folder `out` holds checkpoints, samples and the log, and is enough to resume."""

    pictures: str  # a folder of image files, or a .npy file of uint8 (N, size, size, 3)
    out: str
    size: int = 64  # pixels on a side: a power of two
    channels: tuple[int, ...] = (128, 128, 96, 64, 32)  # feature maps at 4, 8, 16, ... pixels
    critic: tuple[int, ...] = ()  # those of the discriminator, where they are others
    z_dim: int = 64
    w_dim: int = 64
    mapping_layers: int = 4
    mapping_width: int = 0  # 0: as many as w_dim
    mapping_lr: float = 0.01  # of the mapping, beside that of the rest
    architecture: str = "skip"
    images: int = 400_000  # stop after showing the discriminator so many real pictures
    batch: int = 16
    lr: float = 0.002
    r1_gamma: float = 0.1  # about 0.0004 size^2 / batch
    r1_every: int = 16
    path_weight: float = 2.0
    path_every: int = 8
    mixing: float = 0.9  # share of pictures made from two styles
    ema_images: int = 8_000  # half-life of the averaged generator, shorter at the start
    mirror: bool = True  # pictures may be flipped left to right
    augment: str = "colour,shift,cutout"  # what augmentation may do; empty for none
    augment_target: float = (
        0.6  # how often the discriminator may be right about real pictures before augmentation grows
    )
    places: str = ""  # a .npy file (N, z_dim): where in the latent space each picture belongs; empty: nobody knows
    guide: float = 10.0  # how much it counts that the picture of a place looks like the one that belongs there
    guide_beside: float = 2.0  # and how much beside the discriminator, which would be outvoted otherwise
    guide_alone: int = 0  # so many images without a discriminator, for which the generator learns from the guide alone
    guide_batch: int = 8  # pictures in a step of these: many small steps teach more than a few large ones
    guide_coarse: int = 0  # so many of these at half the size, without the last block: forms first, at half the cost
    guide_lr: float = 0.008  # the generator's at the start of these, from where it falls to lr
    grown_from: str = ""  # the `out` of a run at half the size, whose networks go on here; with the guide alone only what is new learns
    seed: int = 0
    device: str = "auto"
    precision: str = "auto"  # float32, bfloat16, or whichever is quicker here
    threads: int = 0  # CPU threads; 0 leaves torch's choice
    log_every: int = 50  # steps
    sample_every: int = 10_000  # images
    checkpoint_minutes: float = 5.0


def train(config, on_progress=None, cancelled=lambda: False, prepare=None):
    """Train until `config.images` are seen or `cancelled()` says so; both leave a checkpoint. Returns the averaged generator.

    `on_progress` gets a dict of plain numbers every `log_every` steps; the same lines go to `out/log.jsonl`.
    `prepare` gets the new generator before the first step of a run, not when it is resumed.
    """
    check(config)
    if config.threads:
        torch.set_num_threads(config.threads)
    device = torch.device(config.device if config.device != "auto" else "cuda" if torch.cuda.is_available() else "cpu")
    out = Path(config.out)
    (out / "samples").mkdir(parents=True, exist_ok=True)
    pictures = load_pictures(config.pictures, config.size)  # (P, H, W, 3) uint8
    places = load_places(config.places, len(pictures), config.z_dim)  # (P, Z) or None

    # Networks, their average, and their optimisers. Lazy penalties are rare, so Adam's memory is shortened to match.
    torch.manual_seed(config.seed)
    G = new_generator(asdict(config))
    D = Discriminator(config.critic or config.channels)
    if not any(out.glob("checkpoint-*.pt")):
        if config.grown_from:
            grow(G, D, config)
        if prepare:
            prepare(G)
    G, D = (net.to(device, memory_format=torch.channels_last) for net in (G, D))
    G_ema = copy.deepcopy(G).eval().requires_grad_(False)
    G_opt = lazy_adam(G, config.lr, config.path_every)
    D_opt = lazy_adam(D, config.lr, config.r1_every)
    state = {"step": 0, "images": 0, "seconds": 0.0, "path_mean": 0.0, "augment": 0.0}
    parts = {"G": G, "D": D, "G_ema": G_ema, "G_opt": G_opt, "D_opt": D_opt}
    resume(out, parts, state)
    resolutions = list(G.synthesis.resolutions)
    if choose_precision(config.precision, device) == torch.bfloat16:
        for net in (G.synthesis, D):
            net.use_half(len(config.channels), torch.bfloat16)

    sums, started, saved_at, sampled_at = Sums(), time.monotonic(), time.monotonic(), state["images"]
    seen = state["images"]
    while state["images"] < config.images and not cancelled():
        torch.manual_seed(config.seed * 1_000_003 + state["step"])
        alone = places is not None and state["images"] < config.guide_alone
        coarse = alone and state["images"] < config.guide_coarse
        G.synthesis.resolutions = resolutions[:-1] if coarse else resolutions
        let_learn(G, config, alone)
        batch = config.guide_batch if alone else config.batch
        guided = 0 if places is None else batch if alone else batch // 2
        regularise_d = config.r1_gamma > 0 and state["step"] % config.r1_every == 0
        regularise_g = config.path_weight > 0 and state["step"] % config.path_every == 0 and not alone

        # One batch of each kind. Both players look at the same fakes: the generator's graph is kept for its own turn.
        index, real = take(pictures, batch, config.mirror, device)  # (N,), (N, 3, H, W)
        known = None if places is None else torch.from_numpy(places[index[:guided]]).to(device)  # (guided, Z)
        ws = styles(G, batch, config.mixing, device, known)  # (N, L, W)
        fake = G.synthesis(ws)  # (N, 3, H, W)
        loss_g = fake.new_zeros(())

        if not alone:
            # The discriminator learns to tell them apart ...
            D.requires_grad_(True)
            real.requires_grad_(regularise_d)
            real_score = D(augment(real, config.augment, state["augment"]))  # (N, 1)
            fake_score = D(augment(fake.detach(), config.augment, state["augment"]))
            loss_d = F.softplus(-real_score).mean() + F.softplus(fake_score).mean()
            if regularise_d:  # ... and to be flat where the real pictures are
                (slope,) = torch.autograd.grad(real_score.sum(), real, create_graph=True)
                r1 = slope.square().sum(dim=(1, 2, 3)).mean()
                (loss_d + r1 * (config.r1_gamma / 2 * config.r1_every)).backward()
                sums.add(r1=r1)
            else:
                loss_d.backward()
            step(D_opt)
            sums.add(loss_d=loss_d, real=real_score.mean(), fake=fake_score.mean(), real_sign=real_score.sign().mean())

            # The generator learns to be taken for real ...
            D.requires_grad_(False)
            score = D(augment(fake, config.augment, state["augment"]))  # (N, 1)
            loss_g = F.softplus(-score).mean()
            sums.add(loss_g=loss_g)
        if guided:  # ... to put each picture where it belongs ...
            wanted = F.avg_pool2d(real, 2) if coarse else real[:guided].detach()
            apart = unlikeness(fake[:guided], wanted)
            loss_g = loss_g + apart * (config.guide if alone else config.guide_beside)
            sums.add(apart=apart)
        loss_g.backward()
        if regularise_g:  # ... and to move equally far in the picture for a step in any direction of w
            ws = styles(G, max(1, config.batch // 2), config.mixing, device)
            fake = G.synthesis(ws)
            direction = torch.randn_like(fake) / config.size  # a random picture of unit length per pixel
            (slope,) = torch.autograd.grad((fake * direction).sum(), ws, create_graph=True)  # (N/2, L, W)
            length = slope.square().sum(dim=2).mean(dim=1).sqrt()  # (N/2,)
            mean = state["path_mean"] + 0.01 * (length.mean().item() - state["path_mean"])
            state["path_mean"] = mean
            ((length - mean).square().mean() * (config.path_weight * config.path_every)).backward()
            sums.add(path_length=length.mean())
        pace(G_opt, config, state["images"] / config.guide_alone if alone else 1.0)
        step(G_opt)

        state["step"] += 1
        state["images"] += batch
        average(G_ema, G, config, state["images"], batch)

        if state["step"] % config.log_every == 0:
            now = time.monotonic()
            state["seconds"] += now - started
            progress = {
                "step": state["step"],
                "images": state["images"],
                "of": config.images,
                "seconds": round(state["seconds"], 1),
            }
            progress |= {
                "images_per_second": round((state["images"] - seen) / (now - started), 2),
                "augment": round(state["augment"], 3),
            }
            progress |= sums.read()
            started, seen = now, state["images"]
            if not all(math.isfinite(value) for value in progress.values()):
                raise FloatingPointError(f"training went astray at {state['images']} images: {progress}")
            if "real_sign" in progress:
                state["augment"] = adapt(state["augment"], progress["real_sign"], config)
            append_line(out / "log.jsonl", progress)
            if on_progress:
                on_progress(progress)
        if state["images"] - sampled_at >= config.sample_every:
            sampled_at = state["images"]
            save_samples(G_ema, out / "samples" / f"{state['images']:08d}.png")
        if time.monotonic() - saved_at > config.checkpoint_minutes * 60:
            saved_at = time.monotonic()
            save_checkpoint(checkpoint_file(out, state), parts, state, asdict(config))

    save_checkpoint(checkpoint_file(out, state), parts, state, asdict(config))
    save_samples(G_ema, out / "samples" / f"{state['images']:08d}.png")
    return G_ema


def new_generator(config):
    """The generator that a config, as a dict, describes."""
    return Generator(
        config["z_dim"],
        config["w_dim"],
        config["channels"],
        mapping_layers=config["mapping_layers"],
        mapping_width=config.get("mapping_width") or None,
        mapping_lr=config.get("mapping_lr", 0.01),
        architecture=config["architecture"],
    )


def grow(G, D, config):
    """Give both networks what those of half the size have learned. What comes before and after it is new."""
    content = newest_checkpoint(config.grown_from)
    if content is None:
        raise FileNotFoundError(f"grown_from: no checkpoint in {config.grown_from}")
    half = config.size // 2
    judged = {name: value for name, value in content["D"].items() if not name.startswith(f"b{half}.fromrgb.")}
    for net, known, new in ((G, content["G_ema"], f"synthesis.b{config.size}."), (D, judged, f"b{config.size}.")):
        own = net.state_dict()
        other = [name for name in own.keys() ^ known.keys() if not name.startswith(new)]
        other += [name for name in own.keys() & known.keys() if own[name].shape != known[name].shape]
        if other:
            raise ValueError(
                f"grown_from: {min(other)} is not the same there; all but the last entry of channels and critic has to be"
            )
        net.load_state_dict(own | known)


def let_learn(G, config, alone):
    """With the guide alone the mapping stays: what `prepare` taught it is what the synthesis learns to show. So does what was grown from."""
    G.requires_grad_(not (alone and config.grown_from))
    getattr(G.synthesis, f"b{config.size}").requires_grad_(True)
    G.mapping.requires_grad_(not alone)


# --- The steps' parts ------------------------------------------------------------------------------------------------------


def styles(G, n, mixing, device, known=None):
    """Styles for n pictures, (n, L, W), the first ones of the `known` places. Of the others a share of `mixing` switches to a second
    latent from a random layer on."""
    z = torch.randn(n, G.z_dim, device=device)
    count = 0 if known is None else len(known)
    if count:
        z[:count] = known
    first = G.mapping(z, track_average=True)  # (n, L, W)
    if mixing <= 0 or count == n:
        return first
    second = G.mapping(torch.randn(n, G.z_dim, device=device))
    switch = torch.randint(1, G.num_ws, (n, 1, 1), device=device)
    switch = torch.where(torch.rand(n, 1, 1, device=device) < mixing, switch, G.num_ws)
    switch[:count] = G.num_ws
    layer = torch.arange(G.num_ws, device=device)[None, :, None]  # (1, L, 1)
    return torch.where(layer < switch, first, second)


def unlikeness(ours, theirs):
    """How far pictures (N, 3, H, W) are from those they should be: over every size of detail, and along their edges."""
    apart = ours - theirs
    total = (apart[..., 1:] - apart[..., :-1]).abs().mean() + (apart[..., 1:, :] - apart[..., :-1, :]).abs().mean()
    while True:
        total = total + apart.abs().mean()
        if apart.shape[-1] <= 4:
            return total
        apart = F.avg_pool2d(apart, 2)


def augment(x, policy, probability):
    """Change each picture of (N, 3, H, W) in ways that can be differentiated through, each way with `probability`."""
    if not policy or probability <= 0:
        return x
    n, _, h, w = x.shape

    def chosen():
        return torch.rand(n, 1, 1, 1, device=x.device) < probability

    def between(low, high):
        return torch.rand(n, 1, 1, 1, device=x.device) * (high - low) + low

    if "colour" in policy:
        x = torch.where(chosen(), x + between(-0.5, 0.5), x)
        grey = x.mean(dim=1, keepdim=True)
        x = torch.where(chosen(), grey + (x - grey) * between(0.0, 2.0), x)
        middle = x.mean(dim=(1, 2, 3), keepdim=True)
        x = torch.where(chosen(), middle + (x - middle) * between(0.5, 1.5), x)
    rows, columns = torch.arange(h, device=x.device)[None, :, None], torch.arange(w, device=x.device)[None, None, :]
    if "shift" in policy:  # up to an eighth, black comes in from outside
        reach = h // 8
        shift = torch.randint(-reach, reach + 1, (2, n, 1, 1), device=x.device) * chosen()[..., 0]  # (2, n, 1, 1)
        padded = F.pad(x, [reach] * 4).permute(0, 2, 3, 1)
        batch = torch.arange(n, device=x.device)[:, None, None]
        x = padded[batch, rows + reach + shift[0], columns + reach + shift[1]].permute(0, 3, 1, 2)
    if "cutout" in policy:  # a grey square of half the size
        top, left = torch.randint(-h // 4, h - h // 4, (2, n, 1, 1), device=x.device)
        hole = (rows >= top) & (rows < top + h // 2) & (columns >= left) & (columns < left + w // 2)  # (n, h, w)
        x = x * ~(hole[:, None] & chosen())
    return x.contiguous(memory_format=torch.channels_last)


def adapt(probability, real_sign, config):
    """Augment more while the discriminator is too often right about real pictures, less when it is not."""
    if not config.augment:
        return 0.0
    change = config.log_every * config.batch / 200_000  # from none to always within so many images at the quickest
    return min(0.8, max(0.0, probability + math.copysign(change, real_sign - config.augment_target)))


def average(G_ema, G, config, images, batch):
    """Move the averaged generator towards the current one."""
    half_life = min(config.ema_images, images * 0.1)
    share = 1 - 0.5 ** (batch / max(half_life, 1e-8))
    with torch.no_grad():
        torch._foreach_lerp_(list(G_ema.parameters()), [p.detach() for p in G.parameters()], share)
        for ours, theirs in zip(G_ema.buffers(), G.buffers(), strict=True):
            ours.copy_(theirs)


def lazy_adam(net, lr, every):
    """Adam as the papers set it, corrected for a penalty that comes only every so many steps."""
    ratio = every / (every + 1)
    return torch.optim.Adam(net.parameters(), lr=lr * ratio, betas=(0.0, 0.99**ratio), eps=1e-8, fused=True)


def pace(optimiser, config, share):
    """Quick and steady while the guide is alone, `share` of its time being over; slow, and with no memory of the direction, for two."""
    slow = config.lr * config.path_every / (config.path_every + 1)
    for group in optimiser.param_groups:
        group["lr"] = slow if share >= 1 else config.guide_lr + (slow - config.guide_lr) * share
        group["betas"] = (0.9 if share < 1 else 0.0, group["betas"][1])


def step(optimiser):
    for group in optimiser.param_groups:
        for parameter in group["params"]:
            if parameter.grad is not None:
                torch.nan_to_num_(parameter.grad, nan=0.0, posinf=1e5, neginf=-1e5)
    optimiser.step()
    optimiser.zero_grad(set_to_none=True)


class Sums:
    """Means of what was added since the last reading; values stay on the device until then."""

    def __init__(self):
        self.values = {}

    def add(self, **values):
        for name, value in values.items():
            self.values.setdefault(name, []).append(value.detach())

    def read(self):
        means = {name: round(torch.stack(values).mean().item(), 4) for name, values in self.values.items()}
        self.values = {}
        return means


# --- Pictures in, pictures out ---------------------------------------------------------------------------------------------


def load_pictures(path, size):
    """All pictures as uint8 (P, size, size, 3), RGB: a .npy file stays on disk, a folder is read, cropped square and scaled."""
    path = Path(path)
    if path.suffix == ".npy":
        pictures = np.load(path, mmap_mode="r")
        if pictures.ndim != 4 or pictures.shape[1:] != (size, size, 3) or pictures.dtype != np.uint8:
            raise ValueError(
                f"{path.name} holds {pictures.dtype} {pictures.shape}, but uint8 (N, {size}, {size}, 3) is needed"
            )
        return pictures
    names = sorted(p for p in path.rglob("*") if p.suffix.lower() in {".png", ".jpg", ".jpeg", ".webp", ".bmp"})
    pictures = [square(image, size) for image in map(read_image, names) if image is not None]
    if not pictures:
        raise ValueError(f"no pictures in {path}: png, jpg, webp and bmp files are looked for, in folders below too")
    return np.stack(pictures)


def read_image(path):
    data = np.frombuffer(path.read_bytes(), np.uint8)
    return cv2.imdecode(data, cv2.IMREAD_COLOR) if len(data) else None


def square(image, size):
    h, w = image.shape[:2]
    side = min(h, w)
    image = image[(h - side) // 2 : (h + side) // 2, (w - side) // 2 : (w + side) // 2]
    image = cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA if side > size else cv2.INTER_CUBIC)
    return image[..., ::-1]


def load_places(path, count, z_dim):
    """Where the pictures belong in the latent space: float32 (P, Z); None where nobody knows."""
    if not path:
        return None
    places = np.load(path)
    if places.shape != (count, z_dim):
        raise ValueError(
            f"{Path(path).name} holds {places.shape}, but {count} pictures with z_dim {z_dim} need {(count, z_dim)}"
        )
    return places.astype(np.float32)


def take(pictures, n, mirror, device):
    """A random batch: its numbers (n,), and (n, 3, H, W) float, -1 to 1."""
    index = torch.randint(len(pictures), (n,)).numpy()
    flips = (torch.rand(n) < 0.5).numpy() if mirror else np.zeros(n, bool)
    batch = np.stack(
        [pictures[i, :, ::-1] if flip else pictures[i] for i, flip in zip(index, flips, strict=True)]
    )  # (n, H, W, 3)
    images = torch.from_numpy(batch).to(device).permute(0, 3, 1, 2).float() / 127.5 - 1  # channels-last by construction
    return index, images


def save_samples(G_ema, path, side=8):
    """A page of side x side pictures of always the same latents, and below it a walk between the first ones."""
    rng = torch.Generator().manual_seed(1)
    z = torch.randn(side * side, G_ema.z_dim, generator=rng)
    t = torch.linspace(0, 1, side)[:, None]
    walk = torch.cat([(1 - t) * z[i] + t * z[i + 1] for i in (0, 2)])
    z = torch.cat([z, walk / walk.square().mean(dim=1, keepdim=True).sqrt()])
    with torch.no_grad():
        images = torch.cat(
            [G_ema(part, noise_mode="const") for part in z.to(next(G_ema.parameters()).device).split(side * 2)]
        )
    images = (images * 127.5 + 127.5).round().clamp(0, 255).byte().permute(0, 2, 3, 1).cpu().numpy()  # (M, H, W, 3)
    h, w = images.shape[1:3]
    page = images.reshape(-1, side, h, w, 3).transpose(0, 2, 1, 3, 4).reshape(-1, side * w, 3)
    _, data = cv2.imencode(".png", page[..., ::-1])
    write_whole(path, data.tobytes())


# --- What must last --------------------------------------------------------------------------------------------------------


def checkpoint_file(out, state):
    return out / f"checkpoint-{state['images']:09d}.pt"


def resume(out, parts, state):
    """Load the newest checkpoint that can be read, if there is one."""
    content = newest_checkpoint(out)
    if content:
        for name, part in parts.items():
            part.load_state_dict(content[name])
        state.update(content["state"])


def check(config):
    if config.size != 2 << len(config.channels):
        raise ValueError(
            f"size {config.size} needs {round(math.log2(config.size)) - 1} entries in channels (4, 8, ... pixels), got {len(config.channels)}"
        )
    if config.batch < 2:
        raise ValueError("batch must be at least 2: the discriminator compares pictures with each other")
    if config.critic and len(config.critic) != len(config.channels):
        raise ValueError(f"critic needs as many entries as channels, {len(config.channels)}, got {len(config.critic)}")
    if config.guide_alone and not config.places:
        raise ValueError("guide_alone needs places: without them there is no guide to learn from")
    if config.guide_coarse and config.architecture != "skip":
        raise ValueError("guide_coarse needs the skip architecture: no other has a picture at half the size")
    if config.guide_coarse and config.grown_from:
        raise ValueError("guide_coarse has nothing to teach with grown_from: half the size has been learned there")
    if config.mirror and config.places:
        raise ValueError("mirror must be off with places: a mirrored picture belongs elsewhere")


def choose_precision(wish, device):
    """bfloat16 where it pays. Some processors only imitate it, many times slower than float32, so measure."""
    if wish != "auto":
        return getattr(torch, wish)
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float32
    if device.type != "cpu":
        return torch.float32

    def seconds(dtype):
        x = torch.zeros(8, 64, 32, 32, dtype=dtype).contiguous(memory_format=torch.channels_last)
        weight = torch.zeros(64, 64, 3, 3, dtype=dtype).contiguous(memory_format=torch.channels_last)
        times = []
        for _ in range(3):
            start = time.perf_counter()
            F.conv2d(x, weight, padding=1)
            times.append(time.perf_counter() - start)
        return min(times)

    with torch.no_grad():
        return torch.bfloat16 if seconds(torch.bfloat16) < 0.8 * seconds(torch.float32) else torch.float32


# --- By hand ---------------------------------------------------------------------------------------------------------------


def export(out, target, facts=None):
    """Write the averaged generator of the newest checkpoint in `out` as `target`.safetensors and `target`.json."""
    path = max(Path(out).glob("checkpoint-*.pt"), default=None)
    if path is None:
        raise FileNotFoundError(f"no checkpoint in {out}")
    content = torch.load(path, map_location="cpu", weights_only=True)
    G = new_generator(content["config"])
    G.load_state_dict(content["G_ema"])
    save_generator(G, target, {"trained_images": content["state"]["images"]} | (facts or {}))


def main(argv=None):
    parser = argparse.ArgumentParser(
        description="Train a StyleGAN2. Stop it with Ctrl-C or SIGTERM; the same command goes on."
    )
    parser.add_argument(
        "--export",
        metavar="NAME",
        help="write the newest averaged generator as NAME.safetensors and NAME.json, and stop",
    )
    for field in fields(Config):
        flag = "--" + field.name.replace("_", "-")
        default = field.default
        if field.name in ("pictures", "out"):
            parser.add_argument(flag, required=field.name == "out")
        elif isinstance(default, bool):
            parser.add_argument(flag, action=argparse.BooleanOptionalAction, default=default)
        elif isinstance(default, tuple):
            parser.add_argument(flag, type=int, nargs="*", default=default)
        else:
            parser.add_argument(flag, type=type(default), default=default)
    args = vars(parser.parse_args(argv))
    target = args.pop("export")
    if target:
        return export(args["out"], target)
    if not args["pictures"]:
        parser.error("--pictures is needed to train")
    args |= {name: tuple(args[name]) for name in ("channels", "critic")}
    stop = []
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stop.append(True))

    def show(progress):
        left = (progress["of"] - progress["images"]) / progress["images_per_second"] / 3600
        print(" ".join(f"{name} {value}" for name, value in progress.items()) + f" hours_left {left:.1f}", flush=True)

    train(Config(**args), on_progress=show, cancelled=lambda: bool(stop))


if __name__ == "__main__":
    main()
