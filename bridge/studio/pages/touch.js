// A remote control for fingers: the picture is the pad, the session's controls lie below.

import { html, useEffect, useMemo, useRef, useState } from "../vendor/preact-htm.js";
import { api, at } from "../core/api.js";
import { formOf } from "../core/forms.js";
import { newestOnly } from "../core/pace.js";
import { canWalk, inWords, isOver, pictureOf, refresh, sessions, usual, writes } from "../core/sessions.js";
import { link } from "../core/router.js";
import { useStore } from "../core/store.js";
import { toast, trying } from "../core/toasts.js";
import { Button, Fold, Switch } from "../core/ui.js";
import { LivePicture } from "../outputs/picture.js";
import { Outputs } from "../outputs/outputs.js";
import { Fields } from "../ports/field.js";
import { Moving, WalkPanel } from "../walk/panel.js";
import { WalkState } from "../walk/state.js";
import { Directions, beside } from "../walk/steer.js";
import { Writer } from "../writer/writer.js";

const REACH = 1.2; // how far apart the middle of the pad and its edge are, in the distances of the grid
const TILT = 30; // degrees from flat to the pad's edge

export function Touch({ names: [name] }) {
  const session = useStore(sessions, (state) => state.all[name]);
  const known = useStore(sessions, (state) => state.known);
  if (!session?.signature) return html`<${Absent} name=${name} session=${session} known=${known} />`;
  return html`<div key=${formOf(name).id} class="touch" data-session=${name}><${State} session=${session} />${canWalk(session) ? html`<${Instrument} session=${session} />` : writes(session) ? html`<h2>${name}</h2><${Writer} session=${session} />` : html`<${Remote} session=${session} />`}</div>`;
}

function Absent({ name, session, known }) {
  const gone = known && !session;
  const said = gone ? (name ? `There is no session ${name}` : "This address names no session") : session ? `${name}: ${inWords(session.state)}` : "looking…";
  return html`<div class="empty"><h2>${said}</h2>${gone && html`<a class="button" href=${link("play")}>All sessions</a>`}</div>`;
}

// What does not answer to fingers, and why.
function State({ session: { name, state, error } }) {
  if (state === "ready") return null;
  const start = () => api("POST", at`/api/sessions/${name}/start`).then(refresh);
  return html`<div class="row" role="status"><b>${name}: ${inWords(state)}</b>${error && html`<span class="hint">${error.message}</span>`}${isOver(state) && html`<${Button} icon="play" kind="main" onPress=${start}>Start<//>`}</div>`;
}

function Remote({ session }) {
  const form = formOf(session.name);
  const { inputs, outputs } = usual(session);
  useEffect(() => { form.hear(session.inputs); }, [form, session.inputs]);
  return html`<h2>${session.name}</h2><${Outputs} session=${session.name} outputs=${outputs} form=${form} /><${Fields} form=${form} inputs=${inputs} context=${{ session: session.name }} holdable=${false} />`;
}

function Instrument({ session }) {
  const { name } = session;
  const form = formOf(name);
  const walk = useMemo(() => new WalkState(name), [name]);
  useEffect(() => walk.watch(), [walk]);
  const told = useStore(walk.store);
  const { inputs } = usual(session);
  const [motion, setMotion] = useState(false);
  const pad = useMemo(() => new Pad(walk), [walk]);
  const plain = Object.fromEntries(Object.entries(beside(inputs)).filter(([, port]) => port.kind === "number").slice(0, 2));
  return html`<${XY} session=${name} port=${pictureOf(session)} pad=${pad} />
    <div class="row"><${Button} kind="main" disabled=${!told} icon=${told?.settings.playing ? "pause" : "play"} onPress=${() => walk.set(told.settings.playing ? { pause: true } : { play: true })}>${told?.settings.playing ? "pause" : "play"}<//>
      <${Button} icon="next" label="next" onPress=${() => walk.next()} /><${Button} icon="heart" onPress=${() => api("POST", "/api/favourites", { session: name })}>keep<//>
      <${Button} icon="dice" onPress=${() => pad.elsewhere()}>elsewhere<//></div>
    <${Motion} on=${motion} onTurn=${setMotion} pad=${pad} />
    ${told && html`<${Moving} walk=${walk} name="speed" settings=${told.settings} numbers=${told.numbers} low=${0} high=${4} step=${0.01} />`}
    <${Fields} form=${form} inputs=${plain} context=${{ session: name }} holdable=${false} />
    <${Fold} title="directions"><${Directions} walk=${walk} inputs=${inputs} /><//>
    <${Fold} title="walk"><${WalkPanel} walk=${walk} inputs=${inputs} /><//>`;
}

