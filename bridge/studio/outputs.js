// What a model gives out, live: pictures on a canvas, colours as patches, everything else as text.

import { element } from "./base.js";
import { follow } from "./socket.js";

const [SMALL, LARGER] = [200, 4]; // so small a picture would show its pixels; it is made so much larger, softly

const isPicture = (port) => port.kind === "image" || port.kind === "segmentation";

// Shows these ports from now on; what is given back ends it. `lost` is called when they can't be shown any more.
export function buildOutputs(place, session, ports, lost) {
  place.replaceChildren();
  const leave = Object.entries(ports).map(([name, port]) => {
    const box = element("div", "", { className: isPicture(port) ? "port picture" : "port" });
    box.append(element("b", name));
    place.append(box);
    if (isPicture(port)) {
      const picture = canvas(`live ${name} of ${session}`);
      box.append(picture);
      return follow(session, name, { encoding: { format: "jpeg", quality: 92 } }, (frame) => draw(picture, frame), lost);
    }
    const shown = element("pre", "…");
    box.append(shown);
    const about = { box, shown, pieces: port.pieces, run: null };
    return follow(session, name, { policy: port.pieces ? "all" : "newest", binary: false }, (frame) => write(about, frame), lost);
  });
  return () => leave.forEach((end) => end());
}

function canvas(label) {
  const made = element("canvas", "", { width: 0, height: 0, role: "img" });
  made.setAttribute("aria-label", label);
  return made;
}

// Drawn with the screen's next picture, so a page that nobody sees asks for nothing.
async function draw(place, { bytes, meta }) {
  const larger = meta.width < SMALL ? { resizeWidth: meta.width * LARGER, resizeHeight: meta.height * LARGER, resizeQuality: "high" } : {};
  const picture = await createImageBitmap(new Blob([bytes]), larger);
  await new Promise(requestAnimationFrame);
  if (place.width !== picture.width || place.height !== picture.height) {
    Object.assign(place, { width: picture.width, height: picture.height });
  }
  place.getContext("2d").drawImage(picture, 0, 0);
  picture.close();
}

function write(about, frame) {
  const text = typeof frame.value === "string" ? frame.value : JSON.stringify(frame.value);
  const more = about.pieces && about.run === frame.run;
  about.run = frame.run;
  about.shown.textContent = more ? about.shown.textContent + text : text;
  if (Array.isArray(frame.value) && frame.value.every(isColour)) showColours(about, frame.value);
}

const isColour = (value) => typeof value === "string" && /^#[0-9a-f]{6}$/i.test(value);

// SVG attributes, because the page's own rules allow no inline styles.
function showColours(about, colours) {
  about.swatches ??= about.box.insertBefore(element("div", "", { className: "swatches" }), about.shown);
  const drawing = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  drawing.setAttribute("viewBox", `0 0 ${colours.length || 1} 1`);
  drawing.setAttribute("preserveAspectRatio", "none");
  colours.forEach((colour, index) => {
    const patch = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    for (const [key, value] of Object.entries({ x: index, y: 0, width: 1, height: 1, fill: colour })) patch.setAttribute(key, value);
    drawing.append(patch);
  });
  about.swatches.replaceChildren(drawing);
}
