// The small parts that everything is made of.

import { html, useEffect, useRef, useState } from "../vendor/preact-htm.js";
import { round, shown } from "./format.js";
import { trying } from "./toasts.js";

const PATHS = { // 24 × 24, drawn as lines
  play: "M7 4v16l13-8z", pause: "M8 5v14M16 5v14", next: "M5 5v14l9-7zM19 5v14", close: "M6 6l12 12M18 6L6 18",
  more: "M5 12h.01M12 12h.01M19 12h.01", full: "M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5", window: "M4 6h11v9H4zM9 19h11v-9",
  still: "M4 8h4l2-3h4l2 3h4v11H4zM12 16a3 3 0 1 0 0-6 3 3 0 0 0 0 6", film: "M4 6h11v12H4zM15 10l5-3v10l-5-3",
  heart: "M12 20S4 15 4 9a4 4 0 0 1 8-1 4 4 0 0 1 8 1c0 6-8 11-8 11z", back: "M10 5l-7 7 7 7M3 12h18", forward: "M14 5l7 7-7 7M21 12H3",
  plus: "M12 5v14M5 12h14", plug: "M9 3v6M15 3v6M6 9h12v3a6 6 0 0 1-12 0zM12 18v3", dice: "M4 4h16v16H4zM9 9h.01M15 15h.01M12 12h.01",
  grid: "M4 4h7v7H4zM13 4h7v7h-7zM4 13h7v7H4zM13 13h7v7h-7z", copy: "M9 9h11v11H9zM15 9V4H4v11h5", camera: "M3 7h12v10H3zM15 11l6-3v8l-6-3",
  wave: "M2 12c3-10 6-10 9 0s6 10 9 0",
  record: "M12 18a6 6 0 1 0 0-12 6 6 0 0 0 0 12", stop: "M6 6h12v12H6z", again: "M20 12a8 8 0 1 1-3-6.200M20 3v5h-5", search: "M11 18a7 7 0 1 0 0-14 7 7 0 0 0 0 14M21 21l-5-5",
  sliders: "M3 7h9M18 7h3M15 10a3 3 0 1 0 0-6 3 3 0 0 0 0 6M3 17h3M12 17h9M9 20a3 3 0 1 0 0-6 3 3 0 0 0 0 6", book: "M12 7c-2-2-5-2-8-1v13c3-1 6-1 8 1 2-2 5-2 8-1V6c-3-1-6-1-8 1v13",
  mic: "M12 3a3 3 0 0 0-3 3v5a3 3 0 0 0 6 0V6a3 3 0 0 0-3-3zM5 11a7 7 0 0 0 14 0M12 18v3", target: "M12 20a8 8 0 1 0 0-16 8 8 0 0 0 0 16M12 2v5M12 17v5M2 12h5M17 12h5",
};

