// A page that is fetched when it is gone to.

import { html, useEffect, useState } from "../vendor/preact-htm.js";

export function Lazy({ file, name, ...props }) {
  const [made, setMade] = useState(null);
  const [wrong, setWrong] = useState("");
  useEffect(() => { import(`../pages/${file}.js`).then((module) => setMade(() => module[name]), (error) => setWrong(error.message)); }, []);
  return made ? html`<${made} ...${props} />` : html`<p class="none">${wrong || "…"}</p>`;
}
