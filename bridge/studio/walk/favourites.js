// Places that were kept: a strip of small pictures, and what can be done with the chosen ones.

import { html, useEffect, useRef, useState } from "../vendor/preact-htm.js";
import { address, api, at } from "../core/api.js";
import { heardOf, refresh } from "../core/sessions.js";
import { returned } from "../core/socket.js";
import { trying, undoable } from "../core/toasts.js";
import { Button, Named } from "../core/ui.js";

const isMarking = ({ shiftKey, metaKey, ctrlKey }) => shiftKey || metaKey || ctrlKey;

// Those of a session, null until they are known, kept in step with its events; and a way to look at once.
export function useFavourites(session) {
  const [kept, setKept] = useState(null);
  const asked = useRef(0);
  const look = () => trying(async () => {
    const mine = (asked.current += 1);
    const { favourites } = await api("GET", `/api/favourites?session=${encodeURIComponent(session)}`);
    if (mine === asked.current) setKept(favourites); // an answer that was overtaken tells what was
  });
  useEffect(() => {
    look();
    const hear = (kind, of) => { if (kind === "favourite" && of === session) look(); };
    heardOf.add(hear);
    const end = returned(look);
    return () => { heardOf.delete(hear); end(); };
  }, [session]);
  return [kept, look];
}

export function Favourites({ session, walk, onExplore }) {
  const [kept, look] = useFavourites(session);
  const [chosen, choose] = useState(null);
  const [marked, mark] = useState([]);
  const [dropped, setDropped] = useState([]); // out of sight until the time to undo it is over
  const going = useRef(null);
  if (!kept) return null;
  const all = kept.filter(({ id }) => !dropped.includes(id));
  const one = all.find(({ id }) => id === chosen);
  const keep = async () => { await api("POST", "/api/favourites", { session }); await look(); };
  const pick = (favourite, event) => {
    if (isMarking(event)) return mark(marked.includes(favourite.id) ? marked.filter((id) => id !== favourite.id) : [...marked, favourite.id]);
    choose(favourite.id);
    going.current = walk.go({ favourite: favourite.id }, favourite.space === "w");
    return going.current;
  };
  // The walk waits, as it does for any hand; it goes on with play.
  const whole = async (favourite) => {
    choose(favourite.id);
    await going.current?.catch(() => {}); // the clicks of a double click come first
    await api("POST", at`/api/favourites/${favourite.id}/show`, { session });
    await Promise.all([walk.set(), refresh()]);
  };
  const rename = (id, name) => trying(async () => { await api("PATCH", at`/api/favourites/${id}`, { name }); await look(); });
  const drop = () => {
    const back = () => setDropped((those) => those.filter((id) => id !== one.id));
    const forget = () => api("DELETE", at`/api/favourites/${one.id}`, null, { keepalive: true }).finally(() => look().then(back));
    setDropped((those) => [...those, one.id]);
    choose(null);
    undoable(`${one.name} is dropped`, forget, back);
  };
  const loop = (list) => walk.set({ kind: "loop", keyframes: list.map(({ id }) => ({ favourite: id })), play: true, ...(list.some(({ space }) => space === "w") ? { space: "w" } : {}) });
  const those = marked.length > 1 ? all.filter(({ id }) => marked.includes(id)) : all;
  return html`<div class="favourites">
    <div class="row"><${Button} icon="heart" onPress=${keep}>keep<//>
      ${those.length > 1 && html`<${Button} kind="quiet" onPress=${() => loop(those)}>${those === all ? "walk through all" : `walk through these ${those.length}`}<//>`}
      <span class=${all.length ? "hint mouse" : "hint"}>${all.length ? all.length > 1 && !marked.length ? "shift-click marks several" : "" : "keeps where the picture is now"}</span></div>
    ${all.length > 0 && html`<div class="thumbs" role="group" aria-label="favourites">${all.map((favourite) => html`<button key=${favourite.id} type="button" title=${`go to ${favourite.name}; double click: as it was kept`}
      class=${marked.includes(favourite.id) ? "marked" : ""} aria-pressed=${favourite.id === chosen} onClick=${(event) => trying(() => pick(favourite, event))} onDblClick=${(event) => isMarking(event) || trying(() => whole(favourite))}>
      <img src=${address(favourite.picture)} alt="" loading="lazy" /><span>${favourite.name}</span></button>`)}</div>`}
    ${one && html`<div class="row"><${Named} key=${one.id} label="name of the favourite" value=${one.name} onName=${(name) => rename(one.id, name)} />
      <${Button} icon="heart" title="the whole picture: truncation, sliders and mixing, too; the walk waits" onPress=${() => whole(one)}>as it was kept<//>
      <${Button} kind="quiet" onPress=${() => loop([...(walk.settings?.kind === "loop" ? all.filter(({ id }) => walk.settings.keyframes.some((place) => place.favourite === id)) : []), one])}>into the loop<//>
      <${Button} kind="quiet" icon="grid" onPress=${() => onExplore({ favourite: one.id })}>explore around it<//>
      <${Button} kind="quiet" onPress=${drop}>drop<//></div>`}
  </div>`;
}
