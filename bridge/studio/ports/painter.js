// A map of labels, painted with a brush: what is drawn is what the model is told lies where. By keyboard: arrows move the
// brush, Space paints, and draws a line while it is held.

import { html, useEffect, useMemo, useRef, useState } from "../vendor/preact-htm.js";
import { newestOnly } from "../core/pace.js";
import { trying } from "../core/toasts.js";
import { Button, Slider } from "../core/ui.js";
import { Drop } from "./drop.js";
import { Sources, useChain } from "./source.js";

const SIDE = 512;
const STEPS = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] };

export function Painter({ name, label, port, value, set, aside, context }) {
  const session = context?.form?.session; // none where the values are of this page alone
  const linked = useChain(session, name);
  const canvas = useRef();
  const undo = useRef([]);
  const labels = Object.keys(port.label_to_id);
  const [chosen, choose] = useState(labels.find((one) => one !== port.default_label) ?? labels[0]);
  const stroking = useRef(null); // {pointer, last}: one paints; others that come beside it do nothing
  const [brush, place] = useState(null); // where keys have brought it, while there is the focus
  const keyed = useRef({ inked: false, at: null }); // keys may come faster than this is drawn
  const go = (at) => { keyed.current.at = at; place(at); };
  const rgb = (one) => `rgb(${port.label_to_color[one].join(",")})`;
  const pen = () => canvas.current.getContext("2d", { willReadFrequently: true });
  const [width, height] = sizeOf(port);
  const [size, setSize] = useState(Math.max(1, Math.round(width / 14)));

  useEffect(() => {
    fill(port.default_label);
    if (value?.blob) createImageBitmap(value.blob).then((picture) => { if (canvas.current) put(picture); }, () => {}); // painted before
  }, []);

  // As fast as pictures can be made of it, and the last one in any case.
  const offer = useMemo(() => newestOnly(async (give) => {
    const blob = await new Promise((done) => { if (canvas.current) canvas.current.toBlob(done, "image/png"); else done(null); });
    if (blob) give(blob);
  }), []);
  const tell = () => offer((blob) => set({ blob, name: `${name}.png` }));
  function keep() {
    undo.current = [...undo.current.slice(-19), pen().getImageData(0, 0, width, height)];
  }
  function fill(one) {
    pen().fillStyle = rgb(one);
    pen().fillRect(0, 0, width, height);
  }
  function put(picture) {
    const drawing = pen();
    drawing.imageSmoothingEnabled = false;
    drawing.drawImage(picture, 0, 0, width, height);
    picture.close();
  }
  const where = (event) => {
    const box = canvas.current.getBoundingClientRect();
    return [((event.clientX - box.left) / box.width) * width, ((event.clientY - box.top) / box.height) * height];
  };
  // Hard edges: a mixed colour would be another label.
  function stroke(from, to) {
    const drawing = pen();
    drawing.fillStyle = rgb(chosen);
    const steps = Math.max(1, Math.ceil(Math.hypot(to[0] - from[0], to[1] - from[1]) / Math.max(1, size / 8)));
    for (let step = 0; step <= steps; step += 1) dab(drawing, from[0] + ((to[0] - from[0]) * step) / steps, from[1] + ((to[1] - from[1]) * step) / steps, size / 2);
  }
  const down = (event) => {
    if (event.button !== 0 || stroking.current) return;
    canvas.current.setPointerCapture(event.pointerId);
    keep();
    stroke(where(event), where(event));
    stroking.current = { pointer: event.pointerId, last: where(event) };
    tell();
  };
  const move = (event) => {
    if (stroking.current?.pointer !== event.pointerId) return;
    stroke(stroking.current.last, where(event));
    stroking.current.last = where(event);
    tell();
  };
  const up = (event) => { if (stroking.current?.pointer === event.pointerId) stroking.current = null; };
  const middle = () => keyed.current.at ?? [Math.floor(width / 2), Math.floor(height / 2)];
  const key = (event) => {
    const [x, y] = middle();
    const step = STEPS[event.key]?.map((part) => part * Math.max(1, Math.round(size / 2)));
    if (!step && event.key !== " ") return;
    event.preventDefault();
    const to = step ? [Math.max(0, Math.min(width - 1, x + step[0])), Math.max(0, Math.min(height - 1, y + step[1]))] : [x, y];
    go(to);
    if (event.key === " " && !event.repeat) { keep(); keyed.current.inked = true; }
    if (keyed.current.inked && (step || !event.repeat)) { stroke([x, y], to); tell(); }
  };
  const lift = (event) => { if (event.key === " ") { keyed.current.inked = false; event.preventDefault(); } };
  const leave = () => { keyed.current.inked = false; go(null); };
  const lies = () => { const [r, g, b] = pen().getImageData(...middle(), 1, 1).data; return labels.find((one) => port.label_to_color[one].slice(0, 3).join() === [r, g, b].join()) ?? "nothing"; };
  const back = () => { const image = undo.current.pop(); if (image) { pen().putImageData(image, 0, 0); tell(); } };
  const load = async (file) => {
    const picture = await createImageBitmap(file).catch(() => { throw new Error(`the browser can't read ${file.name} as a picture`); });
    keep();
    put(picture);
    tell();
  };
  return html`<div class="source painter" title=${port.description}><div class="line"><span class="name">${label}</span>${aside}</div>
    <div class="under" style=${{ width: `min(100%, ${(26 * width) / height}rem)` }}><canvas ref=${canvas} width=${width} height=${height} style=${{ width: "100%" }} role="application" tabIndex="0" aria-label=${`${name}, painted: arrow keys move the brush, Space paints`}
      onKeyDown=${key} onKeyUp=${lift} onFocus=${(event) => { if (event.target.matches(":focus-visible")) go(middle()); }} onBlur=${leave} onPointerDown=${down} onPointerMove=${move}
      onPointerUp=${up} onPointerCancel=${up} onLostPointerCapture=${up}></canvas>${brush && html`<i class="brush" style=${{ left: `${(100 * (brush[0] + 0.5)) / width}%`, top: `${(100 * (brush[1] + 0.5)) / height}%`, width: `${(100 * size) / width}%`, height: `${(100 * size) / height}%` }}></i>
      <span class="sr" role="status">${`${lies()} at ${brush[0]}, ${brush[1]}; painting ${chosen}`}</span>`}</div>
    <div class="labels" role="radiogroup" aria-label=${`label to paint ${name} with`}>${labels.map((one) => html`<button key=${one} type="button" role="radio" aria-checked=${one === chosen}
      onClick=${() => choose(one)}><i style=${{ background: rgb(one) }}></i>${one}</button>`)}</div>
    <${Slider} name="brush" value=${size} low=${1} high=${Math.max(4, Math.round(width / 3))} step=${1} onInput=${setSize} />
    <div class="row tight"><${Button} icon="back" kind="quiet" onPress=${back}>undo<//><${Button} kind="quiet" onPress=${() => { keep(); fill(chosen); tell(); }}>fill all<//>
      <${Drop} name=${`${name} from a file`} accept="image/*" className="inline" onFile=${(file) => trying(() => load(file))}><span>open…</span><//>
      ${session && html`<${Sources} session=${session} input=${name} kind="segmentation" linked=${linked} />`}</div></div>`;
}

function sizeOf(port) {
  const fit = (side) => port[side] || Math.min(Math.max(SIDE, port[`min_${side}`] ?? 0), port[`max_${side}`] || SIDE);
  return [fit("width"), fit("height")];
}

// A filled disc of whole pixels.
function dab(drawing, x, y, radius) {
  for (let down = -Math.floor(radius); down <= radius; down += 1) {
    const half = Math.floor(Math.sqrt(Math.max(0, radius * radius - down * down)));
    drawing.fillRect(Math.round(x) - half, Math.round(y) + down, 2 * half + 1, 1);
  }
}
