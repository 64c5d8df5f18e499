// One session: how it is doing, what goes in, what comes out.

import { html, useEffect, useMemo, useRef, useState } from "../vendor/preact-htm.js";
import { api, at } from "../core/api.js";
import { bytes, round } from "../core/format.js";
import { close, formOf } from "../core/forms.js";
import { go, link } from "../core/router.js";
import { canWalk, free, inWords, isOver, leave, left, pictureOf, refresh, sessions, usual, writes } from "../core/sessions.js";
import { useStore } from "../core/store.js";
import { toast, trying, undoable } from "../core/toasts.js";
import { Button, Choice, Icon, Menu, Tabs } from "../core/ui.js";
import { isIn, move, workspaces } from "../core/workspaces.js";
import { Outputs } from "../outputs/outputs.js";
import { Fields } from "../ports/field.js";
import { WalkPanel } from "../walk/panel.js";
import { Recording } from "../walk/recording.js";
import { WalkState } from "../walk/state.js";
import { Directions, Mix, beside, directionsOf, mixes } from "../walk/steer.js";
import { forgetText } from "../writer/kept.js";
import { Writer } from "../writer/writer.js";
import { Options } from "./options.js";
import { Stage } from "./stage.js";

export function Panel({ name }) {
  const session = useStore(sessions, (state) => state.all[name]);
  const form = formOf(name);
  const ready = Boolean(session?.signature);
  useEffect(() => { if (session) form.hear(session.inputs); }, [form, session?.inputs]);
  if (!session) return null;
  const walks = ready && canWalk(session);
  return html`<section key=${form.id} class=${`session ${walks ? "walking" : ""} ${session.state}`} data-session=${name} aria-label=${name}>
    <${Head} session=${session} form=${form} />
    <${Trouble} session=${session} />
    ${!ready ? html`<${Starting} session=${session} />` : walks ? html`<${Walking} session=${session} form=${form} />` : writes(session) ? html`<${Writer} session=${session} />` : html`<${Plain} session=${session} form=${form} />`}
  </section>`;
}

// --- head ------------------------------------------------------------------------------------------

