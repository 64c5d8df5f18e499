"""Any StyleGAN2 network, to be played."""

import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from bridge import Category, InputError, Model, Number, Text, Vector, command
from bridge import Image as Picture
from bridge.errors import ModelBroken

from .loading import WANTED, load_network

SLIDERS = 10
SAMPLES = 1024  # latents that tell how far apart this network's styles are

Z = Annotated[
    np.ndarray | None, Vector(default=None, description="the place in latent space; left out, that of seed 0")
]
W = Annotated[
    np.ndarray | None,
    Vector(default=None, instead_of="z", description="a place among the styles, or one for each layer"),
]
Label = Annotated[int, Number(-1, step=1, default=-1, description="the class to show; -1 for none")]
Truncation = Annotated[
    float, Number(0, 1.5, step=0.01, default=0.7, description="0 is the mean picture, above 1 gets strange")
]
Noise = Annotated[
    str, Category(("const", "random", "none"), default="const", description="random: another for each place")
]
Slider = Annotated[float, Number(-5, 5, step=0.01, default=0, description="how far along a direction"), SLIDERS]
Other = Annotated[np.ndarray | None, Vector(default=None, description="another place, whose style some layers take")]
OtherStyle = Annotated[
    np.ndarray | None,
    Vector(default=None, instead_of="mix", description="another place among the styles, or one for each layer"),
]
Cutoff = Annotated[
    int, Number(-1, step=1, default=-1, description="so many layers truncation counts for, the coarse ones; -1: all")
]
Layer = Annotated[int | None, Number(0, step=1, default=None, description="a style layer; the first ones are coarse")]
Device = Category(("auto", "cpu", "cuda", "mps"))


