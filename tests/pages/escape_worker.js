const host = "127.0.0.1:SINKPORT";
fetch(`http://${host}/outer-worker`, {mode: "no-cors"}).catch(() => {});
fetch(`/redirect?http://${host}/redirected-worker`, {mode: "no-cors"}).catch(() => {});
try { new WebSocket(`ws://${host}/outer-worker-socket`); } catch { /* refused */ }
try { new EventSource(`http://${host}/outer-worker-events`); } catch { /* a service worker has none */ }
try { new WebTransport(`https://${host}/outer-worker-transport`).ready.catch(() => {}); } catch { /* refused */ }
self.addEventListener("activate", (event) => event.waitUntil(fetch(`http://${host}/activated`, {mode: "no-cors"}).catch(() => {})));
self.addEventListener("fetch", () => { fetch(`http://${host}/on-fetch`, {mode: "no-cors"}).catch(() => {}); });