// The grid under the picture: x and y from -1 to 1 are a place in it, and the walk follows there.
class Pad {
  constructor(walk) {
    this.walk = walk;
    this.steps = 0; // tiles from the middle of the pad to its edge
    this.offer = newestOnly((x, y) => trying(() => this.send(x, y)));
  }

  async elsewhere() {
    const { grid } = await api("PATCH", at`/api/sessions/${this.walk.session}/grid`, { centre: Math.floor(Math.random() * 2 ** 31), row: 0, column: 0 });
    this.steps = REACH / grid.distance;
    this.shown?.([0, 0]);
    await this.send(0, 0);
  }

  async send(x, y) {
    if (!this.steps) this.steps = REACH / (await api("GET", at`/api/sessions/${this.walk.session}/grid`)).grid.distance;
    await this.walk.set({ kind: "follow", target: { grid: [y * this.steps, x * this.steps] }, play: true });
  }
}

function XY({ session, port, pad }) {
  const place = useRef();
  const [spot, put] = useState([0, 0]);
  const go = (x, y) => { const inside = [x, y].map((part) => Math.max(-1, Math.min(1, part))); put(inside); pad.offer(...inside); };
  const finger = useRef(null); // one steers; others that come beside it do nothing
  const moved = (event) => {
    if (finger.current !== event.pointerId) return;
    const { left, top, width, height } = place.current.getBoundingClientRect();
    go(((event.clientX - left) / width) * 2 - 1, ((event.clientY - top) / height) * 2 - 1);
  };
  const down = (event) => {
    if (finger.current !== null || event.button !== 0) return;
    finger.current = event.pointerId;
    place.current.setPointerCapture(event.pointerId);
    moved(event);
  };
  const up = (event) => { if (finger.current === event.pointerId) finger.current = null; };
  const key = (event) => {
    const step = { ArrowLeft: [-0.05, 0], ArrowRight: [0.05, 0], ArrowUp: [0, -0.05], ArrowDown: [0, 0.05] }[event.key];
    if (step) { event.preventDefault(); go(spot[0] + step[0], spot[1] + step[1]); }
  };
  useEffect(() => { pad.shown = put; return () => { pad.shown = null; }; }, [pad]);
  return html`<div class="xy" ref=${place} tabIndex="0" role="application" aria-label="pad: the walk follows over the grid; arrow keys move" onPointerDown=${down} onPointerMove=${moved} onPointerUp=${up} onPointerCancel=${up} onLostPointerCapture=${up} onKeyDown=${key}>
    <${LivePicture} session=${session} port=${port} /><i style=${{ left: `${50 + 50 * spot[0]}%`, top: `${50 + 50 * spot[1]}%` }}></i></div>`;
}

// Tilting moves on the pad, where the phone lets a page know of it.
function Motion({ on, onTurn, pad }) {
  useEffect(() => {
    if (!on) return undefined;
    const tilted = ({ beta, gamma }) => {
      if (beta === null) { // told once, where there is nothing to tell
        onTurn(false);
        return toast("this device can't feel how it is tilted");
      }
      const place = [gamma / TILT, (beta - 40) / TILT].map((part) => Math.max(-1, Math.min(1, part)));
      pad.shown?.(place);
      return pad.offer(...place);
    };
    addEventListener("deviceorientation", tilted);
    return () => removeEventListener("deviceorientation", tilted);
  }, [on, pad]);
  const turn = (wanted) => trying(async () => {
    if (wanted && !isSecureContext) throw new Error("a phone tells a page of its motion only over https");
    if (wanted && (await globalThis.DeviceOrientationEvent?.requestPermission?.()) === "denied") throw new Error("the phone does not let this page know of its motion");
    onTurn(wanted);
  });
  return html`<${Switch} name="motion" title="tilting the phone moves on the pad" on=${on} onTurn=${turn} />`;
}
