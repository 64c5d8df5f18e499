"""StyleGAN2 in plain PyTorch: no custom kernels, no compiler, the same code on CPU, CUDA and MPS.

Written from the papers: Karras et al. 2020 (StyleGAN2), Karras et al. 2020 (ADA) for labels, clamping and half precision.
Parameter names follow the widely used layout (`mapping.fc0.weight`, `synthesis.b64.conv1.affine.bias`, ...), so published
networks load without a table of names. `generator_from_weights` reads everything it can from the shapes of the weights.

Letters used beside tensors: N batch, C channels, H W height and width, Z latent, W style, L number of style inputs, K labels.
"""

import math

import torch
import torch.nn.functional as F
from torch import nn

from .layout import large_layers, settings_from_shapes

ARCHITECTURES = ("skip", "resnet", "orig")
NOISE_MODES = ("const", "random", "none")
SQRT2 = math.sqrt(2.0)


# --- Small parts ---------------------------------------------------------------------------------------------------------


def normalize(x, eps=1e-8):
    """Scale each row of (N, Z) to unit mean square."""
    return x * (x.square().mean(dim=1, keepdim=True) + eps).rsqrt()


def activate(x, clamp=None):
    """Leaky ReLU and an optional clamp. Its gain of sqrt 2 is not here: gain times a leaky ReLU is a leaky ReLU of gain times
    its input, so callers put gains on weights and biases and save a pass over the picture."""
    x = F.leaky_relu(x, 0.2, inplace=True)
    return x if clamp is None else x.clamp(-clamp, clamp)


def blur(x, pad, gain=1.0, bias=None):
    """The [1,3,3,1] low-pass filter on each channel of (N, C, H, W), zeros outside; (H, W) becomes (H, W) + 2 pad - 3.

    As a depthwise convolution it is the quickest form on CPU when tensors are channels-last."""
    channels = x.shape[1]
    taps = torch.tensor([1.0, 3.0, 3.0, 1.0], device=x.device, dtype=x.dtype) * (math.sqrt(gain) / 8)
    kernel = torch.outer(taps, taps).expand(channels, 1, 4, 4)
    return F.conv2d(x, kernel, bias, padding=pad, groups=channels)


def upsample(x):
    """(N, C, H, W) to twice the size: zeros between the samples, then the filter, with the brightness kept."""
    channels = x.shape[1]
    taps = torch.tensor([1.0, 3.0, 3.0, 1.0], device=x.device, dtype=x.dtype) / 4
    kernel = torch.outer(taps, taps).expand(channels, 1, 4, 4)
    return F.conv_transpose2d(x, kernel, stride=2, padding=1, groups=channels)


def convolve(x, weight, bias=None, up=False, down=False):
    """Convolve (N, I, H, W) with (O, I, k, k), resampling by two with the filter where asked. Size is kept otherwise."""
    pad = weight.shape[2] // 2
    if up and pad == 0:
        return upsample(F.conv2d(x, weight, bias))
    if up:  # the transposed convolution places the samples and convolves at once: (2H + 1, 2W + 1), the blur makes it (2H, 2W)
        return blur(F.conv_transpose2d(x, weight.transpose(0, 1), stride=2), pad=1, gain=4.0, bias=bias)
    if down:
        return F.conv2d(blur(x, pad=pad + 1), weight, bias, stride=2)
    return F.conv2d(x, weight, bias, padding=pad)


def modulated_convolve(x, weight, styles, bias, gain=1.0, demodulate=True, up=False):
    """Convolution whose weights are scaled per image by `styles` and brought back to unit variance; then gain, then bias.

    Scaling the weights' inputs is the same as scaling the image's channels, and demodulating the weights is the same as
    scaling the output's channels, so one ordinary convolution serves the whole batch.
    x (N, I, H, W), weight (O, I, k, k), styles (N, I), bias (O). All arithmetic on styles is in float32.
    """
    if not demodulate:
        return convolve(x * styles.to(x.dtype)[:, :, None, None], (weight * gain).to(x.dtype), bias.to(x.dtype), up=up)
    if x.dtype == torch.float16:  # demodulation cancels any scale, so take one that cannot overflow
        weight = weight * (1 / math.sqrt(weight[0].numel())) / weight.abs().amax(dim=(1, 2, 3), keepdim=True)
        styles = styles / styles.abs().amax(dim=1, keepdim=True)
    energy = styles.square() @ weight.square().sum(dim=(2, 3)).t()  # (N, O)
    scale = (energy + 1e-8).rsqrt() * gain
    x = convolve(x * styles.to(x.dtype)[:, :, None, None], weight.to(x.dtype), up=up)
    return torch.addcmul(bias.to(x.dtype)[:, None, None], x, scale.to(x.dtype)[:, :, None, None])


