// A control that moves by itself: an oscillator or a ramp, in seconds or beats.

import { html, useState } from "../vendor/preact-htm.js";
import { Button, Choice, Dialog, Slider, Typed } from "../core/ui.js";

export const isCurve = (value) => value !== null && typeof value === "object";
const SHAPES = ["sine", "triangle", "square", "saw", "random", "wander"];

export function Curve({ name, value, low, high, now, beats, onSet }) {
  const [open, setOpen] = useState(false);
  const moving = isCurve(value);
  const turn = () => setOpen(true);
  const first = () => ({ lfo: "sine", ...(beats ? { beats: 4 } : { period: 8 }), low: Math.max(low, now - (high - low) / 8), high: Math.min(high, now + (high - low) / 8) });
  return html`<${Button} icon="wave" kind=${moving ? "tiny on" : "tiny"} pressed=${moving} label=${`let ${name} move by itself`} onPress=${turn} />
    ${open && html`<${Dialog} title=${`${name} moves by itself`} onClose=${() => setOpen(false)}>
      <${Editor} name=${name} value=${moving ? value : null} low=${low} high=${high} now=${now} beats=${beats} first=${first} onSet=${onSet} /><//>`}`;
}

function Editor({ value, low, high, now, beats, first, onSet }) {
  const kind = !value ? "still" : "lfo" in value ? "oscillator" : "ramp" in value ? "ramp" : "points";
  const step = (high - low) / 200;
  const pick = (next) => onSet({ still: () => now, oscillator: first, ramp: () => ({ ramp: { to: high, seconds: 10 } }), points: () => ({ points: [[0, low], [4, high], [8, low]], loop: true }) }[next]());
  return html`<div class="curve">
    <${Choice} name="moves as" choices=${["still", "oscillator", "ramp", "points"]} value=${kind} onPick=${pick} />
    ${kind === "oscillator" && html`<${Choice} wide name="shape" choices=${SHAPES} value=${value.lfo} onPick=${(lfo) => onSet({ ...value, lfo })} />
      ${"beats" in value
        ? html`<${Slider} name="beats" value=${value.beats} low=${0.25} high=${64} step=${0.25} onInput=${(next) => onSet({ ...value, beats: next })} />`
        : html`<${Slider} name="period" unit="s" value=${value.period} low=${0.1} high=${60} step=${0.1} onInput=${(period) => onSet({ ...value, period })} />`}
      <${Choice} name="counts in" choices=${["seconds", "beats"]} value=${"beats" in value ? "beats" : "seconds"} onPick=${(unit) => onSet({ lfo: value.lfo, low: value.low, high: value.high, ...(unit === "beats" ? { beats: 4 } : { period: 8 }) })} />
      <${Slider} name="low" value=${value.low} low=${low} high=${high} step=${step} onInput=${(next) => onSet({ ...value, low: next })} />
      <${Slider} name="high" value=${value.high} low=${low} high=${high} step=${step} onInput=${(next) => onSet({ ...value, high: next })} />`}
    ${kind === "ramp" && html`<${Slider} name="to" value=${value.ramp.to} low=${low} high=${high} step=${step} onInput=${(to) => onSet({ ramp: { to, seconds: value.ramp.seconds ?? 10 } })} />
      <${Slider} name="in seconds" unit="s" value=${value.ramp.seconds ?? value.ramp.beats} low=${0.1} high=${120} step=${0.1} onInput=${(seconds) => onSet({ ramp: { to: value.ramp.to, seconds } })} />`}
    ${kind === "points" && html`<${Points} value=${value} low=${low} high=${high} onSet=${onSet} />`}
    ${kind !== "still" && beats && html`<p class="hint">beats keep to the walk's own beat</p>`}</div>`;
}

function Points({ value, low, high, onSet }) {
  const change = (index, part, to) => onSet({ ...value, points: value.points.map((point, other) => (other === index ? point.map((old, at) => (at === part ? to : old)) : point)) });
  return html`<table class="points"><thead><tr><th scope="col">after s</th><th scope="col">value</th><th></th></tr></thead><tbody>
    ${value.points.map(([time, height], index) => html`<tr key=${index}>
      <td><${Typed} min="0" step="0.1" label=${`time of point ${index + 1}`} value=${time} onType=${(to) => change(index, 0, to)} /></td>
      <td><${Typed} min=${low} max=${high} step="any" label=${`value of point ${index + 1}`} value=${height} onType=${(to) => change(index, 1, to)} /></td>
      <td>${value.points.length > 2 && html`<${Button} kind="quiet" icon="close" label=${`take point ${index + 1} out`} onPress=${() => onSet({ ...value, points: value.points.filter((_, other) => other !== index) })} />`}</td></tr>`)}
    </tbody></table>
    <${Button} icon="plus" kind="quiet" onPress=${() => onSet({ ...value, points: [...value.points, [value.points.at(-1)[0] + 2, low]] })}>point<//>`;
}
