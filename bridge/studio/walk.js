// The panel of a walk: how it moves, and the numbered directions that lie on top. docs/walks.md says what each does.

import { address, api, button, choice, element, inline, labelled, newestOnly, trying } from "./base.js";
import { ask } from "./socket.js";

const KINDS = {
  noise: "anywhere, never the same way twice", loop: "through the keyframes and round", circle: "exactly closed",
  drift: "round a centre", follow: "towards a target",
};
const BEATS = { "": "in seconds", 1: "every beat", 2: "every 2 beats", 4: "every 4 beats", 8: "every 8 beats" };
const SLIDERS = { // from, to, and whether equal ways mean equal factors
  speed: [0, 4, false], seconds: [0.1, 60, true], distance: [0.05, 3, false],
};
const LISTS = { direction: ["forward", "back", "pingpong"], easing: ["none", "smooth", "in", "out"], interpolation: ["spherical", "linear", "cubic"] };
const AROUND = ["noise", "circle", "drift"]; // kinds that have a seed, a centre and a distance
const REACH = 5; // of a direction's slider

export class WalkPanel {
  // `inputs` are those of the model.
  constructor(place, session, inputs) {
    Object.assign(this, { session, inputs, settings: null, parts: [], told: 0, pending: {} });
    this.flush = newestOnly(() => this.setPending());
    place.replaceChildren(this.transport(), this.kinds(), ...this.sliders(), this.tempo(), this.keyframes(), this.finer(), this.directions());
  }

  // Settings and verbs; without any it only looks, since another sketch may have told the walk something.
  async set(patch = {}) {
    const turn = (this.told += 1);
    const walk = await ask({ type: "walk", session: this.session, set: patch });
    if (turn === this.told) this.show(walk);
  }

  // From a control that is being moved: what it stands at when the last word has been answered.
  offer(patch) {
    Object.assign(this.pending, patch);
    this.flush();
  }

  async setPending() {
    const patch = this.pending;
    this.pending = {};
    if (Object.keys(patch).length) await this.set(patch);
  }

  show(walk) {
    this.settings = walk.settings;
    for (const part of this.parts) part(walk);
  }

  // To a place: a seed, a vector, a favourite. One that was kept in w can only be walked there.
  go(place, inW = false) {
    const space = inW ? { space: "w" } : {};
    if (this.settings.kind === "follow") return this.set({ ...space, target: place, play: true });
    const kind = this.settings.kind === "loop" ? { kind: "drift" } : {};
    return this.set({ ...space, ...kind, centre: place, play: true });
  }

  next() {
    const { kind, seed, target } = this.settings;
    if (kind === "loop") return this.set({ step: true });
    if (kind === "follow") return this.set({ target: Number.isInteger(target) ? target + 1 : seed + 1, play: true });
    return this.set({ seed: seed + 1, centre: null });
  }

  // --- the parts, each of which keeps itself in step with the walk -------------------------------

  transport() {
    const row = element("div", "", { className: "row" });
    const play = button("pause", () => this.set(this.settings.playing ? { pause: true } : { play: true }), { className: "play" });
    const seed = element("input", "", { type: "number", min: 0, step: 1, className: "seed" });
    seed.addEventListener("change", () => this.offer({ seed: Number(seed.value), centre: null }));
    const label = inline("seed", seed, "which noise, circle or drift");
    const free = button("leave the centre", () => this.set({ centre: null }), { title: "to where the seed is" });
    const held = element("span", "by hand", { className: "tag", title: "a sketch sends the place; play takes over again" });
    row.append(play, button("next", () => this.next(), { title: "another seed, the next keyframe, another target" }), label, free, held);
    this.parts.push(({ settings, held: byHand }) => {
      play.textContent = settings.playing ? "pause" : "play";
      keep(seed, settings.seed);
      label.hidden = !AROUND.includes(settings.kind);
      free.hidden = label.hidden || settings.centre === null;
      held.hidden = !byHand;
    });
    return row;
  }

  kinds() {
    const group = element("fieldset", "", { className: "kinds" });
    group.append(element("legend", "kind"));
    for (const [kind, about] of Object.entries(KINDS)) {
      const radio = element("input", "", { type: "radio", name: `kind of ${this.session}`, value: kind });
      const label = element("label", "", { title: about });
      radio.addEventListener("change", () => this.offer({ kind }));
      label.append(radio, element("span", kind));
      group.append(label);
      this.parts.push(({ settings }) => { radio.checked = settings.kind === kind; });
    }
    return group;
  }

