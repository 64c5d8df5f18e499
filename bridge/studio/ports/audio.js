// Sound: a file of any kind the browser can play, or the microphone. It is sent as WAV.

import { html, useEffect, useRef, useState } from "../vendor/preact-htm.js";
import { kept } from "../core/forms.js";
import { trying } from "../core/toasts.js";
import { Button } from "../core/ui.js";
import { Drop } from "./drop.js";

const PART_MS = 500; // so often it is told how much was heard

export function Audio({ name, label, port, value, set, aside }) {
  const [recording, setRecording] = useState(null);
  const [heard, hear] = useState(0);
  const alive = useRef(true);
  useEffect(() => () => { alive.current = false; }, []);
  useEffect(() => () => recording?.stream.getTracks().forEach((track) => track.stop()), [recording]);
  const take = (blob, called) => trying(async () => set(kept(await asWav(blob, port.rate ?? 44100, port.channels ?? 1), called)));
  const begin = async () => {
    if (!navigator.mediaDevices) throw new Error("a browser gives a microphone only to pages of this machine or over https");
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true }).catch((error) => { throw new Error(WHY[error.name] ?? error.message); });
    const recorder = new MediaRecorder(stream);
    const parts = [];
    recorder.ondataavailable = ({ data }) => { parts.push(data); hear((parts.length * PART_MS) / 1000); };
    recorder.onstop = () => { if (alive.current) { setRecording(null); take(new Blob(parts, { type: recorder.mimeType }), "microphone.wav"); } };
    hear(0);
    recorder.start(PART_MS);
    setRecording({ recorder, stream });
  };
  return html`<div class="source" title=${port.description}><div class="line"><span class="name">${label}</span>${aside}</div>
    <${Drop} name=${name} accept="audio/*" onFile=${(file) => take(file, file.name.replace(/\.\w+$/, ".wav"))}>
      <span>${value?.name ?? "drop a sound here, or choose"}</span><//>
    ${value?.url && html`<audio controls src=${value.url} aria-label=${`the chosen ${name}`}></audio>`}
    <div class="row tight">${recording
      ? html`<${Button} icon="stop" onPress=${() => recording.recorder.stop()}>that's it<//><span class="hint">${heard ? `heard ${heard.toFixed(1)} s` : "listens…"}</span>`
      : html`<${Button} icon="mic" kind="quiet" onPress=${begin}>microphone<//>`}</div></div>`;
}

const WHY = { NotAllowedError: "the browser does not give the microphone to this page; allow it beside the address", NotFoundError: "there is no microphone" };

// 16 bits, as the model's port has it.
async function asWav(blob, rate, channels) {
  const context = new OfflineAudioContext(channels, 1, rate);
  const sound = await context.decodeAudioData(await blob.arrayBuffer()).catch(() => { throw new Error("the browser can't read this sound"); });
  const tracks = Array.from({ length: channels }, (_, index) => sound.getChannelData(Math.min(index, sound.numberOfChannels - 1)));
  const wav = new DataView(new ArrayBuffer(44 + sound.length * channels * 2));
  const text = (place, letters) => [...letters].forEach((letter, index) => wav.setUint8(place + index, letter.charCodeAt(0)));
  text(0, "RIFF"); wav.setUint32(4, wav.byteLength - 8, true); text(8, "WAVEfmt ");
  wav.setUint32(16, 16, true); wav.setUint16(20, 1, true); wav.setUint16(22, channels, true); wav.setUint32(24, rate, true);
  wav.setUint32(28, rate * channels * 2, true); wav.setUint16(32, channels * 2, true); wav.setUint16(34, 16, true);
  text(36, "data"); wav.setUint32(40, sound.length * channels * 2, true);
  for (let frame = 0, place = 44; frame < sound.length; frame += 1) {
    for (const track of tracks) { wav.setInt16(place, Math.max(-1, Math.min(1, track[frame])) * 32767, true); place += 2; }
  }
  return new Blob([wav], { type: "audio/wav" });
}
