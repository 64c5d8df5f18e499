// What lies on top of a walk: directions, another place mixed in by layers, and the model's own inputs.

import { html, useState } from "../vendor/preact-htm.js";
import { api, at } from "../core/api.js";
import { gaussians } from "../core/chance.js";
import { refresh, sessions } from "../core/sessions.js";
import { useStore } from "../core/store.js";
import { Button, Choice, Slider } from "../core/ui.js";
import { trying } from "../core/toasts.js";
import { useFavourites } from "./favourites.js";
import { Moving } from "./panel.js";

const REACH = 5; // of a direction's slider
export const directionsOf = (inputs) => Object.keys(inputs).filter((name) => name.startsWith("direction/"));

export function Directions({ walk, inputs }) {
  const told = useStore(walk.store);
  const names = directionsOf(inputs);
  if (!told || !names.length) return null;
  const { settings, numbers } = told;
  return html`<div class="directions"><p class="hint">Each slides the picture along one way in which this model's pictures differ.</p><div class="pairs">${names.map((name) => html`<${Moving} key=${name} walk=${walk} name=${name.replace("/", " ")} label=${name.split("/")[1]} settings=${settings}
      numbers=${{ [name.replace("/", " ")]: numbers[name] ?? 0 }} value=${settings.directions[name] ?? 0} low=${-REACH} high=${REACH} step=${0.05}
      title="double click: back to 0" target=${name} of=${(value) => walk.offer({ [name]: value === 0 ? null : value })} onReset=${() => walk.offer({ [name]: null })} />`)}</div>
    <${Button} kind="quiet" icon="again" onPress=${() => walk.set(Object.fromEntries(names.map((name) => [name, null])))}>all to 0<//></div>`;
}

// Which vectors can be mixed in: `mix` with `mix_from` and `mix_to`, as StyleGAN2 has them; and what stands in for `mix`,
// which takes places that were kept in w.
export const mixes = (inputs) => inputs.mix?.kind === "vector" && inputs.mix_from?.kind === "number";
const ANOTHER = "another place"; // mixed in from elsewhere, so it has no name here

export function Mix({ session, form, inputs }) {
  const values = useStore(form.store, (state) => state.values);
  const style = Object.keys(inputs).find((name) => inputs[name].instead_of === "mix");
  const mixed = useStore(sessions, ({ all }) => ["mix", style].some((name) => (all[session]?.inputs[name] ?? null) !== null));
  const [kept] = useFavourites(session);
  const [chosen, choose] = useState("nothing");
  const [underway, wait] = useState(false); // until the bridge has it
  const layers = inputs.mix_from.max ?? 18;
  const spaces = { z: "mix", w: style };
  const favourites = (kept ?? []).filter(({ space }) => spaces[space]);
  const offer = async (one) => {
    if (one === "nothing") return Promise.all(["mix", style].filter(Boolean).map((name) => form.offer(name, null)));
    if (one === "a seed") return form.offer("mix", gaussians(Math.floor(Math.random() * 2 ** 31), inputs.mix.length));
    const place = await api("GET", at`/api/favourites/${one}`);
    return form.offer(spaces[place.space], place[place.space]);
  };
  const pick = (one) => trying(async () => {
    if (one === ANOTHER) return;
    choose(one);
    wait(true);
    try {
      await offer(one);
      await refresh();
    } finally { wait(false); }
  });
  const choices = ["nothing", "a seed", ...favourites.map(({ id }) => id)];
  const named = choices.includes(chosen) && (underway || mixed === (chosen !== "nothing"));
  const value = named ? chosen : mixed ? ANOTHER : "nothing";
  return html`<div class="mix"><p class="hint">Some layers take their style from another place: the first ones form, the last ones colour.</p>
    <div class="row"><${Choice} wide name="mix with" choices=${value === ANOTHER ? [...choices, ANOTHER] : choices} names=${Object.fromEntries(favourites.map(({ id, name }) => [id, name]))} value=${value} onPick=${pick} />
      ${value === "a seed" && html`<${Button} icon="dice" kind="quiet" onPress=${() => pick("a seed")}>another<//>`}</div>
    <${Slider} name="from layer" value=${values.mix_from ?? Math.floor(layers / 2)} low=${0} high=${layers} step=${1} onInput=${(from) => form.offer("mix_from", from)} />
    <${Slider} name="to layer" value=${values.mix_to ?? layers} low=${0} high=${layers} step=${1} onInput=${(to) => form.offer("mix_to", to)} /></div>`;
}

// The model's inputs that no other part of the panel has a control for.
export function beside(ports) {
  const vectors = Object.keys(ports).filter((name) => ports[name].kind === "vector" && ports[name].length);
  const own = (name) => !name.startsWith("direction/") && !vectors.some((vector) => name === vector || name.startsWith(`${vector}_`));
  return Object.fromEntries(Object.entries(ports).filter(([name, port]) => own(name) && !(port.kind === "number" && port.max <= port.min + 1 && port.default === port.min && port.step === 1)));
}