export const Icon = ({ name }) => html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d=${PATHS[name]} /></svg>`;

// A button that does something; what goes wrong is told. `icon` alone needs a `label`.
export function Button({ icon, label, onPress, kind = "", pressed, children, ...rest }) {
  const press = (event) => trying(() => onPress(event));
  return html`<button type="button" class=${`button ${kind} ${icon && !children ? "bare" : ""}`} aria-pressed=${pressed}
    aria-label=${children ? undefined : label} title=${label} onClick=${press} ...${rest}>
    ${icon && html`<${Icon} name=${icon} />`}${children && html`<span>${children}</span>`}</button>`;
}

// What is shown while somebody moves or types; what the bridge says counts again soon after.
export function useDraft(value, settle = 400) {
  const [draft, setDraft] = useState(null);
  const timer = useRef(0);
  const held = useRef(false);
  useEffect(() => () => clearTimeout(timer.current), []);
  const let_go = () => {
    clearTimeout(timer.current);
    timer.current = setTimeout(() => { if (!held.current) setDraft(null); }, settle);
  };
  return {
    value: draft === null ? value : draft,
    edit: (next) => { setDraft(next); let_go(); },
    hold: () => { held.current = true; },
    release: () => { held.current = false; let_go(); },
  };
}

// A number that is typed: taken with Enter or when one goes on, and not touched while one is at it.
export function Typed({ label, value, onType, ...rest }) {
  const [text, setText] = useState(null);
  const take = () => {
    const number = Number(text);
    if (text !== null && text.trim() !== "" && Number.isFinite(number)) onType(number);
    setText(null);
  };
  return html`<input type="number" class="typed" aria-label=${label} value=${text ?? value} onInput=${(event) => setText(event.target.value)} onBlur=${take}
    onKeyDown=${(event) => { if (event.key === "Enter") take(); if (event.key === "Escape") setText(null); }} ...${rest} />`;
}

// A name that is typed: the same for words, which a redrawing of the page leaves alone.
export function Named({ label, value, onName }) {
  const [text, setText] = useState(null);
  const take = () => {
    if (text !== null && text.trim() && text.trim() !== value) onName(text.trim());
    setText(null);
  };
  return html`<input type="text" aria-label=${label} value=${text ?? value} onInput=${(event) => setText(event.target.value)} onBlur=${take}
    onKeyDown=${(event) => { if (event.key === "Enter") take(); if (event.key === "Escape") setText(null); }} />`;
}

// A slider with its number, which can be typed. `curve` bends it: [to 0..1, from 0..1]. A double click resets.
export function Slider({ name, label = name, title, value, low, high, step, unit = "", curve, onInput, onReset, aside, moving, target }) {
  const { value: now, edit, hold, release } = useDraft(value);
  const even = curve ?? [(x) => (x - low) / (high - low), (part) => low + part * (high - low)];
  const fine = curve ? 0.001 : step || (high - low) / 500;
  const change = (next) => { edit(next); onInput(next); };
  const slid = (event) => change(curve ? round(even[1](Number(event.target.value)), 3) : Number(event.target.value));
  const empty = now === null || now === undefined;
  const range = curve ? { min: 0, max: 1, step: fine, value: empty ? 0 : even[0](now) } : { min: low, max: high, step: fine, value: empty ? low : now };
  return html`<div class=${empty ? "slider unset" : "slider"} title=${title} data-target=${target} data-low=${target && low} data-high=${target && high}>
    <div class="line"><span class="name">${label}</span>${aside}
      <${Typed} label=${`${name}, as a number`} step=${step ?? "any"} min=${low} max=${high} value=${shown(now, step)} placeholder="–" onType=${change} />${unit && html`<span class="unit">${unit}</span>`}</div>
    <input type="range" aria-label=${name} aria-valuetext=${empty ? "not set" : `${shown(now, step)} ${unit}`} ...${range} class=${moving ? "moving" : ""}
      onPointerDown=${hold} onPointerUp=${release} onPointerCancel=${release} onInput=${slid} onDblClick=${onReset} />
  </div>`;
}

let groups = 0;

// One of a few: buttons in a row when they fit, a menu otherwise. `target`: the input that a fader may learn to pick from.
export function Choice({ name, choices, names = {}, titles = {}, value: told, onPick, wide, target }) {
  const { value, edit } = useDraft(told);
  const pick = (one) => { edit(one); onPick(one); };
  const range = target && { "data-target": target, "data-low": 0, "data-high": choices.length - 1 };
  const group = useRef("");
  group.current ||= `choice ${(groups += 1)}`; // of its own, however many panels there are
  const few = !wide && choices.length <= 5 && choices.reduce((sum, one) => sum + String(names[one] ?? one).length, 0) <= 34;
  if (!few) {
    return html`<label class="menu" ...${range}><span class="name">${name}</span>
      <select aria-label=${name} value=${String(value)} onChange=${(event) => pick(choices[event.target.selectedIndex])}>
      ${choices.map((one) => html`<option key=${one} value=${String(one)}>${names[one] ?? String(one)}</option>`)}</select></label>`;
  }
  return html`<fieldset class="choice" ...${range}><legend>${name}</legend><div>
    ${choices.map((one) => html`<label key=${one} title=${titles[one]}><input type="radio" name=${group.current} value=${String(one)} checked=${one === value}
      onChange=${() => pick(one)} /><span>${names[one] ?? String(one)}</span></label>`)}</div></fieldset>`;
}

export const Switch = ({ name, title, on, onTurn, target }) => html`<label class="switch" title=${title} data-target=${target} data-low=${target && 0} data-high=${target && 1}>
  <input type="checkbox" role="switch" checked=${on} onChange=${(event) => onTurn(event.target.checked)} /><span class="name">${name}</span></label>`;

// What is not needed every day. `items`: [[name, work]].
export function Menu({ label, items, icon = "more" }) {
  const [open, setOpen] = useState(false);
  const place = useRef();
  useEffect(() => {
    if (!open) return undefined;
    const away = (event) => { if (!place.current.contains(event.target)) setOpen(false); };
    addEventListener("pointerdown", away);
    place.current.querySelector("li button")?.focus();
    return () => removeEventListener("pointerdown", away);
  }, [open]);
  const key = (event) => {
    const all = [...place.current.querySelectorAll("li button")];
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.key === "Escape" && open) { setOpen(false); place.current.querySelector("button").focus(); event.stopPropagation(); }
    else if (step && open) { event.preventDefault(); all[(all.indexOf(document.activeElement) + step + all.length) % all.length].focus(); }
  };
  // In small letters: Preact takes the name of an event that is no property of elements as it is written.
  const left = ({ relatedTarget: to }) => { if (to && !place.current.contains(to)) setOpen(false); };
  return html`<span class="popup" ref=${place} onKeyDown=${key} onfocusout=${left}>
    <button type="button" class="button quiet bare" aria-label=${`more about ${label}`} title="more" aria-expanded=${open} onClick=${() => setOpen(!open)}><${Icon} name=${icon} /></button>
    ${open && html`<ul>${items.map(([name, work]) => html`<li key=${name}><button type="button" onClick=${() => { setOpen(false); trying(work); }}>${name}</button></li>`)}</ul>`}</span>`;
}

// What is seen when it is wanted, and made only then.
export function Fold({ title, className, children }) {
  const [open, setOpen] = useState(false);
  return html`<details class=${className} open=${open} onToggle=${(event) => setOpen(event.target.open)}><summary>${title}</summary>${open && children}</details>`;
}

// Parts of which one is seen. `tabs`: {id: {name, body}}.
export function Tabs({ label, tabs, first }) {
  const names = Object.keys(tabs).filter((id) => tabs[id]);
  const [chosen, choose] = useState(first ?? names[0]);
  const seen = names.includes(chosen) ? chosen : names[0];
  const key = (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const next = names[(names.indexOf(seen) + step + names.length) % names.length];
    choose(next);
    event.currentTarget.querySelector(`[data-tab="${CSS.escape(next)}"]`).focus();
  };
  return html`<div class="tabs">
    <div role="tablist" aria-label=${label} onKeyDown=${key}>${names.map((id) => html`<button key=${id} type="button" role="tab" data-tab=${id}
      aria-selected=${id === seen} tabIndex=${id === seen ? 0 : -1} onClick=${() => choose(id)}>${tabs[id].name}</button>`)}</div>
    <div role="tabpanel" tabIndex=${-1} aria-label=${tabs[seen]?.name}>${tabs[seen]?.body()}</div></div>`;
}

// A window over the page; Escape and a click beside it close it.
export function Dialog({ title, onClose, children }) {
  const place = useRef();
  useEffect(() => {
    const dialog = place.current;
    dialog.showModal();
    return () => dialog.close();
  }, []);
  const beside = (event) => { if (event.target === place.current) onClose(); };
  return html`<dialog ref=${place} aria-label=${title} onCancel=${(event) => { event.preventDefault(); onClose(); }} onPointerDown=${beside}>
    <div class="dialog"><header><h2>${title}</h2><${Button} icon="close" label="close" kind="quiet" onPress=${onClose} /></header>${children}</div></dialog>`;
}

export function CodeBlock({ code, label }) {
  const [copied, say] = useState(false);
  const copy = async () => { await toClipboard(code); say(true); setTimeout(() => say(false), 1500); };
  return html`<div class="code"><pre tabIndex="0" aria-label=${label}>${code}</pre>
    <${Button} icon="copy" kind="quiet" label="copy" onPress=${copy}>${copied ? "copied" : "copy"}<//></div>`;
}

// Where the browser does not let a page write there (no https), the old way.
export async function toClipboard(text) {
  if (navigator.clipboard && isSecureContext) return navigator.clipboard.writeText(text);
  const area = Object.assign(document.createElement("textarea"), { value: text });
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
  return undefined;
}

// Whether a part is on the screen and the page is looked at: what nobody sees keeps no model at work.
export function useSeen(place, margin = "80px") {
  const [seen, see] = useState(false);
  useEffect(() => {
    let near = false;
    const look = () => see(near && !document.hidden);
    const watcher = new IntersectionObserver(([entry]) => { near = entry.isIntersecting; look(); }, { rootMargin: margin });
    watcher.observe(place.current);
    document.addEventListener("visibilitychange", look);
    return () => { watcher.disconnect(); document.removeEventListener("visibilitychange", look); };
  }, []);
  return seen;
}

// Who still loads it may end: a page that is left must not complain.
export const letGo = (url) => setTimeout(() => URL.revokeObjectURL(url), 10_000);

export function save(blob, name) {
  const anchor = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: name });
  anchor.click();
  letGo(anchor.href);
}
