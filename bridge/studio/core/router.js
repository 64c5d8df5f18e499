// Where one is on the page: #/play, #/models/dream, … . The last parts of the address are names of things.

import { Store } from "./store.js";

function read() {
  const parts = location.hash.replace(/^#\/?/, "").split("/").filter(Boolean);
  try {
    const [page = "play", ...names] = parts.map(decodeURIComponent);
    return { page, names };
  } catch { // half an escape: somebody has cut the address
    return { page: "play", names: [] };
  }
}

export const route = new Store(read());
addEventListener("hashchange", () => route.set(read()));

export const link = (...parts) => `#/${parts.map(encodeURIComponent).join("/")}`;

export function go(...parts) { location.hash = link(...parts); }
