// What else could stand there: how likely each part of the grey text was, what was likely in its place, other texts.

import { html, useEffect, useRef } from "../vendor/preact-htm.js";

export const upTo = (pieces, index) => pieces.slice(0, index + 1).map(({ text }) => text).join("");

const spelt = (text) => JSON.stringify(text).slice(1, -1);
const percent = (logprob) => `${(100 * Math.exp(logprob)).toFixed(1)} %`;

// The grey text token by token: arrow keys go along it, Enter takes all up to there, Escape leads back.
export function Inside({ pieces, at, onLook, onTake, onClose }) {
  const place = useRef();
  const chosen = Math.min(at, pieces.length - 1);
  useEffect(() => { place.current.querySelector("button")?.focus(); }, []);
  const key = (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1, Home: -pieces.length, End: pieces.length }[event.key];
    if (event.key === "Escape") onClose();
    else if (step) place.current.children[Math.max(0, Math.min(pieces.length - 1, chosen + step))]?.focus();
    else return;
    event.preventDefault();
  };
  return html`<div class="inside" ref=${place} role="toolbar" aria-label="the grey text, token by token; Enter takes all up to there" onKeyDown=${key}>${pieces.map((piece, index) => html`<button key=${index} type="button" tabIndex=${index === chosen ? 0 : -1} class=${index === chosen ? "chosen" : ""}
    onFocus=${() => onLook(index)} onClick=${() => onTake(upTo(pieces, index))}><code>${spelt(piece.text)}</code>${" "}<small>${piece.token ? percent(piece.token.logprob) : ""}</small></button>`)}
    ${!pieces.length && html`<p class="hint">nothing stands in grey</p>`}</div>`;
}

// What was likely in place of one of them.
export const Likely = ({ looked: { token }, onTake, onClose }) => html`<ul class="likely" aria-label="what was likely here" onKeyDown=${(event) => { if (event.key === "Escape") onClose(); }}>${token.likeliest.map(({ text, logprob }) => html`<li key=${text} class=${text === token.text ? "chosen" : ""}>
  <button type="button" disabled=${text.startsWith("bytes:")} onClick=${() => onTake(text)}><i style=${{ width: `${100 * Math.exp(logprob)}%` }}></i><code>${spelt(text)}</code>${" "}<span>${percent(logprob)}</span></button></li>`)}</ul>`;

// Several texts written side by side.
export const Offered = ({ offered, onTake }) => html`<ol class="offered" aria-label="alternatives">${offered.map((one, index) => html`<li key=${index}><button type="button" title=${`Alt ${index + 1}`} disabled=${!one} onClick=${() => onTake(one)}>${one || "…"}</button></li>`)}</ol>`;