class Linear(nn.Module):
    """Fully connected layer with the learning rate equalised: weights are stored at unit variance and scaled when used."""

    def __init__(self, inputs, outputs, bias_init=0.0, lr_multiplier=1.0, linear=True):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs) / lr_multiplier)
        self.bias = nn.Parameter(torch.full([outputs], bias_init / lr_multiplier))
        self.weight_gain = lr_multiplier / math.sqrt(inputs)
        self.bias_gain = lr_multiplier
        self.linear = linear

    def forward(self, x):
        x = F.linear(x, self.weight * self.weight_gain, self.bias * self.bias_gain)
        return x if self.linear else activate(x * SQRT2)


class Conv(nn.Module):
    """Convolution with equalised learning rate, for the discriminator and the shortcuts."""

    def __init__(self, inputs, outputs, kernel, bias=True, linear=False, up=False, down=False, clamp=None):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(outputs)) if bias else None
        self.weight_gain = 1 / math.sqrt(inputs * kernel * kernel)
        self.linear, self.up, self.down, self.clamp = linear, up, down, clamp

    def forward(self, x, gain=1.0):
        total = gain if self.linear else gain * SQRT2
        weight = (self.weight * (self.weight_gain * total)).to(x.dtype)
        bias = None if self.bias is None else (self.bias * total).to(x.dtype)
        x = convolve(x, weight, bias, up=self.up, down=self.down)
        return x if self.linear else activate(x, clamp=None if self.clamp is None else self.clamp * gain)


# --- Generator -----------------------------------------------------------------------------------------------------------


class Mapping(nn.Module):
    """Latent and label to styles: (N, Z), (N, K) -> (N, L, W), with truncation towards the mean style."""

    def __init__(
        self,
        z_dim,
        c_dim,
        w_dim,
        num_ws,
        num_layers=8,
        lr_multiplier=0.01,
        w_avg_decay=0.998,
        width=None,
        embed_width=None,
    ):
        super().__init__()
        self.z_dim, self.c_dim, self.w_dim, self.num_ws, self.num_layers = z_dim, c_dim, w_dim, num_ws, num_layers
        self.w_avg_decay = w_avg_decay
        if c_dim:
            self.embed = Linear(c_dim, embed_width or w_dim)
        widths = [z_dim + (embed_width or w_dim if c_dim else 0), *[width or w_dim] * (num_layers - 1), w_dim]
        for i in range(num_layers):
            setattr(self, f"fc{i}", Linear(widths[i], widths[i + 1], lr_multiplier=lr_multiplier, linear=False))
        self.register_buffer("w_avg", torch.zeros(w_dim))

    def forward(self, z, c=None, truncation_psi=1.0, truncation_cutoff=None, track_average=False):
        x = normalize(z.float())
        if self.c_dim:
            if c is None:
                c = torch.zeros(len(z), self.c_dim, device=z.device)
            x = torch.cat([x, normalize(self.embed(c.float()))], dim=1)  # (N, Z + W)
        for i in range(self.num_layers):
            x = getattr(self, f"fc{i}")(x)  # (N, W)
        if track_average:
            self.w_avg.copy_(x.detach().float().mean(dim=0).lerp(self.w_avg, self.w_avg_decay))
        ws = x[:, None].repeat(1, self.num_ws, 1)  # (N, L, W)
        return self.truncate(ws, truncation_psi, truncation_cutoff)

    def truncate(self, ws, psi=1.0, cutoff=None):
        """Pull the first `cutoff` styles (all without it) towards the mean: psi 1 leaves them, psi 0 is the mean."""
        if psi == 1.0:
            return ws
        cutoff = self.num_ws if cutoff is None else cutoff
        return torch.cat([self.w_avg.lerp(ws[:, :cutoff], psi), ws[:, cutoff:]], dim=1)


