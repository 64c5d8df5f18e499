// The picture of a session that walks, large, or the field around it; and what one does with a picture.

import { html, useEffect, useRef, useState } from "../vendor/preact-htm.js";
import { link } from "../core/router.js";
import { toast } from "../core/toasts.js";
import { Button, save } from "../core/ui.js";
import { LivePicture } from "../outputs/picture.js";
import { Favourites } from "../walk/favourites.js";
import { Field } from "../walk/field.js";

export function Stage({ session, port, walk }) {
  const canvas = useRef();
  const [field, setField] = useState(false);
  const [begin, setBegin] = useState(null);
  const explore = (place) => { setBegin(place); setField(true); };
  return html`<div class="stage">
    <div class="row stagebar">
      <div class="segments" role="group" aria-label="what is shown">
        <${Button} pressed=${!field} onPress=${() => { setField(false); setBegin(null); }}>Picture<//><${Button} icon="grid" pressed=${field} onPress=${() => setField(true)}>Explore<//></div>
      <span class="gap"></span>
      <${Button} icon="full" kind="quiet" label="full screen" onPress=${() => canvas.current.requestFullscreen()} />
      <${Button} icon="window" kind="quiet" label="picture in a window of its own" onPress=${() => open(link("picture", session, port), `picture of ${session}`, "popup,width=900,height=900")} />
      <${Button} icon="still" kind="quiet" label="save this picture" onPress=${() => still(canvas.current, session)} />
      <${Film} canvas=${canvas} session=${session} />
    </div>
    ${field
      ? html`<${Field} session=${session} walk=${walk} begin=${begin}><div class="inset"><${LivePicture} session=${session} port=${port} canvas=${canvas} /></div><//>`
      : html`<${LivePicture} session=${session} port=${port} canvas=${canvas} />`}
    <${Favourites} session=${session} walk=${walk} onExplore=${explore} />
  </div>`;
}

const stamp = () => new Date().toISOString().slice(0, 19).replaceAll(":", "-");

async function still(canvas, session) {
  if (!canvas.width) throw new Error("there is no picture yet");
  save(await new Promise((done) => { canvas.toBlob(done, "image/png"); }), `${session} ${stamp()}.png`);
}

// Films what is on the canvas, until told to stop.
function Film({ canvas, session }) {
  const [recorder, setRecorder] = useState(null);
  const alive = useRef(null);
  const filmed = useRef(null);
  useEffect(() => () => { if (alive.current?.state === "recording") alive.current.stop(); }, []);
  const begin = () => {
    const made = new MediaRecorder(canvas.current.captureStream(), { videoBitsPerSecond: 12e6 });
    const parts = [];
    made.ondataavailable = ({ data }) => parts.push(data);
    made.onstop = () => {
      save(new Blob(parts, { type: made.mimeType }), `${session} ${stamp()}.${made.mimeType.includes("mp4") ? "mp4" : "webm"}`);
      toast("the film is saved", { hint: "for one that is smooth whatever the machine does: Record, and render it", seconds: 5 });
    };
    made.start(1000);
    alive.current = made;
    filmed.current = canvas.current;
    setRecorder(made);
  };
  const end = () => { if (recorder.state === "recording") recorder.stop(); setRecorder(null); };
  useEffect(() => { if (recorder && canvas.current !== filmed.current) end(); }); // what was filmed is not seen any more
  return recorder ? html`<${Button} icon="stop" kind="quiet on" label="end the film" onPress=${end} />` : html`<${Button} icon="film" kind="quiet" label="film what is seen" onPress=${begin} />`;
}
