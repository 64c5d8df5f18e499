// The latent explorer: a plane of pictures around a place, and what one does there.

import { html, useEffect, useRef, useState } from "../vendor/preact-htm.js";
import { heardOf } from "../core/sessions.js";
import { newestOnly } from "../core/pace.js";
import { returned } from "../core/socket.js";
import { Button, Slider, Switch } from "../core/ui.js";
import { Plane } from "./plane.js";

export function Field({ session, walk, begin, children }) {
  const place = useRef();
  const plane = useRef();
  const [told, tellMe] = useState(null);
  const [along, goAlong] = useState(false);
  const wish = useRef(false);
  wish.current = along;
  const centre = useRef("");

  useEffect(() => {
    const made = new Plane(place.current, session, (grid, back, forward) => {
      tellMe({ grid, back, forward });
      const now = JSON.stringify(grid.centre);
      if (wish.current && centre.current && centre.current !== now) walk.go(grid.centre);
      centre.current = now;
    });
    plane.current = made;
    const hear = (kind, of, data) => { if (kind === "grid" && of === session && data.grid) made.told(data); };
    heardOf.add(hear);
    const end = returned(() => made.again());
    return () => { heardOf.delete(hear); end(); made.close(); };
  }, [session]);
  useEffect(() => { if (begin) plane.current.look({ centre: begin, row: 0, column: 0 }); }, [begin]);

  const distance = useRef(newestOnly((value) => plane.current.look({ distance: value })));
  const elsewhere = () => plane.current.look({ centre: Math.floor(Math.random() * 1e6), row: 0, column: 0 });
  return html`<div class="field">
    <div class="plane" ref=${place} role="group" tabIndex="0" aria-label="pictures around the centre; arrow keys pan, plus and minus zoom, Enter makes the middle one the centre"></div>
    ${children}
    <div class="row">
      <${Button} icon="back" label="back" disabled=${!told?.back} onPress=${() => plane.current.look({ back: true })} />
      <${Button} icon="forward" label="forward" disabled=${!told?.forward} onPress=${() => plane.current.look({ forward: true })} />
      <${Button} icon="target" label="to the centre" onPress=${() => plane.current.glide(0, 0)} />
      <${Button} label="zoom out" onPress=${() => plane.current.zoom(1 / 1.25)}>−<//><${Button} label="zoom in" onPress=${() => plane.current.zoom(1.25)}>+<//>
      <${Button} icon="dice" onPress=${elsewhere}>elsewhere<//>
      <${Button} onPress=${() => plane.current.look({ centre: "here", row: 0, column: 0 })}>where the walk is<//>
      <${Button} onPress=${() => told && walk.go(told.grid.centre)}>walk here<//>
    </div>
    <div class="row apart">${told && html`<${Slider} name="how far apart" value=${told.grid.distance} low=${0.02} high=${1} step=${0.01} onInput=${(value) => distance.current(value)} />`}
      <${Switch} name="walk along" title="each new centre becomes the walk's" on=${along} onTurn=${goAlong} /></div>
  </div>`;
}