class StyleConv(nn.Module):
    """Modulated 3x3 convolution, noise, bias, activation."""

    def __init__(self, inputs, outputs, w_dim, size, up=False, clamp=None):
        super().__init__()
        self.affine = Linear(w_dim, inputs, bias_init=1.0)
        self.weight = nn.Parameter(torch.randn(outputs, inputs, 3, 3))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.noise_strength = nn.Parameter(torch.zeros([]))
        self.register_buffer("noise_const", torch.randn(size))
        self.size, self.up, self.clamp = size, up, clamp

    def forward(self, x, w, noise_mode="random", rng=None, gain=1.0):
        total = gain * SQRT2
        x = modulated_convolve(x, self.weight, self.affine(w.float()), self.bias * total, gain=total, up=self.up)
        if noise_mode != "none":
            noise = self.noise_const
            if noise_mode == "random":
                shape = (len(x), 1, *self.size)
                noise = torch.randn(shape, device=x.device if rng is None else rng.device, generator=rng).to(x.device)
            x = x + (noise * (self.noise_strength * total)).to(x.dtype)
        return activate(x, clamp=None if self.clamp is None else self.clamp * gain)


class ToRGB(nn.Module):
    """Modulated 1x1 convolution to image channels; styles are not demodulated, so brightness may follow them."""

    def __init__(self, inputs, channels, w_dim, clamp=None):
        super().__init__()
        self.affine = Linear(w_dim, inputs, bias_init=1.0)
        self.weight = nn.Parameter(torch.randn(channels, inputs, 1, 1))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.gain, self.clamp = 1 / math.sqrt(inputs), clamp

    def forward(self, x, w):
        x = modulated_convolve(x, self.weight, self.affine(w.float()) * self.gain, self.bias, demodulate=False)
        return x if self.clamp is None else x.clamp(-self.clamp, self.clamp)


class Block(nn.Module):
    """One resolution of the synthesis: the learned constant or an upsampling convolution, then a second convolution."""

    def __init__(self, inputs, outputs, w_dim, size, image_channels, architecture, last, clamp=None):
        super().__init__()
        self.first, self.architecture = inputs == 0, architecture
        if self.first:
            self.const = nn.Parameter(torch.randn(outputs, *size))
        else:
            self.conv0 = StyleConv(inputs, outputs, w_dim, size, up=True, clamp=clamp)
        self.conv1 = StyleConv(outputs, outputs, w_dim, size, clamp=clamp)
        if last or architecture == "skip":
            self.torgb = ToRGB(outputs, image_channels, w_dim, clamp=clamp)
        if not self.first and architecture == "resnet":
            self.skip = Conv(inputs, outputs, 1, bias=False, linear=True, up=True)
        self.num_convs = 1 if self.first else 2  # style inputs used; the image output shares the next block's first one
        self.half_dtype = None

    def forward(self, x, image, ws, **noise):
        """x (N, I, H/2, W/2), image (N, 3, H/2, W/2) or None, ws (N, 2 or 3, W) -> x (N, O, H, W), image at (H, W)."""
        x = self.const.repeat(len(ws), 1, 1, 1) if self.first else x
        x = x.to(self.half_dtype or torch.float32)
        ws = iter(ws.unbind(dim=1))
        if self.first:
            x = self.conv1(x, next(ws), **noise)
        elif self.architecture == "resnet":
            shortcut = self.skip(x, gain=math.sqrt(0.5))
            x = self.conv0(x, next(ws), **noise)
            x = shortcut + self.conv1(x, next(ws), gain=math.sqrt(0.5), **noise)
        else:
            x = self.conv0(x, next(ws), **noise)
            x = self.conv1(x, next(ws), **noise)
        if image is not None:
            image = upsample(image)
        if hasattr(self, "torgb"):
            rgb = self.torgb(x, next(ws)).float()  # the picture is summed in float32 whatever the block computes in
            image = rgb if image is None else image + rgb
        return x, image


class Synthesis(nn.Module):
    """Styles to picture: (N, L, W) -> (N, 3, H, W), raw values, roughly -1 to 1 for a trained network."""

    def __init__(self, w_dim, channels, image_channels=3, architecture="skip", conv_clamp=None, base=(4, 4)):
        super().__init__()
        if architecture not in ARCHITECTURES:
            raise ValueError(f"architecture {architecture!r} is not one of {', '.join(ARCHITECTURES)}")
        self.resolutions = [4 << i for i in range(len(channels))]  # what the blocks are called, whatever their base
        self.size, self.w_dim = tuple(side << (len(channels) - 1) for side in base), w_dim
        for i, resolution in enumerate(self.resolutions):
            last = i == len(channels) - 1
            inputs = channels[i - 1] if i else 0
            size = tuple(side << i for side in base)
            block = Block(inputs, channels[i], w_dim, size, image_channels, architecture, last, conv_clamp)
            setattr(self, f"b{resolution}", block)
        self.num_ws = 2 * len(channels)  # every convolution, and the last image output

    def forward(self, ws, noise_mode="random", rng=None):
        if noise_mode not in NOISE_MODES:
            raise ValueError(f"noise {noise_mode!r} is not one of {', '.join(NOISE_MODES)}")
        x = image = None
        start = 0
        for resolution in self.resolutions:
            block = getattr(self, f"b{resolution}")
            x, image = block(x, image, ws[:, start : start + block.num_convs + 1], noise_mode=noise_mode, rng=rng)
            start += block.num_convs
        return image

    def use_half(self, highest, dtype=torch.float16):
        """Compute the `highest` largest resolutions in half precision (0 turns it off). Weights stay float32."""
        for i, resolution in enumerate(reversed(self.resolutions)):
            getattr(self, f"b{resolution}").half_dtype = dtype if i < highest else None


