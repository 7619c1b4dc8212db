const host = "127.0.0.1:SINKPORT";
fetch(`http://${host}/outer-worker`, {mode: "no-cors"}).catch(() => {});
fetch(`/redirect?http://${host}/redirected-worker`, {mode: "no-cors"}).catch(() => {});
try { new WebSocket(`ws://${host}/outer-worker-socket`); } catch { /* refused */ }
