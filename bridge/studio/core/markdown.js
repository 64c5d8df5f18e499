// Markdown for cards, as parts of the page: what is written there stays text, whatever it looks like. No HTML,
// links to http(s) only. `links` may turn an address into one of this page, and `pictures` a file into one of the bridge.

import { html } from "../vendor/preact-htm.js";

const FENCE = /^ {0,3}(`{3,}|~{3,})\s*(\S*)/;
const ITEM = /^( *)(?:[-*+]|(\d{1,9})[.)]) +(.*)$/;
const HEADING = /^(#{1,6}) +(.*?)(?: +#+)?$/;
const RULE = /^ {0,3}(?:[-*_] *){3,}$/;
const DEEPEST = 8; // lists within lists

export function Markdown({ text, links = () => null, pictures = () => null, lower = 0 }) {
  return html`<div class="markdown">${blocks(withoutComments(String(text ?? "").replaceAll("\r\n", "\n")).split("\n"), { links, pictures, lower }, 0)}</div>`;
}

// <!-- … --> is meant for nobody to see, unless it is code.
const CODE_OR_COMMENT = /^ {0,3}(`{3,}|~{3,})[^\n]*\n(?:[\s\S]*?\n)?? {0,3}\1|(`+)(?!`)[^\n]*?[^`]\2(?!`)|<!--[\s\S]*?-->/gm;
const withoutComments = (text) => text.replace(CODE_OR_COMMENT, (found) => (found.startsWith("<!--") ? "" : found));

function blocks(lines, about, deep) {
  const made = [];
  let at = 0;
  while (at < lines.length) {
    const read = [code, heading, rule, table, list, quote].reduce((found, reader) => found ?? reader(lines, at, about, deep), null) ?? paragraph(lines, at, about);
    if (read.part) made.push(read.part);
    at = read.next;
  }
  return made;
}

function code(lines, at) {
  const begin = lines[at].match(FENCE);
  if (!begin) return null;
  let end = at + 1;
  while (end < lines.length && !lines[end].trim().startsWith(begin[1])) end += 1;
  return { part: html`<pre tabIndex="0"><code>${lines.slice(at + 1, end).join("\n")}</code></pre>`, next: end + 1 };
}

function heading(lines, at, about) {
  const found = lines[at].match(HEADING);
  if (!found) return null;
  const level = Math.min(6, found[1].length + about.lower);
  return { part: html`<${`h${level}`}>${inline(found[2], about)}<//>`, next: at + 1 };
}

const rule = (lines, at) => (RULE.test(lines[at]) ? { part: html`<hr />`, next: at + 1 } : null);

const cells = (line) => line.trim().replace(/^\||\|$/g, "").split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll("\\|", "|"));

function table(lines, at, about) {
  if (!lines[at].includes("|") || !/^ *\|?(?: *:?-+:? *\|)+ *(?::?-+:? *)?$/.test(lines[at + 1] ?? "")) return null;
  let end = at + 2;
  while (end < lines.length && lines[end].includes("|")) end += 1;
  const row = (line, kind) => html`<tr>${cells(line).map((cell) => html`<${kind}>${inline(cell, about)}<//>`)}</tr>`;
  return { part: html`<div class="scroll" tabIndex="0" role="region" aria-label="table"><table><thead>${row(lines[at], "th")}</thead><tbody>${lines.slice(at + 2, end).map((line) => row(line, "td"))}</tbody></table></div>`, next: end };
}

function list(lines, at, about, deep) {
  const first = lines[at].match(ITEM);
  if (!first || deep > DEEPEST) return null;
  const indent = first[1].length;
  const items = [];
  let next = at;
  while (next < lines.length) {
    const found = lines[next].match(ITEM);
    if (!found || found[1].length !== indent) break;
    const own = [found[3]];
    next += 1;
    while (next < lines.length && lines[next].trim() && lines[next].search(/\S/) > indent) { own.push(lines[next].slice(indent + 2)); next += 1; }
    items.push(own);
    if (next < lines.length && !lines[next].trim() && lines[next + 1]?.match(ITEM)?.[1].length === indent) next += 1;
  }
  const kind = first[2] ? "ol" : "ul";
  return { part: html`<${kind} start=${first[2]}>${items.map((own) => html`<li>${own.some((line, index) => index && ITEM.test(line)) ? blocks(own, about, deep + 1) : inline(own.map((line) => line.trim()).join(" "), about)}</li>`)}<//>`, next };
}

function quote(lines, at, about, deep) {
  if (!lines[at].startsWith(">") || deep > DEEPEST) return null;
  let end = at;
  while (end < lines.length && lines[end].startsWith(">")) end += 1;
  return { part: html`<blockquote>${blocks(lines.slice(at, end).map((line) => line.replace(/^> ?/, "")), about, deep + 1)}</blockquote>`, next: end };
}

function paragraph(lines, at, about) {
  if (!lines[at].trim()) return { part: null, next: at + 1 };
  let end = at + 1;
  while (end < lines.length && lines[end].trim() && !FENCE.test(lines[end]) && !HEADING.test(lines[end]) && !ITEM.test(lines[end]) && !lines[end].startsWith(">") && !lines[end].startsWith("|")) end += 1;
  return { part: html`<p>${inline(lines.slice(at, end).join(" "), about)}</p>`, next: end };
}

const INLINE = /(`+)(.+?)\1|!\[([^\]]*)\]\(([^)\s]*)\)|\[([^\]]+)\]\(([^)\s]+)(?: "[^"]*")?\)|<(https?:\/\/[^>\s]+)>|\*\*(.+?)\*\*|(?<![\w*])\*([^*\s][^*]*)\*|(?<!\w)_([^_\s][^_]*)_(?!\w)/;

function inline(text, about) {
  const parts = [];
  let rest = text;
  for (let found = rest.match(INLINE); found; found = rest.match(INLINE)) {
    if (found.index) parts.push(rest.slice(0, found.index));
    parts.push(piece(found, about));
    rest = rest.slice(found.index + found[0].length);
  }
  return [...parts, rest];
}

function piece([whole, ticks, code, picture, file, label, address, bare, strong, star, line], about) {
  if (ticks) return html`<code>${code.trim()}</code>`;
  if (picture !== undefined) {
    const source = about.pictures(file);
    return source ? html`<img src=${source} alt=${picture} loading="lazy" />` : html`<em>${picture}</em>`;
  }
  if (label) return anchor(inline(label, about), about.links(address) ?? address);
  if (bare) return anchor(bare, bare);
  if (strong) return html`<strong>${inline(strong, about)}</strong>`;
  return star || line ? html`<em>${inline(star || line, about)}</em>` : whole;
}

// Anything but a plain web address, or a place of this page, is shown and leads nowhere.
export function anchor(label, address) {
  if (address.startsWith("#/")) return html`<a href=${address}>${label}</a>`;
  return /^https?:\/\//i.test(address) ? html`<a href=${address} target="_blank" rel="noopener noreferrer">${label}</a>` : html`<span>${label}</span>`;
}
