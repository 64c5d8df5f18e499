// What a model is told before it starts.

import { html, useMemo, useState } from "../vendor/preact-htm.js";
import { trying } from "../core/toasts.js";
import { Button, Dialog } from "../core/ui.js";
import { Field } from "../ports/field.js";

export function Options({ title, options, values = {}, name, go, note, onClose, onGo }) {
  const first = useMemo(() => ({ ...values }), []);
  const [chosen, setChosen] = useState(first);
  const [called, setCalled] = useState(name);
  const [wrong, setWrong] = useState(null);
  const [busy, setBusy] = useState(false);
  const submit = (event) => {
    event.preventDefault();
    setBusy(true);
    trying(async () => {
      try {
        await onGo(chosen, called);
      } catch (error) {
        setWrong(error);
      } finally { setBusy(false); }
    });
  };
  return html`<${Dialog} title=${title} onClose=${onClose}><form onSubmit=${submit} noValidate>
    ${note && html`<p class="hint">${note}</p>`}
    ${name !== undefined && html`<label class="typedline"><span class="name">name of the session</span><input type="text" aria-label="name of the session" value=${called} maxLength="64" onInput=${(event) => setCalled(event.target.value)} /></label>`}
    <div class="fields">${Object.entries(options).map(([option, port]) => html`<${Field} key=${option} explained name=${option} port=${port} value=${option in chosen ? chosen[option] : port.default}
      set=${(value) => { setWrong(null); setChosen((before) => ({ ...before, [option]: value })); }} error=${wrong?.field === option ? wrong : null} />`)}</div>
    ${wrong && wrong.field !== undefined && !(wrong.field in options) && html`<p class="wrong" role="alert">${wrong.message}${wrong.hint && html`<small>${wrong.hint}</small>`}</p>`}
    <div class="row end"><${Button} kind="quiet" onPress=${onClose}>Cancel<//><button class="button main" disabled=${busy}>${go}</button></div></form><//>`;
}
