// The workspace: every open session as a panel, or one alone.

import { html, useEffect } from "../vendor/preact-htm.js";
import { look as lookAtChains } from "../core/chains.js";
import { link } from "../core/router.js";
import { canWalk, inWords, sessions, writes } from "../core/sessions.js";
import { useStore } from "../core/store.js";
import { trying } from "../core/toasts.js";
import { Icon } from "../core/ui.js";
import { Panel } from "../play/panel.js";
import { Workspaces } from "../play/workspaces.js";
import { current, isIn, shown as shownWorkspace, workspaces } from "../core/workspaces.js";

// Instruments first: what walks, what writes, then the rest as it was opened.
const rank = (session) => (canWalk(session) ? 0 : writes(session) ? 1 : session.signature ? 2 : 1.5);

export function Play({ names: [only] }) {
  const { known, all, order: everywhere } = useStore(sessions);
  const groups = useStore(workspaces);
  const wanted = useStore(shownWorkspace);
  const here = current(groups, wanted);
  const order = everywhere.filter((name) => name === only || !here || isIn(all[name], here, groups));
  useEffect(() => { trying(lookAtChains); }, []);
  const sorted = [...order].sort((a, b) => rank(all[a]) - rank(all[b]) || order.indexOf(a) - order.indexOf(b));
  const shown = only && all[only] ? [only] : sorted;
  return html`<div class="play">
    <nav class="strip" aria-label="sessions">
      <${Workspaces} />
      ${order.length > 1 && html`<a class="chipline" href=${link("play")} aria-current=${shown.length > 1 ? "page" : undefined}>all</a>`}
      ${sorted.map((name) => html`<a key=${name} class="chipline" href=${link("play", name)} aria-current=${only === name ? "page" : undefined}><i class=${`light ${all[name].state}`} role="img" aria-label=${inWords(all[name].state)} title=${inWords(all[name].state)}></i>${name}</a>`)}
      <a class="chipline add" href=${link("models")}><${Icon} name="plus" />add a model</a>
    </nav>
    ${only && known && !all[only] && html`<p class="none">there is no session ${only} any more</p>`}
    <div class=${shown.length === 1 ? "panels one" : "panels"}>${shown.map((name) => html`<${Panel} key=${name} name=${name} />`)}</div>
    ${known && !order.length && html`<div class="empty"><h2>Nothing runs yet</h2><p>Choose a model; it starts in a moment.</p><a class="button main" href=${link("models")}>Find a model</a></div>`}
  </div>`;
}
