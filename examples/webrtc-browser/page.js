// The camera goes to the pencil (WHIP), its drawing comes back (WHEP).

const pencil = "http://127.0.0.1:8000/api/sessions/pencil";
const told = document.getElementById("told");
const start = document.getElementById("start");
const stop = document.getElementById("stop");
const camera = document.getElementById("camera");
const drawing = document.getElementById("drawing");
let open = [];

// An offer goes there, the answer comes back. Nothing else has to be arranged.
async function connect(address, peer) {
  await peer.setLocalDescription();
  const answer = await fetch(address, {
    method: "POST",
    headers: { "Content-Type": "application/sdp" },
    body: peer.localDescription.sdp,
  });
  if (!answer.ok) throw new Error((await answer.json()).error.message);
  const place = new URL(answer.headers.get("Location"), address);
  open.push({ peer, place });
  await peer.setRemoteDescription({ type: "answer", sdp: await answer.text() });
}

async function send(stream) {
  const peer = new RTCPeerConnection();
  peer.addTransceiver(stream.getVideoTracks()[0], { direction: "sendonly", streams: [stream] });
  await connect(`${pencil}/whip/image?width=320`, peer);
}

async function watch() {
  const peer = new RTCPeerConnection();
  peer.addTransceiver("video", { direction: "recvonly" });
  peer.ontrack = ({ track }) => { drawing.srcObject = new MediaStream([track]); };
  await connect(`${pencil}/whep/image`, peer);
}

async function end() {
  stop.disabled = true;
  for (const track of camera.srcObject?.getTracks() ?? []) track.stop();
  camera.srcObject = drawing.srcObject = null;
  const ending = open;
  open = [];
  await Promise.all(ending.map(({ place }) => fetch(place, { method: "DELETE" })));
  for (const { peer } of ending) peer.close();
  start.disabled = false;
}

start.onclick = async () => {
  start.disabled = true;
  told.textContent = "";
  try {
    camera.srcObject = await navigator.mediaDevices.getUserMedia({ video: { width: 320, height: 240 } });
    await send(camera.srcObject);
    await watch();
    stop.disabled = false;
  } catch (error) {
    await end();
    told.textContent = error.message;
  }
};
stop.onclick = end;
