// A picture as it changes, on a canvas: drawn with the screen's next picture, and only while it is seen.

import { html, useEffect, useRef, useState } from "../vendor/preact-htm.js";
import { follow } from "../core/socket.js";
import { useSeen } from "../core/ui.js";
import { lastPicture } from "./last.js";

const [SMALL, LARGER] = [200, 4]; // so small a picture would show its pixels; it is made so much larger, softly

export function LivePicture({ session, port, canvas: given, margin, onFrame, children }) {
  const own = useRef();
  const place = useRef();
  const canvas = given ?? own;
  const seen = useSeen(place, margin);
  const [any, setAny] = useState(false);
  const [again, setAgain] = useState(0);
  useEffect(() => {
    if (!seen) return undefined;
    let retry = 0;
    let fresh = false;
    lastPicture(session, port).then(async (frame) => {
      if (!frame || fresh || !canvas.current) return;
      await draw(canvas.current, frame);
      setAny(true);
    }).catch(() => {}); // the next one comes
    const end = follow(session, port, { encoding: { format: "jpeg", quality: 92 } }, async (frame) => {
      if (canvas.current) await draw(canvas.current, frame).catch(() => {}); // one that can't be read is left out
      fresh = true;
      setAny(true);
      onFrame?.(frame);
    }, () => { retry = setTimeout(() => setAgain((count) => count + 1), 1000); }); // it may be opened again under this name
    return () => { clearTimeout(retry); end(); };
  }, [seen, session, port, again]);
  return html`<div class=${any ? "picture" : "picture empty"} ref=${place}>
    <canvas ref=${canvas} width="0" height="0" role="img" aria-label=${`live ${port} of ${session}`}></canvas>${!any && html`<p>nothing yet</p>`}${children}</div>`;
}

export async function draw(place, { bytes, meta }) {
  const blob = new Blob([bytes]);
  let picture = await createImageBitmap(blob, larger(meta.width, meta.height));
  if (!meta.width && picture.width < SMALL) picture = await createImageBitmap(blob, larger(picture.width, picture.height));
  await new Promise(requestAnimationFrame);
  if (place.width !== picture.width || place.height !== picture.height) {
    Object.assign(place, { width: picture.width, height: picture.height });
    place.parentElement?.style.setProperty("--aspect", picture.width / picture.height);
  }
  place.getContext("2d").drawImage(picture, 0, 0);
  picture.close();
}

const larger = (width, height) => (width < SMALL ? { resizeWidth: width * LARGER, resizeHeight: height * LARGER, resizeQuality: "high" } : {});
