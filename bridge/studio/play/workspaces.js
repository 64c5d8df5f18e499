// Several workspaces, each a group of sessions.

import { html, useEffect, useState } from "../vendor/preact-htm.js";
import { leave, left, refresh } from "../core/sessions.js";
import { useStore } from "../core/store.js";
import { trying, undoable } from "../core/toasts.js";
import { Button, Dialog, Menu } from "../core/ui.js";
import { add, current, look, remove, rename, show, shown, start, stay, stop, vanish, workspaces } from "../core/workspaces.js";

export function Workspaces() {
  const all = useStore(workspaces);
  const wanted = useStore(shown);
  const [naming, setNaming] = useState(null);
  useEffect(() => { trying(look); }, []);
  if (!all.length) return null;
  const now = current(all, wanted);
  const shut = () => {
    const others = all.filter(({ name }) => name !== now);
    const inside = all.find(({ name }) => name === now).sessions;
    const finish = undoable(`${now} is closed`, () => remove(now).finally(() => left(inside)), async () => { await stay(now); left(inside); show(now); });
    vanish(now, finish);
    show(others[0].name);
    return leave(inside, finish);
  };
  const items = [
    ["another workspace…", () => setNaming({ title: "Another workspace", go: "Make it", name: "", work: add })],
    [`rename ${now}…`, () => setNaming({ title: `Another name for ${now}`, go: "Rename", name: now, work: (name) => rename(now, name) })],
    ["stop all in it", () => stop(now).then(refresh)], ["start all in it", () => start(now).then(refresh)],
    all.length > 1 && [`close ${now} and its sessions`, shut],
  ].filter(Boolean);
  return html`<span class="workspaces">${all.length > 1 ? html`<select aria-label="workspace" value=${now} onChange=${(event) => show(event.target.value)}>${all.map(({ name }) => html`<option key=${name} value=${name}>${name}</option>`)}</select>` : html`<b>${now}</b>`}
    <${Menu} label=${`workspace ${now}`} items=${items} /></span>
    ${naming && html`<${Naming} ...${naming} onClose=${() => setNaming(null)} />`}`;
}

function Naming({ title, go, name: first, work, onClose }) {
  const [name, setName] = useState(first);
  const [wrong, setWrong] = useState("");
  const submit = (event) => {
    event.preventDefault();
    work(name.trim()).then(onClose, (error) => setWrong(error.message));
  };
  return html`<${Dialog} title=${title} onClose=${onClose}><form onSubmit=${submit}>
    <label class="typedline"><span class="name">its name</span><input type="text" aria-label="name of the workspace" value=${name} maxLength="64" onInput=${(event) => { setWrong(""); setName(event.target.value); }} /></label>
    ${wrong && html`<p class="wrong" role="alert">${wrong}</p>`}
    <div class="row end"><${Button} kind="quiet" onPress=${onClose}>Cancel<//><button class="button main">${go}</button></div></form><//>`;
}
