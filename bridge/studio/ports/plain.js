// Controls for plain values: numbers, words, choices, yes and no, colours.

import { html } from "../vendor/preact-htm.js";
import { Choice, Slider, Switch, Typed, useDraft } from "../core/ui.js";
import { Sources, useChain } from "./source.js";

export function Number({ name, label, port, value, set, aside }) {
  const reset = () => { if ("default" in port) set(port.default); };
  if (port.min === undefined || port.max === undefined || port.max - port.min > 1e6) {
    const [low, high] = reach(port);
    return html`<label class="typedline" title=${port.description} data-target=${name} data-low=${low} data-high=${high}><span class="name">${label}</span>${aside}
      <${Typed} label=${name} step=${port.step ?? "any"} min=${port.min} max=${port.max} value=${value ?? ""} placeholder="–" onType=${set} />${port.unit && html`<span class="unit">${port.unit}</span>`}</label>`;
  }
  return html`<${Slider} name=${name} label=${label} title=${port.description} value=${value} low=${port.min} high=${port.max} step=${port.step}
    unit=${port.unit} onInput=${set} onReset=${reset} aside=${aside} target=${name} />`;
}

// What a fader goes through where the port leaves an end open: up to twice what it usually stands at.
function reach({ min, max, default: usual }) {
  const low = min ?? Math.min(0, max ?? 0);
  return [low, max ?? low + Math.max(1, 2 * Math.abs((usual ?? low) - low))];
}

export function Text({ name, label, port, value, set, aside, context }) {
  const session = context?.form?.session; // none where the values are of this page alone
  const linked = useChain(session, name);
  const { value: now, edit } = useDraft(value ?? "", 3000);
  return html`<div class="text"><label class="text" title=${port.description}><span class="line"><span class="name">${label}</span>${aside}</span>
    <textarea aria-label=${name} rows=${String(now).length > 80 ? 4 : 2} maxLength=${port.max_length} value=${now} spellcheck=${false}
      onInput=${(event) => { edit(event.target.value); set(event.target.value); }}></textarea></label>
    ${session && html`<${Sources} session=${session} input=${name} kind="text" linked=${linked} />`}</div>`;
}

export const isColour = (value) => typeof value === "string" && /^#[0-9a-f]{6}$/i.test(value);

export const Colour = ({ name, label, port, value, set, aside }) => html`<label class="colour" title=${port.description}><span class="name">${label}</span>${aside}
  <input type="color" aria-label=${name} value=${value ?? "#000000"} onInput=${(event) => set(event.target.value)} /><code>${value}</code></label>`;

export const Category = ({ name, label, port, value, set, aside }) => html`<div title=${port.description} class="chosen">
  <${Choice} name=${label} choices=${port.choices} value=${value} onPick=${set} target=${name} />${aside}</div>`;

export const Truth = ({ name, label, port, value, set, aside }) => html`<div class="chosen"><${Switch} name=${label} title=${port.description} on=${Boolean(value)} onTurn=${set} target=${name} />${aside}</div>`;
