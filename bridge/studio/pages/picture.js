// One picture and nothing else, for a second screen or a projector.

import { html, useEffect, useRef } from "../vendor/preact-htm.js";
import { LivePicture } from "../outputs/picture.js";
import { trying } from "../core/toasts.js";

const STILL_MS = 2000; // until the pointer is out of sight

export function Picture({ names: [session, port = "image"] }) {
  const place = useRef();
  const full = () => trying(() => (document.fullscreenElement ? document.exitFullscreen() : place.current.requestFullscreen()));
  useEffect(() => {
    let timer = 0;
    const moved = () => { place.current.classList.remove("still"); clearTimeout(timer); timer = setTimeout(() => place.current?.classList.add("still"), STILL_MS); };
    const key = (event) => { if (event.key === "f") full(); };
    addEventListener("pointermove", moved);
    addEventListener("keydown", key);
    moved();
    let lock = null;
    navigator.wakeLock?.request("screen").then((held) => { lock = held; }, () => {}); // the screen stays on where it can
    return () => { clearTimeout(timer); removeEventListener("pointermove", moved); removeEventListener("keydown", key); lock?.release(); };
  }, []);
  return html`<div class="wholepicture" ref=${place} onDblClick=${full}><${LivePicture} session=${session} port=${port} /><p class="hint">double click or f: full screen</p></div>`;
}
