// How a walk moves. docs/walks.md says what each setting does.

import { html } from "../vendor/preact-htm.js";
import { address, at } from "../core/api.js";
import { useStore } from "../core/store.js";
import { undoable } from "../core/toasts.js";
import { Button, Choice, Slider, Switch, Typed } from "../core/ui.js";
import { Curve, isCurve } from "./curve.js";

const KINDS = {
  noise: "anywhere, never the same way twice", loop: "through the keyframes and round", circle: "exactly closed",
  drift: "round a centre", follow: "towards a target",
};
const BEATS = { null: "in seconds", 1: "every beat", 2: "every 2 beats", 4: "every 4 beats", 8: "every 8 beats", 16: "every 16 beats" };
const AROUND = ["noise", "circle", "drift"]; // kinds that have a seed, a centre and a distance
const bent = (low, high) => [(x) => Math.log(Math.max(x, low) / low) / Math.log(high / low), (part) => low * (high / low) ** part];
const SECONDS = bent(0.1, 60);

export function WalkPanel({ walk, inputs }) {
  const told = useStore(walk.store);
  if (!told) return html`<p class="none">the walk is on its way…</p>`;
  const { settings, held, numbers } = told;
  const around = AROUND.includes(settings.kind);
  return html`<div class="walkpanel">
    <div class="row transport">
      <${Button} icon=${settings.playing ? "pause" : "play"} kind="main" onPress=${() => walk.set(settings.playing ? { pause: true } : { play: true })}>${settings.playing ? "pause" : "play"}<//>
      <${Button} icon="next" label="next" title="another seed, the next keyframe, another target" onPress=${() => walk.next()} />
      ${around && html`<label class="seed"><span>seed</span><${Typed} label="seed" min="0" step="1" value=${settings.seed} onType=${(seed) => walk.offer({ seed, centre: null })} /></label>`}
      ${around && settings.centre !== null && html`<${Button} kind="quiet" title="to where the seed is" onPress=${() => walk.set({ centre: null })}>leave the centre<//>`}
      ${held && html`<span class="tag" title="a sketch sends the place; play takes over again">by hand</span>`}
    </div>
    <${Choice} name="kind" choices=${Object.keys(KINDS)} titles=${KINDS} value=${settings.kind} onPick=${(kind) => walk.offer({ kind })} />
    ${settings.kind === "loop" && html`<${Keyframes} walk=${walk} keyframes=${settings.keyframes} />`}
    <${Moving} walk=${walk} name="speed" settings=${settings} numbers=${numbers} low=${0} high=${4} step=${0.01} />
    ${settings.beats === null && settings.kind !== "follow" && html`<${Moving} walk=${walk} name="seconds" settings=${settings} numbers=${numbers} low=${0.1} high=${60} curve=${SECONDS} />`}
    ${around && html`<${Moving} walk=${walk} name="distance" settings=${settings} numbers=${numbers} low=${0.05} high=${3} step=${0.01} />`}
    ${inputs.truncation?.kind === "number" && html`<${Truncation} walk=${walk} told=${told} port=${inputs.truncation} />`}
    <${Tempo} walk=${walk} told=${told} />
    ${settings.kind === "follow" && html`<${Follow} walk=${walk} told=${told} />`}
    <details class="finer"><summary>finer</summary><div class="pairs">
      <${Choice} wide name="direction" choices=${["forward", "back", "pingpong"]} value=${settings.direction} onPick=${(direction) => walk.offer({ direction })} />
      <${Choice} wide name="easing" choices=${["none", "smooth", "in", "out"]} value=${settings.easing} onPick=${(easing) => walk.offer({ easing })} />
      <${Choice} wide name="interpolation" choices=${["spherical", "linear", "cubic"]} value=${settings.interpolation} onPick=${(interpolation) => walk.offer({ interpolation })} />
      ${Object.values(inputs).some((port) => port.instead_of) && html`<${Choice} wide name="space" choices=${["z", "w"]} value=${settings.space} onPick=${(space) => walk.offer({ space })} />`}
      </div>
      <${Moving} walk=${walk} name="fade" title="seconds in which it goes over when another path begins" settings=${settings} numbers=${numbers} low=${0} high=${10} step=${0.1} target=${null} />
      <${Moving} walk=${walk} name="fps" title="the most frames a second" value=${settings.fps ?? 60} settings=${settings} numbers=${numbers} low=${1} high=${120} step=${1} onReset=${() => walk.offer({ fps: null })} target=${null} />
      <div class="row"><label class="seed"><span>go to second</span><${Typed} label="go to this second" step="any" value="" placeholder="–" onType=${(seconds) => walk.set({ seek: { seconds } })} /></label>
        <${Button} icon="again" kind="quiet" onPress=${() => walk.reset()}>as the model has it<//></div>
    </details></div>`;
}

// A slider that a curve can move.
export function Moving({ walk, name, label = name, settings, numbers, low, high, step, value, of, title, onReset, target = `walk/${name}`, curve, unit }) {
  const stands = value ?? settings[name];
  const set = of ?? ((next) => walk.offer({ [name]: next }));
  const moving = isCurve(stands);
  const now = moving ? numbers[name] ?? low : stands;
  return html`<div class=${moving ? "moved" : ""}><${Slider} name=${name} label=${label} title=${title} value=${now} low=${low} high=${high} step=${step} curve=${curve} unit=${unit} moving=${moving} onInput=${set} onReset=${onReset} target=${target}
    aside=${html`<${Curve} name=${label} value=${stands} low=${low} high=${high} onSet=${set} now=${now} beats=${settings.beats !== null} />`} /></div>`;
}

// The model's own input stays as it is until the walk moves it: a number, or a curve.
function Truncation({ walk, told: { settings, numbers }, port }) {
  const name = "truncation";
  const [own, low, high] = [settings.truncation, port.min ?? 0, port.max ?? 1];
  if (own === null) return html`<${Switch} name="the walk moves truncation" title="else the slider under Picture counts" on=${false} onTurn=${() => walk.set({ truncation: port.default ?? high })} />`;
  return html`<${Switch} name="the walk moves truncation" on=${true} onTurn=${() => walk.set({ truncation: null })} />
    <${Moving} walk=${walk} name=${name} label="truncation of the walk" settings=${settings} numbers=${numbers} low=${low} high=${high} step=${port.step ?? 0.01} />`;
}

function Tempo({ walk, told: { settings, numbers } }) {
  const choices = [null, 1, 2, 4, 8, 16];
  const beats = isCurve(settings.beats) ? "moves by itself" : settings.beats;
  const tap = () => walk.set({ tap: true, ...(settings.beats === null ? { beats: 4 } : {}) });
  return html`<div class="row">
    <${Choice} wide name="pace" choices=${choices.includes(beats) ? choices : [...choices, beats]} names=${BEATS} value=${beats} onPick=${(beats) => walk.offer({ beats })} />
    <${Button} onPress=${tap} title="in time with the music">tap<//>
    </div>${settings.beats !== null && html`<${Moving} walk=${walk} name="bpm" settings=${settings} numbers=${numbers} low=${30} high=${240} step=${1} />`}`;
}

function Follow({ walk, told: { settings, numbers } }) {
  const pull = (name, low, high, step, unit) => html`<${Moving} walk=${walk} name=${name} settings=${settings} numbers=${numbers} low=${low} high=${high} step=${step} unit=${unit} />`;
  return html`<div class="follow"><${Choice} name="follow by" choices=${["spring", "glide"]} titles=${{ spring: "it swings", glide: "it only nears" }} value=${settings.follow} onPick=${(follow) => walk.offer({ follow })} />
    ${settings.follow === "spring"
      ? html`${pull("stiffness", 1, 200, 1)}${pull("damping", 0.05, 2, 0.05)}`
      : pull("inertia", 0, 10, 0.1, "s")}</div>`;
}

function Keyframes({ walk, keyframes }) {
  const seeds = keyframes.filter(Number.isInteger);
  const more = () => walk.offer({ keyframes: [...keyframes, Math.max(-1, ...seeds) + 1] });
  const out = (index) => {
    const place = keyframes[index];
    walk.offer({ keyframes: keyframes.toSpliced(index, 1) });
    const back = () => walk.offer({ keyframes: walk.settings.keyframes.toSpliced(index, 0, place) }); // among those of then
    undoable(`keyframe ${index + 1}${Number.isInteger(place) ? `, seed ${place},` : ""} is taken out`, () => {}, back);
  };
  return html`<div class="row keyframes" role="group" aria-label="keyframes">
    ${keyframes.map((place, index) => html`<span class="chip" key=${index}>
      <${Button} title=${`go to keyframe ${index + 1}`} onPress=${() => walk.set({ seek: { keyframe: index } })}>${place.favourite ? html`<img src=${address(at`/api/favourites/${place.favourite}.jpg`)} alt="" />` : Number.isInteger(place) ? place : "…"}<//>
      ${keyframes.length > 1 && html`<${Button} label=${`take keyframe ${index + 1} out`} onPress=${() => out(index)}>×<//>`}</span>`)}
    <${Button} label="one more keyframe" title="one more, the next seed" onPress=${more}>+<//></div>`;
}
