// The directory: every model as a card, found by typing and choosing.

import { html, useEffect, useMemo, useState } from "../vendor/preact-htm.js";
import { address, at } from "../core/api.js";
import { directory, kindsOf, load } from "../core/directory.js";
import { link } from "../core/router.js";
import { sessions } from "../core/sessions.js";
import { useStore } from "../core/store.js";
import { returned } from "../core/socket.js";
import { trying } from "../core/toasts.js";
import { Choice, Icon } from "../core/ui.js";
import { Model } from "./model.js";

const SORTS = { name: "by name", newest: "newest first", used: "most used here" };
const ANY = "any";

export function Models({ names: [id] }) {
  useEffect(() => { const look = () => trying(load); look(); return returned(look); }, []);
  return id ? html`<${Model} id=${id} />` : html`<${Directory} />`;
}

function Directory() {
  const { models, described } = useStore(directory);
  const running = useStore(sessions, (state) => state.all);
  const [search, setSearch] = useState("");
  const [filters, setFilters] = useState({});
  const [sort, setSort] = useState("name");
  const [unfolded, unfold] = useState(false); // where there is no room for all filters beside each other
  const set = (name) => (value) => setFilters((all) => ({ ...all, [name]: value === ANY ? "" : value }));
  const choices = useMemo(() => choicesOf(models ?? []), [models]);
  const found = useMemo(() => sorted((models ?? []).filter((model) => fits(model, search, filters)), sort), [models, search, filters, sort]);
  const chosen = Object.entries(filters).filter(([name, value]) => value && name !== "kind").length;
  const open = Object.values(running).filter(({ state }) => state === "ready").map(({ model }) => model);
  return html`<div class="models">
    <form class="finder" role="search" onSubmit=${(event) => event.preventDefault()}>
      <label class="search"><${Icon} name="search" /><input type="search" aria-label="search the models" placeholder="search" value=${search} autofocus onInput=${(event) => setSearch(event.target.value)} /></label>
      <${Choice} name="kind" choices=${[ANY, ...choices.kind]} value=${filters.kind || ANY} onPick=${set("kind")} />
      <button type="button" class="button quiet folder" aria-expanded=${unfolded} onClick=${() => unfold(!unfolded)}><${Icon} name="sliders" /><span>filters${chosen ? `: ${chosen}` : ""}</span></button>
      <div class=${unfolded ? "filters unfolded" : "filters"}>${["category", "input", "output", "runs on", "licence", "publisher"].filter((name) => choices[name].length).map((name) => html`<${Choice} wide key=${name} name=${name} choices=${[ANY, ...choices[name]]} value=${filters[name] || ANY} onPick=${set(name)} />`)}
      <${Choice} wide name="sort" choices=${Object.keys(SORTS)} names=${SORTS} value=${sort} onPick=${setSort} /></div>
      <p class="hint" role="status">${models === null ? "looking…" : `${found.length} of ${models.length} models${described ? "" : " · reading their ports…"}`}</p>
    </form>
    <ul class="cards">${found.map((model) => html`<${Card} key=${model.id} model=${model} open=${open.includes(model.id)} />`)}</ul>
    ${models !== null && !found.length && html`<div class="empty"><h2>None fits</h2><p>Take a word or a filter away.</p><button type="button" class="button" onClick=${() => { setSearch(""); setFilters({}); }}>Show all</button></div>`}
  </div>`;
}

function Card({ model, open }) {
  const { manifest, problem } = model;
  return html`<li class=${problem ? "card broken" : "card"}><a href=${link("models", model.id)}>
    <${Preview} model=${model} /><div><div class="row"><h3>${model.title}</h3>${open && html`<span class="tag">runs here</span>`}</div>
    <p>${problem ? problem.message : manifest?.tagline}</p>
    <p class="facts">${[manifest?.kind, manifest?.category, manifest?.licence_weights || manifest?.licence_code].filter(Boolean).map((fact) => html`<span key=${fact}>${fact}</span>`)}</p></div></a></li>`;
}

export const Preview = ({ model }) => (model.preview
  ? html`<img class="preview" src=${address(at`/api/models/${model.id}/preview`)} alt="" loading="lazy" />`
  : html`<div class=${`preview none ${model.manifest?.kind ?? ""}`} aria-hidden="true">${model.title.slice(0, 2)}</div>`);

const unique = (list) => [...new Set(list.filter(Boolean))].sort();

function choicesOf(models) {
  const of = (name) => unique(models.map(({ manifest }) => manifest?.[name]));
  return {
    kind: ["extract", "generate", "transform"], category: of("category"), publisher: of("publisher"),
    licence: unique(models.flatMap(({ manifest }) => [manifest?.licence_code, manifest?.licence_weights])),
    input: unique(models.flatMap((model) => kindsOf(model, "inputs"))), output: unique(models.flatMap((model) => kindsOf(model, "outputs"))),
    "runs on": ["CPU", "GPU"],
  };
}

function fits(model, search, filters) {
  const manifest = model.manifest ?? {};
  const text = [model.id, model.title, manifest.tagline, manifest.category, manifest.kind, ...(manifest.keywords ?? [])].join(" ").toLowerCase();
  const licences = [manifest.licence_code, manifest.licence_weights];
  return search.toLowerCase().split(/\s+/).every((word) => text.includes(word))
    && ["kind", "category", "publisher"].every((name) => !filters[name] || manifest[name] === filters[name])
    && (!filters.licence || licences.includes(filters.licence))
    && (!filters.input || kindsOf(model, "inputs").includes(filters.input))
    && (!filters.output || kindsOf(model, "outputs").includes(filters.output))
    && (filters["runs on"] !== "CPU" || (manifest.cpu ?? "yes") !== "no")
    && (filters["runs on"] !== "GPU" || (manifest.gpu ?? "unused") !== "unused");
}

function sorted(models, sort) {
  const by = {
    name: (a, b) => a.title.localeCompare(b.title),
    newest: (a, b) => (b.manifest?.published ?? "").localeCompare(a.manifest?.published ?? ""),
    used: (a, b) => (b.used?.opened ?? 0) - (a.used?.opened ?? 0) || (b.used?.runs ?? 0) - (a.used?.runs ?? 0),
  };
  return models.sort((a, b) => by[sort](a, b) || by.name(a, b));
}