class StyleGAN2(Model):
    """Makes pictures from places in the latent space of a StyleGAN2 network."""

    def setup(
        self,
        network: Annotated[str, Text(description="a .pkl, .safetensors or .pt file")],
        device: Annotated[str, Device] = "auto",
    ) -> None:
        self.play(Path(network).expanduser(), device)

    def play(self, network: Path, device: str = "auto") -> None:
        """Load the network, and say what it takes."""
        if not network.name:
            raise ModelBroken("network is empty", hint=WANTED, field="network")
        tools = _tools()
        try:
            device = tools.choose_device(device)
        except ValueError as error:
            raise ModelBroken(str(error), hint="choose another device, or auto", field="device") from None
        self.progress("loading", -1.0, network.name)
        generator = load_network(network)
        self.z_dim, self.w_dim, self.c_dim = generator.z_dim, generator.w_dim, generator.c_dim
        self.num_ws = generator.num_ws
        found = tools.directions(generator, SLIDERS)
        self.renderer = tools.Renderer(generator, device)
        styles = self.renderer.map(tools.tensor(latents(SAMPLES, self.z_dim)))
        self.found = found.to(styles.device)
        self.found *= tools.spread(styles, self.found)[:, None]  # 1 on a slider is one standard deviation
        self.tools = tools
        self._say_what_it_takes()

    def _say_what_it_takes(self) -> None:
        labels = "" if self.c_dim else "this network has none"
        self.takes(
            z=Vector(self.z_dim),
            w=Vector(self.w_dim, rows=self.num_ws),
            mix=Vector(self.z_dim),
            mix_w=Vector(self.w_dim, rows=self.num_ws),
            label=Number(-1, self.c_dim - 1, step=1, description=labels),
            truncation_cutoff=Number(-1, self.num_ws, step=1),
            mix_from=Number(0, self.num_ws, step=1),
            mix_to=Number(0, self.num_ws, step=1),
        )

    def warm(self) -> None:
        self.renderer.render(self.renderer.map(self.tools.tensor(latents(1, self.z_dim)))[:, None])

    def run(
        self,
        z: Z = None,
        truncation: Truncation = 0.7,
        label: Label = -1,
        noise: Noise = "const",
        w: W = None,
        mix: Other = None,
        mix_from: Layer = None,
        mix_to: Layer = None,
        truncation_cutoff: Cutoff = -1,
        mix_w: OtherStyle = None,
        **direction: Slider,
    ) -> Annotated[np.ndarray, Picture()]:
        place = self.mixed(z, w, label, truncation, truncation_cutoff, mix, mix_w, mix_from, mix_to)
        return self.renderer.render(self.moved(place, direction), noise, [_seed(z, w)])[0]

    @command(batch=8)
    def tile(
        self,
        z: list[Z],
        truncation: list[Truncation],
        label: list[Label],
        noise: list[Noise],
        w: list[W],
        mix: list[Other],
        mix_from: list[Layer],
        mix_to: list[Layer],
        truncation_cutoff: list[Cutoff],
        mix_w: list[OtherStyle],
        **direction: Slider,
    ) -> Annotated[Sequence[np.ndarray], Picture(), "tile"]:
        """A picture beside the others: made together with those that wait, and not shown to who follows the image."""
        rows = zip(z, w, label, truncation, truncation_cutoff, mix, mix_w, mix_from, mix_to, strict=True)
        sliders = ({name: values[i] for name, values in direction.items()} for i in range(len(z)))
        places = [self.moved(self.mixed(*row), its) for row, its in zip(rows, sliders, strict=True)]
        return self.together(places, noise, [_seed(*each) for each in zip(z, w, strict=True)])

    @command
    def map(
        self, z: Z = None, label: Label = -1, truncation: Truncation = 1.0, truncation_cutoff: Cutoff = -1
    ) -> Annotated[np.ndarray, Vector(), "w"]:
        """The style of a place in latent space, for walks among styles; one for each layer where truncation makes them
        differ."""
        return _as_short_as_can_be(self.place(z, None, label, truncation, truncation_cutoff)[0].cpu().numpy())

    # --- the parts -----------------------------------------------------------------------------------------------------------

    def mixed(
        self,
        z: np.ndarray | None,
        w: np.ndarray | None,
        label: int,
        truncation: float,
        cutoff: int,
        mix: np.ndarray | None,
        mix_w: np.ndarray | None,
        mix_from: int | None,
        mix_to: int | None,
    ) -> Any:
        """The styles of a picture, (1, layers, w_dim), some layers of which may be those of another place."""
        place = self.place(z, w, label, truncation, cutoff)
        if mix is None and mix_w is None:
            return place
        other = self.place(mix, mix_w, label, truncation, cutoff)
        first = self.num_ws // 2 if mix_from is None else mix_from
        last = self.num_ws if mix_to is None else mix_to
        return self.tools.mix(place, other, first, last)

    def place(self, z: np.ndarray | None, w: np.ndarray | None, label: int, truncation: float, cutoff: int = -1) -> Any:
        """The styles of one picture, (1, layers, w_dim)."""
        if not -1 <= label < self.c_dim:
            takes = f"labels from -1 to {self.c_dim - 1}" if self.c_dim else "no labels: -1"
            raise InputError(f"label {label} came; this network takes {takes}", field="label")
        if w is not None:
            w = self._checked(w, "w", self.w_dim, self.num_ws).reshape(1, -1, self.w_dim)
            styles = self.tools.tensor(w).to(self.renderer.device)
        else:
            z = latents(1, self.z_dim)[0] if z is None else self._checked(z, "z", self.z_dim)
            styles = self.renderer.map(self.tools.tensor(z[None]), int(label))[:, None]
        return self.renderer.truncate(styles, float(truncation), None if cutoff < 0 else int(cutoff))

    def moved(self, styles: Any, direction: Mapping[str, float]) -> Any:
        """Along the sliders that are not at 0."""
        if not any(direction.values()):
            return styles
        sliders = np.array([*direction.values()][: len(self.found)], np.float32)
        return self.tools.move(styles, self.found, self.tools.tensor(sliders[None]).to(styles.device))

    def together(self, places: list[Any], noise: Sequence[str], seeds: Sequence[int]) -> list[np.ndarray]:
        """The pictures of places, those with one kind of noise at once."""
        made: dict[int, np.ndarray] = {}
        for kind in dict.fromkeys(noise):
            of_kind = [i for i, other in enumerate(noise) if other == kind]
            ws = self.tools.cat([places[i] for i in of_kind])
            images = self.renderer.render(ws, kind, [seeds[i] for i in of_kind], together=True)
            made.update(zip(of_kind, images, strict=True))
        return [made[i] for i in range(len(places))]

    def _checked(self, values: np.ndarray, name: str, length: int, rows: int = 1) -> np.ndarray:
        """Outside the bridge nobody has looked at it yet."""
        values = np.asarray(values, np.float32).ravel()
        if len(values) not in (length, length * rows):
            more = f" or {length * rows}" if rows > 1 else ""
            raise InputError(f"{name} takes {length}{more} numbers with this network; {len(values)} came", field=name)
        if not np.isfinite(values).all():
            raise InputError(f"{name} takes finite numbers; NaN or infinity came among them", field=name)
        return values


def latents(count: int, length: int) -> np.ndarray:
    """Those of the seeds from 0 on, as the bridge makes them."""
    return np.stack([np.random.RandomState(seed).randn(length) for seed in range(count)]).astype(np.float32)


def _as_short_as_can_be(styles: np.ndarray) -> np.ndarray:
    """One for all layers where they are alike, else one behind the other."""
    return styles[0] if (styles == styles[0]).all() else styles.ravel()


def _seed(z: np.ndarray | None, w: np.ndarray | None) -> int:
    """Of the random noise: a place always has the same, so that a walk can be repeated."""
    place = z if w is None else w
    return 0 if place is None else zlib.crc32(np.asarray(place, "<f4").tobytes())


def _tools() -> Any:
    """What needs torch: here, so that what this model takes can be told without it."""
    try:
        from . import tools
    except ModuleNotFoundError as error:
        hint = 'pip install "sketchbridge[torch]"'
        raise ModelBroken(f"StyleGAN2 needs {error.name}, which is not installed", hint=hint) from None
    return tools
