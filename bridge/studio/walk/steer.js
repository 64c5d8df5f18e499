// What lies on top of a walk: directions, another place mixed in by layers, and the model's own inputs.

import { html, useEffect, useState } from "../vendor/preact-htm.js";
import { api, at } from "../core/api.js";
import { gaussians } from "../core/chance.js";
import { useStore } from "../core/store.js";
import { Button, Choice, Slider } from "../core/ui.js";
import { trying } from "../core/toasts.js";
import { Moving } from "./panel.js";

const REACH = 5; // of a direction's slider
export const directionsOf = (inputs) => Object.keys(inputs).filter((name) => name.startsWith("direction/"));

export function Directions({ walk, inputs }) {
  const told = useStore(walk.store);
  const names = directionsOf(inputs);
  if (!told || !names.length) return null;
  const { settings, numbers } = told;
  return html`<div class="directions"><div class="pairs">${names.map((name) => html`<${Moving} key=${name} walk=${walk} name=${name.replace("/", " ")} label=${name.split("/")[1]} settings=${settings}
      numbers=${{ [name.replace("/", " ")]: numbers[name] ?? 0 }} value=${settings.directions[name] ?? 0} low=${-REACH} high=${REACH} step=${0.05}
      title="double click: back to 0" target=${name} of=${(value) => walk.offer({ [name]: value === 0 ? null : value })} onReset=${() => walk.offer({ [name]: null })} />`)}</div>
    <${Button} kind="quiet" icon="again" onPress=${() => walk.set(Object.fromEntries(names.map((name) => [name, null])))}>all to 0<//></div>`;
}

// Which vectors can be mixed in: `mix` with `mix_from` and `mix_to`, as StyleGAN2 has them.
export const mixes = (inputs) => inputs.mix?.kind === "vector" && inputs.mix_from?.kind === "number";

export function Mix({ session, form, inputs }) {
  const values = useStore(form.store, (state) => state.values);
  const [favourites, setFavourites] = useState([]);
  const [chosen, choose] = useState("nothing");
  useEffect(() => { trying(async () => { const told = await api("GET", `/api/favourites?session=${encodeURIComponent(session)}`); setFavourites(told.favourites.filter((one) => one.space === "z")); }); }, [session]);
  const layers = inputs.mix_from.max ?? 18;
  const pick = (one) => trying(async () => {
    choose(one);
    if (one === "nothing") return form.offer("mix", null);
    if (one === "a seed") return form.offer("mix", gaussians(Math.floor(Math.random() * 2 ** 31), inputs.mix.length));
    const kept = await api("GET", at`/api/favourites/${one}`);
    return form.offer("mix", kept.vector);
  });
  const names = Object.fromEntries(favourites.map((one) => [one.id, one.name]));
  return html`<div class="mix"><p class="hint">Some layers take their style from another place: the first ones form, the last ones colour.</p>
    <div class="row"><${Choice} wide name="mix with" choices=${["nothing", "a seed", ...favourites.map(({ id }) => id)]} names=${names} value=${chosen} onPick=${pick} />
      ${chosen === "a seed" && html`<${Button} icon="dice" kind="quiet" onPress=${() => pick("a seed")}>another<//>`}</div>
    <${Slider} name="from layer" value=${values.mix_from ?? Math.floor(layers / 2)} low=${0} high=${layers} step=${1} onInput=${(from) => form.offer("mix_from", from)} />
    <${Slider} name="to layer" value=${values.mix_to ?? layers} low=${0} high=${layers} step=${1} onInput=${(to) => form.offer("mix_to", to)} /></div>`;
}

// The model's inputs that no other part of the panel has a control for.
export function beside(ports) {
  const vectors = Object.keys(ports).filter((name) => ports[name].kind === "vector" && ports[name].length);
  const own = (name) => !name.startsWith("direction/") && !vectors.some((vector) => name === vector || name.startsWith(`${vector}_`));
  return Object.fromEntries(Object.entries(ports).filter(([name, port]) => own(name) && !(port.kind === "number" && port.max <= port.min + 1 && port.default === port.min && port.step === 1)));
}
