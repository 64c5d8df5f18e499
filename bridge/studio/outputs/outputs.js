// What a session gives out, each kind in its own way. Boxes, points and landmarks lie over the picture they are about.

import { html, useEffect, useRef, useState } from "../vendor/preact-htm.js";
import { spaced } from "../core/format.js";
import { isPicture } from "../core/sessions.js";
import { follow, returned } from "../core/socket.js";
import { useStore } from "../core/store.js";
import { letGo, useSeen } from "../core/ui.js";
import { lastValue } from "./last.js";
import { Overlay, placesOf } from "./overlay.js";
import { LivePicture } from "./picture.js";
import { Numbers } from "./numbers.js";
import { Sound } from "./sound.js";
import { Value } from "./value.js";

const FAR = "4000px"; // what only answers to its inputs works no more for being followed from further away

export function Outputs({ session, outputs, form }) {
  const places = Object.entries(outputs).filter(([, port]) => placesOf(port));
  const pictures = Object.entries(outputs).filter(([, port]) => isPicture(port));
  const rest = Object.entries(outputs).filter(([, port]) => !isPicture(port) && !placesOf(port));
  const over = places.length > 0 && html`<${Overlay} session=${session} places=${places} />`;
  return html`<div class="outputs">
    ${pictures.map(([name, port], index) => html`<div class="out" key=${name}><${Title} name=${name} title=${port.description} alone=${pictures.length === 1} />
      <${LivePicture} session=${session} port=${name} margin=${FAR}>${index === 0 && over}<//>${port.kind === "segmentation" && html`<${Legend} port=${port} />`}</div>`)}
    ${!pictures.length && over && html`<${Background} form=${form}>${over}<//>`}
    ${rest.map(([name, port]) => html`<div class="out" key=${name}><${Title} name=${name} title=${port.description} /><${Output} session=${session} name=${name} port=${port} /></div>`)}
  </div>`;
}

const Title = ({ name, title, alone }) => !alone && html`<h3 title=${title}>${spaced(name)}</h3>`;

const Legend = ({ port }) => html`<ul class="legend">${Object.entries(port.label_to_color ?? {}).map(([label, rgb]) => html`<li key=${label}><i style=${{ background: `rgb(${rgb.join(",")})` }}></i>${label}</li>`)}</ul>`;

// Over the picture that went in, where none comes out.
function Background({ form, children }) {
  const values = useStore(form.store, (state) => state.values);
  const picture = Object.values(values).find((value) => value?.blob?.type?.startsWith("image/"));
  return html`<div class="picture">${picture?.url && html`<img src=${picture.url} alt="what went in" />`}${children}</div>`;
}

function Output({ session, name, port }) {
  const [frame, setFrame] = useState(null);
  const place = useRef();
  const seen = useSeen(place, FAR);
  const [again, setAgain] = useState(0);
  useEffect(() => {
    if (!seen) return undefined;
    let retry = 0;
    let text = null;
    let fresh = false;
    if (port.kind !== "audio" && port.kind !== "file") lastValue(session, name).then((frame) => { if (frame && !fresh) setFrame(frame); });
    const show = (next) => {
      fresh = true;
      if (port.pieces) {
        const on = text?.run === next.run && next.sequence > text.sequence; // a bridge that began anew counts its runs anew
        text = { run: next.run, sequence: next.sequence, value: on ? text.value + next.value : next.value };
        setFrame({ ...next, value: text.value });
      } else setFrame(next);
    };
    const wishes = { policy: port.pieces ? "all" : "newest", ...(port.kind === "audio" || port.kind === "file" ? {} : { binary: false }) };
    const end = follow(session, name, wishes, show, () => { retry = setTimeout(() => setAgain((count) => count + 1), 1000); });
    const back = returned(() => { text = null; });
    return () => { clearTimeout(retry); back(); end(); };
  }, [seen, session, name, again]);
  return html`<div ref=${place} data-output=${name}>${frame ? html`<${Shown} frame=${frame} name=${name} port=${port} />` : html`<p class="none">nothing yet</p>`}</div>`;
}

function Shown({ frame, name, port }) {
  if (port.kind === "audio") return html`<${Sound} frame=${frame} name=${name} />`;
  if (port.kind === "file") return html`<${Download} frame=${frame} name=${name} port=${port} />`;
  if (port.kind === "number") return html`<${Numbers} value=${frame.value} port=${port} />`;
  return html`<${Value} value=${frame.value} port=${port} />`;
}

function Download({ frame, name, port }) {
  const [url, setUrl] = useState("");
  useEffect(() => {
    const made = URL.createObjectURL(new Blob([frame.bytes]));
    setUrl(made);
    return () => letGo(made);
  }, [frame]);
  const called = frame.meta?.name ?? `${name}${port.extension ? `.${port.extension.replace(/^\./, "")}` : ""}`;
  return html`<a class="button" href=${url} download=${called}>save ${called}</a>`;
}
