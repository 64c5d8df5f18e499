// An editor that goes on with what is typed: in grey, until it is taken.

import { html, useEffect, useMemo, useRef, useState } from "../vendor/preact-htm.js";
import { usual } from "../core/sessions.js";
import { run } from "../core/socket.js";
import { Button, Slider } from "../core/ui.js";
import { Fields } from "../ports/field.js";
import { beside } from "../walk/steer.js";
import { Typist } from "./typist.js";

const OWN = ["prompt", "version", "likeliest", "alternatives", "max_tokens", "temperature", "vectors"];
const LIKELIEST = 6;

export function Writer({ session, form }) {
  const { name } = session;
  const { inputs } = usual(session);
  const [, redraw] = useState(0);
  const typist = useMemo(() => new Typist((given, hears) => run(name, given, { hears }), () => redraw((count) => count + 1)), [name]);
  const [text, setText] = useState(() => localStorage.getItem(`text of ${name}`) ?? "");
  const [wishes, setWishes] = useState({ max_tokens: 24, temperature: 0.7, alternatives: 1 });
  const [looked, look] = useState(null);
  const area = useRef();
  useEffect(() => () => typist.stop(), [typist]);
  useEffect(() => { localStorage.setItem(`text of ${name}`, text); }, [text]);
  const rest = useMemo(() => Object.fromEntries(Object.entries(beside(inputs)).filter(([input]) => !OWN.includes(input))), [inputs]);

  const given = () => {
    const { values } = form.store.get();
    const others = Object.fromEntries(Object.keys(rest).filter((input) => values[input] !== undefined && values[input] !== null).map((input) => [input, values[input]]));
    const all = { ...others, ...wishes, ...("likeliest" in inputs ? { likeliest: LIKELIEST } : {}) };
    return Object.fromEntries(Object.entries(all).filter(([input]) => input in inputs));
  };
  const others = JSON.stringify(given());
  useEffect(() => { typist.wish(given()); }, [others]);
  const type = (next) => { setText(next); look(null); typist.wishes = given(); typist.type(next); };
  useEffect(() => { if (text) typist.type(text); }, [typist]);

  const take = (tail) => {
    if (!tail) return;
    type(text + tail);
    area.current.focus();
  };
  const key = (event) => {
    const atEnd = area.current.selectionStart === text.length;
    if (event.key === "Tab" && !event.shiftKey && typist.tail && atEnd) take(typist.tail);
    else if (event.key === "ArrowRight" && (event.ctrlKey || event.altKey) && typist.tail && atEnd) take(typist.tail.match(/^\s*\S+/)?.[0] ?? typist.tail);
    else if (event.altKey && /^[1-9]$/.test(event.key)) take(offered[Number(event.key) - 1]);
    else if (event.key === "Escape") typist.stop();
    else return;
    event.preventDefault();
  };
  const typed = typist.text.slice(typist.base.length);
  const offered = wishes.alternatives > 1 ? [typist.written, ...typist.others].filter((one) => one.startsWith(typed)).map((one) => one.slice(typed.length)) : [];
  return html`<div class="columns writing"><div class="stage">
    <div class="paper" data-version=${typist.version} data-text=${typist.text}>
      <textarea ref=${area} aria-label=${`text for ${name}; Tab takes what stands in grey`} spellcheck=${false} placeholder="type…" value=${text} onInput=${(event) => type(event.target.value)} onKeyDown=${key}></textarea>
      <div class="mirror" aria-hidden="true"><span>${text}</span><span class="tail">${text === typist.text && typist.pieces.map((piece, index) => html`<span key=${index} class=${piece.token ? "token" : ""} style=${piece.token ? { opacity: 0.45 + 0.55 * Math.exp(piece.token.logprob) } : {}}
        onMouseEnter=${() => look(piece.token ? { ...piece, index } : null)} onClick=${() => take(upTo(typist.pieces, index))}>${piece.text}</span>`)}</span>${"\n"}</div>
    </div>
    <p class="sr" role="status">${typist.done ? typist.tail : ""}</p>
    <div class="row"><span class="hint"><kbd>Tab</kbd> takes the grey text, <kbd>Alt</kbd> <kbd>→</kbd> a word of it</span><span class="gap"></span>
      <span class="stats"><span title="tokens a second">${typist.rate > 0 ? `${typist.rate.toFixed(0)} tokens/s` : ""}</span></span>
      <${Button} kind="quiet" disabled=${!typist.tail} onPress=${() => take(typist.tail)}>take it<//><${Button} kind="quiet" icon="again" onPress=${() => typist.ask()}>another<//></div>
    ${typist.trouble && html`<p class="wrong" role="alert">${typist.trouble.message}</p>`}
    ${looked && html`<${Likely} looked=${looked} onTake=${(other) => type(looked.before + other)} />`}
    ${offered.length > 0 && html`<ol class="offered" aria-label="alternatives">${offered.map((one, index) => html`<li key=${index}><button type="button" title=${`Alt ${index + 1}`} onClick=${() => take(one)}>${one || "…"}</button></li>`)}</ol>`}
  </div><div class="controls">
    <${Slider} name="length" unit="tokens" value=${wishes.max_tokens} low=${1} high=${200} step=${1} onInput=${(max_tokens) => setWishes({ ...wishes, max_tokens })} />
    <${Slider} name="temperature" value=${wishes.temperature} low=${0} high=${2} step=${0.05} onInput=${(temperature) => setWishes({ ...wishes, temperature })} />
    ${"alternatives" in inputs && html`<${Slider} name="alternatives" value=${wishes.alternatives} low=${1} high=${inputs.alternatives.max ?? 5} step=${1} onInput=${(alternatives) => setWishes({ ...wishes, alternatives })} />`}
    <details><summary>more</summary><${Fields} form=${form} inputs=${rest} context=${{ session: name }} holdable=${false} /></details>
  </div></div>`;
}

const upTo = (pieces, index) => pieces.slice(0, index + 1).map(({ text }) => text).join("");

// What else was likely there.
const Likely = ({ looked, onTake }) => html`<ul class="likely" aria-label="what was likely here">${looked.token.likeliest.map(({ text, logprob }) => html`<li key=${text} class=${text === looked.token.text ? "chosen" : ""}>
  <button type="button" disabled=${text.startsWith("bytes:")} onClick=${() => onTake(text)}><i style=${{ width: `${100 * Math.exp(logprob)}%` }}></i><code>${JSON.stringify(text).slice(1, -1)}</code><span>${(100 * Math.exp(logprob)).toFixed(1)} %</span></button></li>`)}</ul>`;
