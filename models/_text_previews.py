"""Makes the preview pictures of the text models, of what they really write: python -m models._text_previews

A browser of the Chromium family sets the type. `gpt2` and `lm` come without weights: they play those of `writer`.
"""

import html
import math
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import cv2

from bridge import load_class
from models._previews import HERE, save

SIZE = (560, 350)
TYPED = """function draw() {
  background(20);
  for (let i = 0; i < 12; i++) {
    circle("""
ASKED = "function setup() {\n  createCanvas("
BEGUN = "function setup() {\n"
STYLE = """
* { margin: 0; box-sizing: border-box }
body { width: 560px; height: 350px; padding: 34px 36px; background: #1b1a22; color: #f2f1f6; overflow: hidden;
  font: 18px/1.7 "DejaVu Sans Mono", ui-monospace, monospace; white-space: pre; display: grid; align-content: center }
i { font-style: normal; color: #8d87a8 }
b { display: inline-block; width: 3px; height: 1.15em; background: #a99dff; vertical-align: -.2em }
p { position: relative; padding: 2px 12px; display: flex; justify-content: space-between; margin-top: 5px; font-size: 17px;
  background: #26252f; border-radius: 6px; overflow: hidden }
p u { position: absolute; inset: 0 auto 0 0; background: #a99dff55 }
p span { position: relative }
s { text-decoration: none; border-radius: 4px; padding: 3px 0 }
"""


def opened(name: str) -> Any:
    """The model with the weights of writer."""
    model = load_class(HERE / name)()
    model.setup(device="cpu") if name == "writer" else model.setup(network=str(HERE / "writer"), device="cpu")
    return model


def steps(name: str, prompt: str, **wishes: Any) -> list[dict[str, Any]]:
    """What it gives out for each token; always the likeliest is taken."""
    return [step for step in opened(name).run(prompt, temperature=0, likeliest=6, **wishes) if step]


def along() -> str:
    """What stands in the editor: typed, and grey what would come."""
    tail = "".join(step.get("generated_text", "") for step in steps("writer", TYPED, max_tokens=40))
    return f"<div>{html.escape(TYPED)}<b></b><i>{html.escape(_lines(tail, 4))}</i></div>"


def likeliest() -> str:
    """What could come next, and how likely each is."""
    rows = []
    for one in steps("gpt2", ASKED, max_tokens=1)[0]["tokens"]["likeliest"][:5]:
        part = math.exp(one["logprob"])
        rows.append(
            f'<p><u style="width:{part:.1%}"></u><span>{html.escape(one["text"])}</span><span>{part:.0%}</span></p>'
        )
    return f"<div>{html.escape(ASKED)}<b></b></div><div>{''.join(rows)}</div>"


def sure() -> str:
    """Token by token: the surer it was of one, the stronger its colour."""
    text = html.escape(BEGUN)
    for step in steps("lm", BEGUN, max_tokens=35):
        if "tokens" in step:
            alpha = 0.75 * math.exp(step["tokens"]["logprob"])
            shown = html.escape(step["tokens"]["text"])
            text += f'<s style="background:rgba(98,198,141,{alpha:.2f})">{shown}</s>'
    return f"<div>{text}</div>"


def _lines(text: str, most: int) -> str:
    return "\n".join(text.split("\n")[:most])


def set_in_type(body: str) -> Any:
    """The picture as RGB."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    browser = next((found for name in names if (found := shutil.which(name))), None)
    if browser is None:
        sys.exit("a browser of the Chromium family sets the type, and none is installed")
    with tempfile.TemporaryDirectory() as folder:
        page, shot = Path(folder) / "page.html", Path(folder) / "shot.png"
        page.write_text(f"<!doctype html><meta charset=utf-8><style>{STYLE}</style>{body}", "utf-8")
        size = "--window-size={},{}".format(*SIZE)
        asked = [browser, "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", size]
        subprocess.run([*asked, f"--screenshot={shot}", page.as_uri()], check=True, capture_output=True, timeout=60)  # noqa: S603 - found above
        return cv2.imread(str(shot))[: SIZE[1], : SIZE[0], ::-1]


if __name__ == "__main__":
    for name, body in (("writer", along), ("gpt2", likeliest), ("lm", sure)):
        save(name, set_in_type(body()))
