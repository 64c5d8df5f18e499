// Sound that comes out: to be played, and at once if wanted.

import { html, useEffect, useState } from "../vendor/preact-htm.js";
import { Switch, letGo } from "../core/ui.js";

export function Sound({ frame, name }) {
  const [url, setUrl] = useState("");
  const [atOnce, setAtOnce] = useState(false);
  useEffect(() => {
    const made = URL.createObjectURL(new Blob([frame.bytes], { type: "audio/wav" }));
    setUrl(made);
    return () => letGo(made);
  }, [frame]);
  return html`<div class="sound"><audio controls autoplay=${atOnce} src=${url} aria-label=${name}></audio><${Switch} name="play as it comes" on=${atOnce} onTurn=${setAtOnce} /></div>`;
}
