// What another session gives out goes in here: a chain, which goes on without the page.

import { html } from "../vendor/preact-htm.js";
import { chain, chains, unchain } from "../core/chains.js";
import { sessions, usual } from "../core/sessions.js";
import { useStore } from "../core/store.js";
import { trying } from "../core/toasts.js";

// The chain that leads into an input, if there is one.
export const useChain = (session, input) => useStore(chains, (all) => all.find((one) => session && one.target === session && one.input === input));

// A menu of all outputs that fit; nothing where there are none.
export function Sources({ session, input, kind, linked, onPick }) {
  const all = useStore(sessions, (state) => state.all);
  const from = Object.values(all).filter(({ name }) => name !== session)
    .flatMap((one) => Object.entries(usual(one)?.outputs ?? {}).filter(([, port]) => port.kind === kind).map(([output]) => ({ source: one.name, output })));
  if (!from.length && !linked) return null;
  const key = (one) => (one ? `${one.source} · ${one.output}` : "");
  const pick = (event) => trying(async () => {
    onPick?.();
    const wanted = from.find((one) => key(one) === event.target.value);
    if (linked && !wanted) await unchain(linked);
    if (wanted) await chain({ ...wanted, target: session, input });
  });
  return html`<label class="menu small"><span class="name">from a session</span><select aria-label=${`${input} from a session`} value=${key(linked)} onChange=${pick}>
    <option value="">none</option>${from.map((one) => html`<option key=${key(one)} value=${key(one)}>${key(one)}</option>`)}</select></label>
    ${linked?.error && html`<span class="wrong">${linked.error.message ?? linked.error}</span>`}`;
}
