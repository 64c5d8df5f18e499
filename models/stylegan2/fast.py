"""A generator prepared for playing: everything that does not depend on the style is worked out once, the rest is few passes.

The same numbers as `Generator.forward`, up to rounding. Against it, per picture:
- gains are in the weights, squared weights for demodulation and filters are kept;
- one picture alone: its styles and demodulation go into the weights where those are smaller than the picture, so that no pass
  over the picture is left but noise with bias, and activation. Otherwise they scale the picture, in place;
- bias and constant noise are one tensor, added at once;
- image outputs come out scaled to 0-255.
"""

import math

import torch
import torch.nn.functional as F

from .network import SQRT2, normalize

GROUND_NUMBERS = 8 << 20  # larger sums of bias and noise are not kept
NEAR_ZERO = 1e-8


class Styled:
    """A 3x3 layer, prepared: modulated convolution, noise, bias, activation."""

    def __init__(self, layer, gain=1.0, dtype=torch.float32):
        total = gain * SQRT2
        weight = layer.weight.detach().float()
        if dtype == torch.float16:  # demodulation cancels any scale: take one that can't overflow
            weight = weight / (math.sqrt(weight[0].numel()) * weight.abs().amax(dim=(1, 2, 3), keepdim=True))
        self.energy = weight.square().sum(dim=(2, 3)).t().contiguous()  # (I, O)
        self.dtype, self.up, self.gain, self.size = dtype, layer.up, total, layer.size
        self.clamp = None if layer.clamp is None else layer.clamp * gain
        self.affine, self.affine_bias = prepared(layer.affine)
        bias = layer.bias.detach() * total
        self.noise_strength = layer.noise_strength.detach() * total
        self.bias = bias.to(dtype)[None, :, None, None]
        self.ground = self.noise_const = None
        noise = layer.noise_const.detach() * self.noise_strength
        if noise.numel() * len(bias) <= GROUND_NUMBERS:
            self.ground = laid(bias[:, None, None] + noise, dtype)
        else:
            self.noise_const = noise.to(dtype)
        if self.up:
            weight = weight.transpose(0, 1)
            self.filter = kernel(len(bias), weight.device).to(dtype)
        self.weight = weight.to(dtype).contiguous(memory_format=torch.channels_last)  # (O, I, 3, 3), of up (I, O, 3, 3)

    def __call__(self, x, w, noise, owned=True):
        """x (N, I, h, w), w (N, W) -> (N, O, H, W). `owned`: x may be overwritten."""
        styles = torch.addmm(self.affine_bias, w, self.affine)  # (N, I), float32
        if self.dtype == torch.float16:
            styles = styles / styles.abs().amax(dim=1, keepdim=True)
        scale = (
            torch.addmm(styles.new_full((), NEAR_ZERO), styles.square(), self.energy).rsqrt_().mul_(self.gain)
        )  # (N, O)
        if len(x) == 1 and self.weight.numel() <= x.numel():
            y = self.convolve(x, self.folded(styles, scale))
            y = y.add_(self.under(noise, y))
        else:
            styles, scale = styles.to(self.dtype)[:, :, None, None], scale.to(self.dtype)[:, :, None, None]
            x = x.mul_(styles) if owned else x * styles
            y = self.convolve(x, self.weight)
            y = torch.addcmul(self.under(noise, y), y, scale, out=y)
        y = F.leaky_relu(y, 0.2, inplace=True)
        return y if self.clamp is None else y.clamp_(-self.clamp, self.clamp)

    def folded(self, styles, scale):
        """The weights for the one picture of these styles."""
        outer = styles.t() * scale if self.up else scale.t() * styles
        return self.weight * outer.to(self.dtype)[:, :, None, None]

    def convolve(self, x, weight):
        if not self.up:
            return F.conv2d(x, weight, padding=1)
        y = F.conv_transpose2d(x, weight, stride=2)  # (2h + 1, 2w + 1)
        return F.conv2d(y, self.filter, padding=1, groups=y.shape[1])

    def under(self, noise, y):
        """Bias and noise: what lies under the picture whatever its style."""
        if isinstance(noise, str):
            if noise == "none":
                return self.bias.expand_as(y) if len(y) > 1 else self.bias
            return self.bias + self.noise_const if self.ground is None else self.ground
        drawn = noise(self.size, y.device)  # (N, 1, H, W)
        return self.bias + (drawn * self.noise_strength).to(self.dtype)


class Coloured:
    """An image output, prepared: modulated 1x1 convolution to values of 0-255 less their middle."""

    def __init__(self, layer, dtype=torch.float32):
        self.affine, self.affine_bias = (part * layer.gain * 127.5 for part in prepared(layer.affine))
        self.weight = layer.weight.detach()[:, :, 0, 0].contiguous()  # (3, I)
        self.bias = layer.bias.detach() * 127.5
        self.clamp = None if layer.clamp is None else layer.clamp * 127.5
        self.dtype = dtype

    def __call__(self, x, w):
        """x (N, I, H, W), w (N, W) -> (N, 3, H, W) in float32."""
        styles = torch.addmm(self.affine_bias, w, self.affine)  # (N, I)
        pixels = x.permute(0, 2, 3, 1).flatten(1, 2).transpose(1, 2)  # (N, I, H W), as it lies in memory
        if self.dtype == torch.float32:
            y = torch.baddbmm(self.bias[:, None], self.weight * styles[:, None], pixels)
        else:  # float16 has no room for values up to 255 times a clamp
            y = torch.bmm((self.weight * styles[:, None] / 127.5).to(x.dtype), pixels)
            y = y.float().mul_(127.5).add_(self.bias[:, None])
        y = y.unflatten(2, x.shape[2:])
        return y if self.clamp is None else y.clamp_(-self.clamp, self.clamp)


