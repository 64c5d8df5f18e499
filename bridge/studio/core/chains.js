// What one session gives out goes into another; the bridge carries it, whether a page is open or not.

import { api, at } from "./api.js";
import { heardOf } from "./sessions.js";
import { returned } from "./socket.js";
import { Store } from "./store.js";
import { trying } from "./toasts.js";

export const chains = new Store([]); // {source, output, target, input, error}

const told = (answer) => chains.set(answer.chains);

export const look = async () => told(await api("GET", "/api/chains"));
export const chain = async (link) => told(await api("POST", "/api/chains", link));
export const unchain = async ({ target, input }) => told(await api("DELETE", at`/api/chains/${target}/${input}`));

heardOf.add((kind) => { if (kind === "chains") trying(look); });
returned(() => trying(look));