class Generator(nn.Module):
    """Mapping and synthesis together: latent (N, Z) and label (N, K) to picture (N, 3, H, W).

    `channels` lists the feature maps per resolution from 4 upwards, so five entries make a 64 pixel generator.
    `base` is the height and width that everything begins with, (4, 4) in nearly all; (4, 6) makes pictures half as wide again.
    `half_levels` notes for how many of the largest resolutions float16 is good enough; `synthesis.use_half` switches to it.
    """

    def __init__(
        self,
        z_dim,
        w_dim,
        channels,
        c_dim=0,
        image_channels=3,
        mapping_layers=8,
        architecture="skip",
        conv_clamp=None,
        mapping_lr=0.01,
        mapping_width=None,
        embed_width=None,
        half_levels=0,
        base=(4, 4),
    ):
        super().__init__()
        self.settings = dict(z_dim=z_dim, w_dim=w_dim, channels=list(channels), c_dim=c_dim, image_channels=image_channels,
                             mapping_layers=mapping_layers, architecture=architecture, conv_clamp=conv_clamp,
                             mapping_lr=mapping_lr, mapping_width=mapping_width, embed_width=embed_width,
                             half_levels=half_levels, base=list(base))  # fmt: skip
        self.z_dim, self.c_dim, self.w_dim = z_dim, c_dim, w_dim
        self.synthesis = Synthesis(w_dim, channels, image_channels, architecture, conv_clamp, base)
        self.num_ws, self.size = self.synthesis.num_ws, self.synthesis.size
        self.mapping = Mapping(z_dim, c_dim, w_dim, self.num_ws, mapping_layers, lr_multiplier=mapping_lr,
                               width=mapping_width, embed_width=embed_width)  # fmt: skip

    def forward(self, z, c=None, truncation_psi=1.0, truncation_cutoff=None, noise_mode="random", rng=None):
        return self.synthesis(self.mapping(z, c, truncation_psi, truncation_cutoff), noise_mode=noise_mode, rng=rng)


def generator_from_weights(weights, **told):
    """Build the generator that a state dict describes and load it; ValueError if it describes none.

    Sizes, labels, depth and architecture come from names and shapes. `told` is what weights cannot tell, see
    `layout.unseen`. A layer without noise counts as one whose noise has no strength.
    """
    weights = {name: value.float() for name, value in weights.items()}
    for name in [name for name in weights if name.endswith("resample_filter")]:
        check_filter(name, weights.pop(name))
    settings = settings_from_shapes({name: tuple(value.shape) for name, value in weights.items()})
    if large_layers(settings) > sum(value.numel() for value in weights.values()):
        raise ValueError("not a StyleGAN2 generator: its layers do not fit together")
    generator = Generator(**(settings | told))
    own = generator.state_dict()
    silent = {name: torch.zeros_like(own[name]) for name in own if name.endswith((".noise_strength", ".noise_const"))}
    check_names(weights, own)
    generator.load_state_dict(silent | weights)
    return generator.eval().requires_grad_(False)


def check_names(weights, own):
    """Every tensor has its place and its shape there; noise may be missing."""
    for name, value in weights.items():
        if name not in own:
            raise ValueError(f"not a StyleGAN2 generator: it has {name}, which is not part of one")
        if value.shape != own[name].shape:
            raise ValueError(f"{name} has the shape {tuple(value.shape)} where {tuple(own[name].shape)} belongs")
    missing = [name for name in own if name not in weights and ".noise_" not in name]
    if missing:
        raise ValueError(f"{missing[0]} is missing from the weights")