class Shortcut:
    """The way around a block of the resnet architecture: 1x1 convolution, then twice the size."""

    def __init__(self, layer, dtype):
        weight = layer.weight.detach() * (layer.weight_gain * math.sqrt(0.5))
        self.weight = weight.to(dtype).contiguous(memory_format=torch.channels_last)
        self.filter = kernel(len(weight), weight.device).to(dtype)

    def __call__(self, x):
        return enlarge(F.conv2d(x, self.weight), self.filter)


class FastBlock:
    """One resolution."""

    def __init__(self, block, dtype):
        self.dtype, self.num_convs = dtype, block.num_convs
        self.const = laid(block.const.detach(), dtype) if block.first else None
        self.shortcut = Shortcut(block.skip, dtype) if hasattr(block, "skip") else None
        self.conv0 = None if block.first else Styled(block.conv0, dtype=dtype)
        self.conv1 = Styled(block.conv1, math.sqrt(0.5) if self.shortcut else 1.0, dtype)
        self.colours = Coloured(block.torgb, dtype) if hasattr(block, "torgb") else None

    def __call__(self, x, image, ws, noise, up):
        """ws: the styles from this block's first on, each (N, W)."""
        if self.const is not None:
            x = self.conv1(self.const.expand(len(ws[0]), -1, -1, -1), ws[0], noise, owned=False)
        else:
            x = x.to(self.dtype)
            around = self.shortcut(x) if self.shortcut else None
            x = self.conv1(self.conv0(x, ws[0], noise), ws[1], noise)
            x = x if around is None else x.add_(around)
        if image is not None:
            image = enlarge(image, up)
        if self.colours:
            colours = self.colours(x, ws[self.num_convs])
            image = colours if image is None else image.add_(colours)
        return x, image


class Fast:
    """The whole generator, prepared. Later changes to the generator's weights are not seen."""

    def __init__(self, generator, half_levels=0):
        mapping, synthesis = generator.mapping, generator.synthesis
        self.mapping = mapping
        self.layers = [prepared(getattr(mapping, f"fc{i}"), SQRT2) for i in range(mapping.num_layers)]
        levels = len(synthesis.resolutions)
        half = [levels - i <= min(half_levels, levels - 1) for i in range(levels)]  # 4x4 stays in float32
        self.blocks = [
            FastBlock(getattr(synthesis, f"b{r}"), torch.float16 if low else torch.float32)
            for r, low in zip(synthesis.resolutions, half, strict=True)
        ]
        self.num_ws, self.w_dim = generator.num_ws, generator.w_dim
        image_channels = generator.settings["image_channels"]
        self.up = kernel(image_channels, mapping.w_avg.device)

    def map(self, z, label=None):
        """Latents (N, Z) and labels (N, K) to styles, (N, W)."""
        x = normalize(z)
        if self.mapping.c_dim:
            label = z.new_zeros(len(z), self.mapping.c_dim) if label is None else label
            x = torch.cat([x, normalize(self.mapping.embed(label))], dim=1)
        for weight, bias in self.layers:
            x = F.leaky_relu(torch.addmm(bias, x, weight), 0.2, inplace=True)
        return x

    def values(self, ws, noise="const"):
        """Styles (N, L, W) to pictures (N, 3, H, W) of 0-255, before rounding and bounds.

        `noise` is "const", "none", or a function of a height and width and a device that gives (N, 1, H, W)."""
        ws = ws.unbind(dim=1)
        x = image = None
        for block in self.blocks:
            x, image = block(x, image, ws, noise, self.up)
            ws = ws[block.num_convs :]
        return image.add_(127.5)

    def pixels(self, ws, noise="const"):
        """Pictures as uint8, (N, H, W, 3); a grey network's are grey in three channels, an alpha channel is left out."""
        image = self.values(ws, noise).add_(0.5).clamp_(0, 255).to(torch.uint8).permute(0, 2, 3, 1)
        channels = image.shape[3]
        return image.contiguous() if channels == 3 else image[..., :3].expand(-1, -1, -1, 3).contiguous()


# --- small parts -----------------------------------------------------------------------------------------------------------


def prepared(linear, gain=1.0):
    """Weight (inputs, outputs) and bias of a fully connected layer with all gains in them."""
    weight = linear.weight.detach().float() * (linear.weight_gain * gain)
    return weight.t().contiguous(), linear.bias.detach().float() * (linear.bias_gain * gain)


def laid(x, dtype):
    """(C, H, W) as a batch of one, channels last."""
    return x.to(dtype)[None].contiguous(memory_format=torch.channels_last)


def taps(device):
    one = torch.tensor([1.0, 3.0, 3.0, 1.0], device=device) / 4
    return torch.outer(one, one)


def kernel(channels, device):
    """The filter for each channel, with the gain of 4 that twice the size needs."""
    return taps(device).expand(channels, 1, 4, 4).contiguous()


def enlarge(x, kernel):
    """(N, C, H, W) to twice the size."""
    return F.conv_transpose2d(x, kernel, stride=2, padding=1, groups=x.shape[1])
