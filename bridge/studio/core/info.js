// What the bridge tells of itself: its wires, addresses and limits; another bridge may answer after each return.

import { useEffect, useState } from "../vendor/preact-htm.js";
import { api } from "./api.js";
import { returned } from "./socket.js";
import { trying } from "./toasts.js";

export function useInfo() {
  const [info, setInfo] = useState(null);
  useEffect(() => {
    const look = () => trying(async () => setInfo(await api("GET", "/api/info")));
    look();
    return returned(look);
  }, []);
  return info;
}