def check_filter(name, kernel):
    """The filter is built in; a network trained with another one would come out subtly wrong, so refuse it."""
    taps = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8
    expected = torch.outer(taps, taps) if kernel.ndim == 2 else taps
    if kernel.shape != expected.shape or not torch.allclose(kernel.cpu(), expected, atol=1e-5):
        raise ValueError(f"{name} is not the [1,3,3,1] filter that StyleGAN2 networks use")


# --- Discriminator -------------------------------------------------------------------------------------------------------


def minibatch_deviation(x, group=4):
    """Append one channel that tells how much the pictures of a group differ: (N, C, H, W) -> (N, C + 1, H, W)."""
    n, c, h, w = x.shape
    group = math.gcd(n, group) if group else n
    y = x.float().reshape(group, n // group, c, h, w)
    y = ((y - y.mean(dim=0)).square().mean(dim=0) + 1e-8).sqrt()  # (N/group, C, H, W)
    y = y.mean(dim=(1, 2, 3), keepdim=True)  # (N/group, 1, 1, 1)
    y = y.repeat(group, 1, h, w).to(x.dtype)
    return torch.cat([x, y], dim=1)


class DiscriminatorBlock(nn.Module):
    """Residual block that halves the size: two 3x3 convolutions beside a 1x1 shortcut."""

    def __init__(self, inputs, outputs, image_channels, clamp=None):
        super().__init__()
        if image_channels:
            self.fromrgb = Conv(image_channels, inputs, 1, clamp=clamp)
        self.conv0 = Conv(inputs, inputs, 3, clamp=clamp)
        self.conv1 = Conv(inputs, outputs, 3, down=True, clamp=clamp)
        self.skip = Conv(inputs, outputs, 1, bias=False, linear=True, down=True)
        self.half_dtype = None

    def forward(self, x):
        x = x.to(self.half_dtype or torch.float32)
        if hasattr(self, "fromrgb"):
            x = self.fromrgb(x)
        shortcut = self.skip(x, gain=math.sqrt(0.5))
        return shortcut + self.conv1(self.conv0(x), gain=math.sqrt(0.5))


class DiscriminatorEnd(nn.Module):
    """What looks at the 4x4 features: how varied the batch is, one convolution, two fully connected layers."""

    def __init__(self, channels, outputs, group=4, clamp=None):
        super().__init__()
        self.conv = Conv(channels + 1, channels, 3, clamp=clamp)
        self.fc = Linear(channels * 16, channels, linear=False)
        self.out = Linear(channels, outputs)
        self.group = group

    def forward(self, x):
        x = self.conv(minibatch_deviation(x.float(), self.group))
        return self.out(self.fc(x.flatten(1)))


class Discriminator(nn.Module):
    """Picture (N, 3, H, W) and label (N, K) to one number each, (N, 1): above zero means it looks real."""

    def __init__(self, channels, c_dim=0, image_channels=3, conv_clamp=None, group=4, embed_dim=None):
        super().__init__()
        self.settings = dict(channels=list(channels), c_dim=c_dim, image_channels=image_channels, conv_clamp=conv_clamp)
        self.resolutions = [4 << i for i in range(len(channels))][:0:-1]  # from the picture's size down to 8
        self.c_dim = c_dim
        for i, resolution in enumerate(self.resolutions):
            inputs, outputs = channels[-1 - i], channels[-2 - i]
            setattr(
                self, f"b{resolution}", DiscriminatorBlock(inputs, outputs, image_channels if i == 0 else 0, conv_clamp)
            )
        features = (embed_dim or channels[0]) if c_dim else 1
        self.b4 = DiscriminatorEnd(channels[0], features, group, conv_clamp)
        if c_dim:  # the label answers "does this picture look like one of mine": a projection of the features
            self.mapping = Mapping(0, c_dim, features, num_ws=1)

    def forward(self, image, c=None):
        x = image
        for resolution in self.resolutions:
            x = getattr(self, f"b{resolution}")(x)
        x = self.b4(x)  # (N, features)
        if self.c_dim:
            label = self.mapping(x.new_zeros(len(x), 0), c)[:, 0]  # (N, features)
            x = (x * label).sum(dim=1, keepdim=True) / math.sqrt(x.shape[1])
        return x  # (N, 1)

    def use_half(self, highest, dtype=torch.float16):
        """Compute the `highest` largest resolutions in half precision (0 turns it off). Weights stay float32."""
        for i, resolution in enumerate(self.resolutions):
            getattr(self, f"b{resolution}").half_dtype = dtype if i < highest else None
