// A picture: chosen, dropped, pasted, from the camera, or what another session gives out.

import { html, useEffect, useRef, useState } from "../vendor/preact-htm.js";
import { kept } from "../core/forms.js";
import { send } from "../core/socket.js";
import { Button } from "../core/ui.js";
import { unchain } from "../core/chains.js";
import { trying } from "../core/toasts.js";
import { Drop } from "./drop.js";
import { Sources, useChain } from "./source.js";

export const LARGEST = 640; // the longer side of a camera's picture that is sent

export function Picture({ name, label, port, value, set, aside, context }) {
  const [camera, setCamera] = useState(false);
  const session = context?.session;
  const linked = useChain(session, name);
  const take = (file) => { setCamera(false); if (linked) trying(() => unchain(linked)); set(kept(file)); };
  const paste = async () => {
    for (const item of await navigator.clipboard.read()) {
      const type = item.types.find((one) => one.startsWith("image/"));
      if (type) return take(await item.getType(type));
    }
    throw new Error("there is no picture in the clipboard");
  };
  const chosen = linked ? "" : value?.url; // of what is told, it is the chain's that goes in
  const body = camera
    ? html`<${Camera} session=${session} input=${name} form=${context?.form} onEnd=${() => setCamera(false)} />`
    : html`<${Drop} name=${name} accept="image/*" className=${chosen ? "filled" : ""} onFile=${take}>
        ${chosen ? html`<img src=${chosen} alt=${`the chosen ${name}`} />` : html`<span>${linked ? `shows what ${linked.source} gives out` : "drop a picture here, paste, or choose"}</span>`}<//>`;
  return html`<div class="source" title=${port.description}><div class="line"><span class="name">${label}</span>${aside}</div>${body}
    <div class="row tight">
      <${Button} icon="camera" kind="quiet" pressed=${camera} onPress=${() => { if (linked) trying(() => unchain(linked)); setCamera(!camera); }}>camera<//>
      ${navigator.clipboard?.read && html`<${Button} icon="copy" kind="quiet" onPress=${paste}>paste<//>`}
      ${session && html`<${Sources} session=${session} input=${name} kind="image" linked=${linked} onPick=${() => setCamera(false)} />`}
    </div></div>`;
}

// The camera's pictures as they come, each once the one before has been taken.
function Camera({ session, input, form, onEnd }) {
  const video = useRef();
  const [trouble, setTrouble] = useState("");
  useEffect(() => {
    const element = video.current;
    let stream = null;
    let ended = false;
    (async () => {
      if (!navigator.mediaDevices) throw new Error("a browser gives a camera only to pages of this machine or over https");
      stream = await navigator.mediaDevices.getUserMedia({ video: { width: 1280, height: 720 } });
      if (ended) return stream.getTracks().forEach((track) => track.stop());
      element.srcObject = stream;
      await element.play();
      return pump();
    })().catch((error) => { if (!ended) setTrouble(inWords(error)); });
    async function pump() {
      const canvas = document.createElement("canvas");
      while (!ended) {
        await new Promise((next) => { element.requestVideoFrameCallback ? element.requestVideoFrameCallback(next) : requestAnimationFrame(next); });
        if (ended || !element.videoWidth) continue;
        const blob = await shot(element, canvas);
        if (ended) return;
        if (!form?.store.get().held[input]) {
          await send(session, {}, { [input]: new Uint8Array(await blob.arrayBuffer()) }).catch((error) => { if (error.code !== "connection_lost" && !ended) { end(); setTrouble(error.message); } });
        } else form.store.get().values[input] = { blob, name: "camera.jpg" }; // quietly: Run takes the newest
      }
    }
    function end() { ended = true; stream?.getTracks().forEach((track) => track.stop()); element.srcObject = null; }
    return end;
  }, []);
  return html`<div class="drop filled"><video ref=${video} muted playsInline aria-label="the camera's picture"></video>
    ${trouble && html`<p class="wrong" role="alert">${trouble}</p>`}<${Button} icon="stop" kind="small" onPress=${onEnd}>end<//></div>`;
}

function shot(video, canvas) {
  const scale = Math.min(1, LARGEST / Math.max(video.videoWidth, video.videoHeight));
  Object.assign(canvas, { width: Math.round(video.videoWidth * scale), height: Math.round(video.videoHeight * scale) });
  canvas.getContext("2d").drawImage(video, 0, 0, canvas.width, canvas.height);
  return new Promise((done) => { canvas.toBlob(done, "image/jpeg", 0.9); });
}

function inWords(error) {
  if (error.name === "NotAllowedError") return "the browser does not give the camera to this page; allow it beside the address";
  if (error.name === "NotFoundError") return "there is no camera";
  return error.message;
}