  sliders() {
    return Object.entries(SLIDERS).map(([name, [low, high, even]]) => {
      const field = element("input", "", { type: "range", min: 0, max: 1, step: 0.001 });
      const { label, shown } = labelled(name, field);
      const at = (part) => round(even ? low * (high / low) ** part : low + part * (high - low));
      const partOf = (value) => (even ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low));
      const say = (text) => { shown.textContent = text; field.setAttribute("aria-valuetext", text); };
      field.addEventListener("input", () => { say(String(at(field.value))); this.offer({ [name]: at(field.value) }); });
      this.parts.push(({ settings, numbers }) => {
        const value = numbers[name] ?? settings[name];
        if (document.activeElement !== field || !field.matches(":active")) field.value = partOf(value);
        say(`${round(value)}${typeof settings[name] === "object" ? " ~" : ""}`);
        if (name === "seconds") label.hidden = settings.beats !== null || settings.kind === "follow";
        if (name === "distance") label.hidden = !AROUND.includes(settings.kind);
      });
      return label;
    });
  }

  tempo() {
    const row = element("div", "", { className: "row" });
    const beats = choice(Object.keys(BEATS), "", BEATS);
    beats.addEventListener("change", () => this.offer({ beats: beats.value ? Number(beats.value) : null }));
    const tempo = element("span", "", { className: "value" });
    const tap = button("tap", () => this.set({ tap: true, ...(this.settings.beats === null ? { beats: 4 } : {}) }), { title: "in time with the music" });
    row.append(inline("pace", beats), tap, tempo);
    if (Object.values(this.inputs).some((port) => port.instead_of)) row.append(this.space());
    this.parts.push(({ settings }) => {
      keep(beats, settings.beats ?? "");
      tempo.textContent = settings.beats === null ? "" : `${Math.round(settings.bpm)} bpm`;
    });
    return row;
  }

  space() {
    const list = choice(["z", "w"], "z");
    list.addEventListener("change", () => this.offer({ space: list.value }));
    this.parts.push(({ settings }) => keep(list, settings.space));
    return inline("space", list, "which vectors are walked");
  }

  keyframes() {
    const row = element("div", "", { className: "row keyframes", role: "group" });
    row.setAttribute("aria-label", "keyframes");
    let shown = "";
    this.parts.push(({ settings: { kind, keyframes } }) => {
      row.hidden = kind !== "loop";
      if (shown === JSON.stringify(keyframes)) return;
      shown = JSON.stringify(keyframes);
      const parts = keyframes.map((place, index) => this.keyframe(place, index, keyframes));
      const seeds = keyframes.filter(Number.isInteger);
      const more = () => this.set({ keyframes: [...keyframes, Math.max(-1, ...seeds) + 1] });
      row.replaceChildren(element("span", "keyframes"), ...parts, button("+", more, { title: "one more, the next seed" }));
    });
    return row;
  }

  keyframe(place, index, all) {
    const both = element("span", "", { className: "chip" });
    const name = Number.isInteger(place) ? String(place) : place.favourite ? "" : "…";
    const there = button(name, () => this.set({ seek: { keyframe: index } }), { title: `go to keyframe ${index + 1}` });
    if (place.favourite) there.append(element("img", "", { src: address(`/api/favourites/${place.favourite}.jpg`), alt: "" }));
    both.append(there);
    const less = () => this.set({ keyframes: all.filter((_, other) => other !== index) });
    if (all.length > 1) both.append(button("×", less, { title: `take keyframe ${index + 1} out` }));
    return both;
  }

  finer() {
    const part = element("details");
    const row = element("div", "", { className: "row" });
    part.append(element("summary", "finer"), row);
    for (const [name, choices] of Object.entries(LISTS)) {
      const list = choice(choices, choices[0]);
      list.addEventListener("change", () => this.offer({ [name]: list.value }));
      row.append(inline(name, list));
      this.parts.push(({ settings }) => keep(list, settings[name]));
    }
    row.append(button("as the model has it", () => this.reset()));
    return part;
  }

  async reset() {
    this.show(await api("DELETE", `/api/sessions/${this.session}/walk`));
  }

  directions() {
    const names = Object.keys(this.inputs).filter((name) => name.startsWith("direction/"));
    const part = element("details", "", { open: true, hidden: !names.length, className: "directions" });
    const all = element("div", "", { className: "pairs" });
    const middle = button("all to 0", () => this.set(Object.fromEntries(names.map((name) => [name, null]))));
    part.append(element("summary", "Directions"), all, middle);
    for (const name of names) {
      const field = element("input", "", { type: "range", min: -REACH, max: REACH, step: 0.05, value: 0 });
      const { label, shown } = labelled(name.split("/")[1], field, "double click: back to 0");
      field.setAttribute("aria-label", name.replace("/", " "));
      field.addEventListener("input", () => { shown.textContent = field.value; this.offer({ [name]: Number(field.value) || null }); });
      field.addEventListener("dblclick", () => trying(() => this.set({ [name]: null })));
      all.append(label);
      this.parts.push(({ numbers }) => {
        if (!field.matches(":active")) field.value = numbers[name] ?? 0;
        shown.textContent = String(round(numbers[name] ?? 0));
      });
    }
    return part;
  }
}

const round = (number) => Number(number.toPrecision(2));

// Not while somebody writes in it.
function keep(field, value) {
  if (document.activeElement !== field) field.value = value;
}
