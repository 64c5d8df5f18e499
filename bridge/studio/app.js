// The page: where one is, and what is always there. It uses the public API only, like any sketch.

import { Component, html, render, useEffect, useRef } from "./vendor/preact-htm.js";
import { connection } from "./core/socket.js";
import { heardOf, watch } from "./core/sessions.js";
import { go, link, route } from "./core/router.js";
import { useStore } from "./core/store.js";
import { Toasts, toast, trying } from "./core/toasts.js";
import { api } from "./core/api.js";
import { Icon } from "./core/ui.js";
import { Learning } from "./connect/mappings.js";
import { Play } from "./pages/play.js";
import { Lazy } from "./core/lazy.js";

const later = (file, name) => (props) => html`<${Lazy} file=${file} name=${name} ...${props} />`;
const PAGES = {
  play: { name: "Play", icon: "play", body: Play },
  models: { name: "Models", icon: "grid", body: later("models", "Models") },
  connect: { name: "Connect", icon: "plug", body: later("connect", "Connect") },
  learn: { name: "Models 101", icon: "book", body: later("learn", "Learn") },
  settings: { name: "Settings", icon: "sliders", body: later("settings", "Settings") },
  touch: { name: "Touch", body: later("touch", "Touch"), alone: true, says: true },
  picture: { name: "Picture", body: later("picture", "Picture"), alone: true },
};

function App() {
  const { page, names } = useStore(route);
  const place = useRef();
  const arrived = useRef(false);
  const shown = PAGES[page] ?? PAGES.play;
  useEffect(() => {
    document.title = [names[0], shown.name, "Sketchbridge"].filter(Boolean).join(" · ");
    document.documentElement.dataset.page = page;
    if (arrived.current) { // by a link: on from the new content
      place.current.focus({ preventScroll: true });
      scrollTo(0, 0);
    }
    arrived.current = true;
  }, [page, names.join("/")]);
  return html`${!shown.alone && html`<${Header} page=${page} />`}${shown.says && html`<${Connection} />`}
    <main id="main" ref=${place} tabIndex="-1"><h1 class="sr">${shown.name}</h1><${Guard} key=${page}><${shown.body} names=${names} /><//></main>
    <${Learning} /><${Toasts} />`;
}

const Header = ({ page }) => html`<header class="top">
  <a class="skip" href="#main" onClick=${(event) => { event.preventDefault(); document.getElementById("main").focus(); }}>to the content</a>
  <a class="brand" href=${link("play")} aria-label="Sketchbridge"><svg viewBox="0 0 32 24" aria-hidden="true"><path d="M2 20c5-16 23-16 28 0M9 20v-7M16 20V9M23 20v-7" /></svg><span>Sketchbridge</span></a>
  <nav aria-label="pages">${Object.entries(PAGES).filter(([, one]) => !one.alone).map(([id, one]) => html`<a key=${id} href=${link(id)} aria-current=${id === page ? "page" : undefined}><${Icon} name=${one.icon} /><span>${one.name}</span></a>`)}</nav>
  <${Connection} /></header>`;

const SAID = { open: "connected", connecting: "connecting…", away: "The bridge does not answer. This page goes on by itself when it runs again.", locked: "This bridge asks for a token. Open the address it shows when it starts." };

function Connection() {
  const state = useStore(connection);
  return html`<p class=${`connection ${state}`} role="status"><span>${SAID[state]}</span><i class=${`light ${state === "open" ? "ready" : state === "connecting" ? "starting" : "failed"}`} aria-hidden="true"></i></p>`;
}

// A mistake of ours costs one page, and says so.
class Guard extends Component {
  componentDidCatch(error) { console.error(error); this.setState({ error }); }

  render({ children }, { error }) {
    return error ? html`<div class="empty"><h2>This page has made a mistake</h2><p>${error.message}</p><button class="button" type="button" onClick=${() => location.reload()}>Load it again</button></div>` : children;
  }
}

heardOf.add((kind, session, data) => {
  const { page, names } = route.get();
  if (kind === "session_renamed" && names[0] === data.from) go(page, session, ...names.slice(1));
});
heardOf.add((kind, session, data) => {
  if (kind !== "osc_knock") return;
  const host = data.host ?? data.address;
  toast(`a controller at ${host} wants to send`, { seconds: 30, action: { name: "Let it", work: () => trying(() => api("POST", "/api/osc/allow", { host })) } });
});
watch();
const place = document.getElementById("app");
place.replaceChildren(); // what was there until now
render(html`<${App} />`, place);
