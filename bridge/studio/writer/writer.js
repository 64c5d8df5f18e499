// An editor that goes on with what is typed: in grey, until it is taken.

import { html, useEffect, useMemo, useRef, useState } from "../vendor/preact-htm.js";
import { api } from "../core/api.js";
import { Draft } from "../core/forms.js";
import { usual } from "../core/sessions.js";
import { returned, run } from "../core/socket.js";
import { trying } from "../core/toasts.js";
import { Button, Fold, Slider } from "../core/ui.js";
import { Fields } from "../ports/field.js";
import { beside } from "../walk/steer.js";
import { textOf } from "./kept.js";
import { Inside, Likely, Offered, upTo } from "./likely.js";
import { Typist } from "./typist.js";

const OWN = ["prompt", "prompt_tokens", "version", "likeliest", "alternatives", "max_tokens", "max_characters", "temperature", "vectors"];
const LIKELIEST = 6;
const WISHES = { max_tokens: 24, temperature: 0.7, alternatives: 1 };
const LEAVES = new Set(["Tab", "Shift", "Control", "Alt", "Meta"]);

const only = (given, inputs) => Object.fromEntries(Object.entries(given).filter(([input, value]) => input in inputs && value !== undefined && value !== null));

export function Writer({ session }) {
  const { name } = session;
  const { inputs } = usual(session);
  const [, redraw] = useState(0);
  const typist = useMemo(() => new Typist((given, hears) => run(name, only(given, inputs), { hears }), () => redraw((count) => count + 1)), [name]);
  const kept = useMemo(() => textOf(name), [name]);
  const [{ text, caret }, put] = useState(() => ({ text: kept.read(), caret: kept.read().length })); // no caret: something is marked
  const stands = useRef();
  stands.current ??= { text, caret };
  const [wishes, setWishes] = useState(WISHES);
  const [looked, look] = useState(null); // which piece of the grey text
  const [inside, open] = useState(false);
  const [area, mirror] = [useRef(), useRef()];
  const form = useMemo(() => new Draft(), [name]); // these wishes are of this editor alone
  const rest = useMemo(() => Object.fromEntries(Object.entries(beside(inputs)).filter(([input]) => !OWN.includes(input))), [inputs]);

  const given = () => ({ ...form.store.get().values, ...wishes, likeliest: LIKELIEST });
  const [more, setMore] = useState(form.store.get().values);
  useEffect(() => form.store.listen(({ values }) => setMore(values)), [form]);
  useEffect(() => { typist.wish(given()); }, [JSON.stringify([wishes, more])]);
  useEffect(() => { kept.write(text); }, [text]);
  useEffect(() => {
    if (text) typist.type(text);
    const end = returned(() => { if (typist.text && !typist.held) typist.ask(); });
    return () => { end(); typist.stop(); };
  }, [typist]);

  // What stands in the field now, and where the caret is.
  const now = () => {
    const { value, selectionStart, selectionEnd } = area.current;
    const at = selectionStart === selectionEnd ? selectionStart : null;
    if (value === stands.current.text && at === stands.current.caret) return;
    put(stands.current = { text: value, caret: at });
    look(null);
    typist.wishes = given();
    if (at === null) typist.hold();
    else typist.type(value.slice(0, at));
  };
  const heard = useRef();
  heard.current = now;
  useEffect(() => {
    const moved = () => { if (document.activeElement === area.current) heard.current(); };
    document.addEventListener("selectionchange", moved);
    return () => document.removeEventListener("selectionchange", moved);
  }, []);

  // As if somebody typed it, so that the browser's own undo takes it back.
  const write = (piece, from = stands.current.caret) => {
    const [field, { caret }] = [area.current, stands.current];
    const away = document.activeElement !== field;
    const finger = away && matchMedia("(pointer: coarse)").matches; // it shall not call the keyboard up
    if (!finger) field.focus();
    field.setSelectionRange(from, caret);
    if (finger || !document.execCommand("insertText", false, piece)) field.setRangeText(piece, from, caret, "end");
    now();
  };
  const shown = caret !== null && text.slice(0, caret) === typist.text;
  const tail = shown ? typist.tail : "";
  const pieces = tail ? typist.pieces : [];
  const take = (piece) => { if (piece && shown) write(piece); };
  const word = () => take(tail.match(/^\s*\S+/)?.[0] ?? tail);
  const key = (event) => {
    if (event.key === "Tab" && !event.shiftKey && tail) take(tail);
    else if (event.key === "ArrowRight" && (event.ctrlKey || event.altKey) && tail) word();
    else if (event.key === "ArrowDown" && event.altKey && pieces.length) open(true);
    else if (event.altKey && /^Digit[1-9]$/.test(event.code)) take(offered[Number(event.code.at(-1)) - 1]);
    else if (event.key === "Escape") typist.hold();
    else {
      if (typist.held && caret !== null && event.key.length > 1 && !LEAVES.has(event.key)) typist.type(text.slice(0, caret));
      return;
    }
    event.preventDefault();
  };
  const parted = tail && caret < text.length;
  const press = (event) => {
    const at = parted ? behind(area.current, mirror.current, event) : null;
    if (at === null) return;
    event.preventDefault();
    area.current.focus();
    area.current.setSelectionRange(caret + at, caret + at);
  };
  const closed = () => { open(false); look(null); area.current.focus(); };
  const typed = typist.text.slice(typist.base.length);
  const offered = shown && wishes.alternatives > 1 && !typist.held ? [typist.written, ...typist.others].filter((one) => one.startsWith(typed)).map((one) => one.slice(typed.length)) : [];
  const slide = (wish) => (value) => setWishes({ ...wishes, [wish]: value });
  return html`<div class="columns writing"><div class="stage">
    <div class=${parted ? "paper parted" : "paper"} data-version=${typist.version} data-text=${typist.text}>
      <textarea ref=${area} aria-label=${`text for ${name}; Tab takes what stands in grey, Escape and then Tab leaves`} spellcheck=${false} autocapitalize="off" placeholder="type…" value=${text} onInput=${() => now()} onKeyDown=${key} onMouseDown=${press}></textarea>
      <div class="mirror" ref=${mirror} aria-hidden="true"><span>${caret === null ? text : text.slice(0, caret)}</span><span class="tail">${pieces.map((piece, index) => html`<span key=${index} class=${piece.token ? "token" : ""} style=${piece.token ? { "--doubt": `${Math.round(100 - 100 * Math.exp(piece.token.logprob))}%` } : {}}
        onMouseEnter=${() => look(index)} onMouseDown=${steady} onClick=${() => take(upTo(pieces, index))}>${piece.text}</span>`)}</span>${caret !== null && text.slice(caret)}${"\n"}</div>
      ${!text && html`<${Tries} session=${session} onTry=${(one) => { area.current.focus(); write(one); }} />`}
    </div>
    <p class="sr" role="status">${typist.done ? tail : ""}</p>
    <div class="row takes"><${Button} kind="main" disabled=${!tail} onMouseDown=${steady} onPress=${() => take(tail)}>take it<//><${Button} disabled=${!tail} onMouseDown=${steady} onPress=${word}>a word<//><${Button} kind="quiet" icon="again" disabled=${!typist.text} onMouseDown=${steady} onPress=${() => typist.ask()}>another<//>
      <${Button} kind="quiet" disabled=${!inside && !pieces.some(({ token }) => token)} aria-expanded=${inside} onPress=${() => (inside ? closed() : open(true))}>why this<//><span class="gap"></span>
      <span class="stats"><span title="tokens a second">${typist.rate > 0 ? `${typist.rate.toFixed(0)} tokens/s` : ""}</span></span></div>
    <p class="hint keys"><kbd>Tab</kbd> takes the grey text, <kbd>Alt</kbd> <kbd>→</kbd> a word of it; <kbd>Alt</kbd> <kbd>↓</kbd> shows how likely each was; <kbd>Esc</kbd> puts it away</p>
    ${typist.trouble && html`<p class="wrong" role="alert">${typist.trouble.message}${typist.trouble.hint && html`<small>${typist.trouble.hint}</small>`}</p>`}
    ${inside && html`<${Inside} pieces=${pieces} at=${looked ?? 0} onLook=${look} onTake=${take} onClose=${closed} />`}
    ${pieces[looked]?.token && html`<${Likely} looked=${pieces[looked]} onTake=${(other) => write(other, pieces[looked].before.length)} onClose=${closed} />`}
    ${offered.length > 0 && html`<${Offered} offered=${offered} onTake=${take} />`}
  </div><div class="controls">
    ${"max_tokens" in inputs && html`<${Slider} name="length" unit="tokens" value=${wishes.max_tokens} low=${1} high=${Math.min(200, inputs.max_tokens.max ?? 200)} step=${1} onInput=${slide("max_tokens")} />`}
    ${"temperature" in inputs && html`<${Slider} name="temperature" value=${wishes.temperature} low=${0} high=${2} step=${0.05} onInput=${slide("temperature")} />`}
    ${"alternatives" in inputs && html`<${Slider} name="alternatives" value=${wishes.alternatives} low=${1} high=${inputs.alternatives.max ?? 5} step=${1} onInput=${slide("alternatives")} />`}
    ${Object.keys(rest).length > 0 && html`<${Fold} title="more"><${Fields} form=${form} inputs=${rest} context=${{ session: name }} holdable=${false} /><//>`}
  </div></div>`;
}

const steady = (event) => event.preventDefault(); // the caret stays where it is

// Where in the text behind the grey one a press goes, as it is seen: the field itself knows of no grey text.
function behind(area, mirror, { clientX, clientY }) {
  const [under, over] = [area.style.pointerEvents, mirror.style.pointerEvents];
  Object.assign(area.style, { pointerEvents: "none" });
  Object.assign(mirror.style, { pointerEvents: "auto" });
  const spot = document.caretPositionFromPoint?.(clientX, clientY) ?? document.caretRangeFromPoint?.(clientX, clientY);
  Object.assign(area.style, { pointerEvents: under });
  Object.assign(mirror.style, { pointerEvents: over });
  const node = spot?.offsetNode ?? spot?.startContainer;
  return node?.parentNode === mirror && node.nodeType === Node.TEXT_NODE && node === mirror.querySelector(".tail").nextSibling ? spot.offset ?? spot.startOffset : null;
}

const CODE = ["function setup() {\n  createCanvas(", "// a circle that follows the mouse\nfunction draw() {\n  ", "for (let i = 0; "];
const PROSE = ["The sea was quiet, and", "When the machines had learned to dream, ", "Dear friend,\n"];

// Something to begin with, for who has never seen it.
function Tries({ session, onTry }) {
  const [examples, setExamples] = useState([]);
  useEffect(() => {
    trying(async () => {
      const { models } = await api("GET", "/api/models");
      const words = models.find(({ id }) => id === session.model)?.manifest?.keywords ?? [];
      setExamples(words.includes("javascript") ? CODE : PROSE);
    });
  }, [session.model]);
  return html`<div class="tries"><p class="hint">or begin with one of these; what comes next stands in grey</p>${examples.map((one) => html`<button key=${one} type="button" onClick=${() => onTry(one)}>${one.trim()}</button>`)}</div>`;
}
