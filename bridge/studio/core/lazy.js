// A page that is fetched when it is gone to, and anew when the bridge was away just then.

import { html, useEffect, useState } from "../vendor/preact-htm.js";
import { returned } from "./socket.js";

export function Lazy({ file, name, ...props }) {
  const [made, setMade] = useState(null);
  const [wrong, setWrong] = useState(false);
  useEffect(() => {
    let tries = 0;
    let end = () => {};
    const fetched = () => {
      const again = tries ? `#${tries}` : ""; // some browsers remember that an address has failed
      tries += 1;
      import(`../pages/${file}.js${again}`).then((module) => { end(); setMade(() => module[name]); }, () => setWrong(true));
    };
    end = returned(fetched);
    fetched();
    return () => end();
  }, []);
  if (made) return html`<${made} ...${props} />`;
  return wrong ? html`<div class="empty"><h2>This page could not be fetched</h2><p>It comes as soon as the bridge answers again.</p><button class="button" type="button" onClick=${() => location.reload()}>Load it again</button></div>` : html`<p class="none">…</p>`;
}