function Head({ session, form }) {
  const { name, state, stats, title } = session;
  const [renaming, rename] = useState(false);
  const [options, setOptions] = useState(false);
  const all = useStore(workspaces);
  const over = isOver(state);
  const shut = () => {
    const away = [name];
    const end = () => { forgetText(name); return close(name).finally(() => left(away)); };
    const finish = undoable(`${name} is closed`, end, () => left(away));
    return leave(away, finish);
  };
  const verb = (what, body) => api("POST", at`/api/sessions/${name}` + `/${what}`, body).then(refresh);
  const items = [
    [over ? "start" : "stop", () => verb(over ? "start" : "stop")], !over && ["restart", () => verb("restart")],
    Object.keys(session.signature?.options ?? {}).length > 0 && ["options…", () => setOptions(true)],
    ["rename…", () => rename(true)],
    ...all.filter((one) => !isIn(session, one.name, all)).map((one) => [`into ${one.name}`, () => move(name, one.name).then(refresh)]),
    ["about the model", () => go("models", session.model)],
  ].filter(Boolean);
  return html`<header class="head">
    ${renaming ? html`<${Rename} name=${name} onEnd=${() => rename(false)} />` : html`<h2><a href=${link("play", name)}>${name}</a></h2>`}
    ${title.toLowerCase() !== name.toLowerCase() && html`<span class="model">${title}</span>`}
    <span class=${`state ${state}`} role="status" title=${session.place}><i></i>${inWords(state)}</span>
    <${Numbers} stats=${stats} now=${state === "ready"} />
    <span class="gap"></span>
    ${over && html`<${Button} icon="play" kind="main" onPress=${() => verb("start")}>Start<//>`}
    ${session.guests?.length > 0 && html`<a class="connections" href=${link("connect", name)} title=${session.guests.map((one) => `${one.wire} ${one.address ?? ""}`).join("\n")}>${session.guests.length} connected</a>`}
    <a class="button quiet" href=${link("connect", name)} aria-label=${`connect to ${name}`}><${Icon} name="plug" /><span>Connect</span></a>
    <${Menu} label=${name} items=${items} />
    <${Button} icon="close" kind="quiet" label=${`close ${name}`} onPress=${shut} />
    ${options && html`<${Options} title=${`Options of ${name}`} options=${session.signature.options} values=${session.options} go="Start again with these"
      onClose=${() => setOptions(false)} onGo=${async (chosen) => { await verb("restart", { options: chosen }); setOptions(false); toast(`${name} starts again`, { seconds: 3 }); }} />`}
  </header>`;
}

function Rename({ name, onEnd }) {
  const field = useRef();
  const [text, setText] = useState(name);
  useEffect(() => field.current.select(), []);
  const save = (event) => {
    event.preventDefault();
    trying(async () => {
      const wanted = text.trim();
      if (wanted && wanted !== name) {
        await free(wanted);
        const told = await api("PATCH", at`/api/sessions/${name}`, { name: wanted });
        await refresh();
        if (location.hash.includes("/play/")) go("play", told.name);
      }
      onEnd();
    });
  };
  return html`<form class="rename" onSubmit=${save}><input ref=${field} type="text" aria-label=${`new name of ${name}`} value=${text} maxLength="64" onInput=${(event) => setText(event.target.value)} onKeyDown=${(event) => { if (event.key === "Escape") onEnd(); }} /><button class="button">rename</button></form>`;
}

// What a session that does not run was able to do is of before.
function Numbers({ stats, now }) {
  const parts = [
    now && stats.fps > 0 && [`${stats.fps.toFixed(1)} fps`, "outputs a second"],
    now && stats.model_ms > 0 && [`${round(stats.model_ms, 3)} ms`, "the model's own time"],
    now && stats.age_p50_ms > 0 && [`age ${round(stats.age_p50_ms, 2)} ms`, `how old an output is when it leaves; 1 of 100 is older than ${Math.round(stats.age_p99_ms)} ms`],
    now && stats.drops > 0 && [`${stats.drops} skipped`, "pictures that a reader was too slow for"],
    stats.memory > 0 && [bytes(stats.memory), "memory of its process"],
  ].filter(Boolean);
  return html`<span class="stats">${parts.map(([text, title]) => html`<span key=${title} title=${title}>${text}</span>`)}</span>`;
}

function Trouble({ session }) {
  if (!session.error) return null;
  return html`<div class="trouble" role="alert"><b>${session.error.message}</b>${session.error.hint && html`<pre>${session.error.hint}</pre>`}</div>`;
}

function Starting({ session }) {
  const { stage, fraction, text } = session.progress;
  if (isOver(session.state)) return null;
  return html`<div class="startup"><p>${stage} ${text}</p><progress value=${fraction >= 0 ? fraction : undefined} max="1" aria-label=${`${session.name} is ${stage}`}></progress></div>`;
}

// --- faces -----------------------------------------------------------------------------------------

function Walking({ session, form }) {
  const walk = useMemo(() => new WalkState(session.name), [session.name]);
  useEffect(() => walk.watch(), [walk]);
  const { inputs } = usual(session);
  const rest = beside(inputs);
  const tabs = {
    walk: { name: "Walk", body: () => html`<${WalkPanel} walk=${walk} inputs=${inputs} />` },
    steer: directionsOf(inputs).length > 0 && { name: "Steer", body: () => html`<${Directions} walk=${walk} inputs=${inputs} />` },
    picture: Object.keys(rest).length > 0 && { name: "Picture", body: () => html`<${Fields} form=${form} inputs=${rest} context=${{ session: session.name }} holdable=${false} />` },
    mix: mixes(inputs) && { name: "Mix", body: () => html`<${Mix} session=${session.name} form=${form} inputs=${inputs} />` },
    record: { name: "Record", body: () => html`<${Recording} session=${session.name} />` },
  };
  return html`<div class="columns"><${Stage} session=${session.name} port=${pictureOf(session)} walk=${walk} /><div class="controls"><${Tabs} label=${`controls of ${session.name}`} tabs=${tabs} /></div></div>`;
}

function Plain({ session, form }) {
  const commands = Object.values(session.signature.commands);
  const [chosen, choose] = useState(commands[0].name);
  const command = commands.find(({ name }) => name === chosen) ?? commands[0];
  return html`${command.description && html`<p class="about">${command.description}</p>`}
    <div class="columns"><div class="controls">
      ${commands.length > 1 && html`<${Choice} name="command" choices=${commands.map(({ name }) => name)} value=${command.name} onPick=${choose} />`}
      <${Fields} form=${form} inputs=${command.inputs} context=${{ session: session.name }} holdable=${command === commands[0]} />
      <${RunButton} form=${form} inputs=${command.inputs} command=${command === commands[0] ? null : command.name} />
    </div><${Outputs} session=${session.name} outputs=${command.outputs} form=${form} /></div>`;
}

function RunButton({ form, inputs, command }) {
  const running = useStore(form.store, (state) => state.running);
  return html`<div class="row run">${running
    ? html`<${Button} icon="stop" onPress=${() => form.cancel()}>cancel<//>`
    : html`<${Button} icon="play" onPress=${() => form.run(inputs, command)}>Run<//>`}<span class="hint">what is live is sent as it changes; the rest waits for Run</span></div>`;
}
