// Runs before a page's own scripts: remembers which elements scripts listen on for clicks and submits, and whether the page
// may still do something when nobody acts (timers, listeners for being left). Idempotent, since an init script can run
// twice in one window. A hostile page can see it, so it is a hint; facts come from the server.
(() => {
  const key = Symbol.for("wm.listeners");
  if (window[key]) return;
  const listeners = {
    click: new WeakSet(), press: new WeakSet(), submit: new WeakSet(), isRestless: false, setTimeout: window.setTimeout.bind(window),
    leaving: [],
    // A page that is left for a restore sends nothing: its leaving is ours, no action led to it.
    silence() {
      for (const [target, ...rest] of listeners.leaving.splice(0)) target.removeEventListener(...rest);
      window.onpagehide = window.onunload = window.onbeforeunload = document.onvisibilitychange = null;
      for (let id = listeners.setTimeout(() => {}); id > 0; id -= 1) { clearTimeout(id); clearInterval(id); }
      window.stop();
    },
  };
  Object.defineProperty(window, key, {value: listeners});
  const clickTypes = new Set(["click", "mouseup", "pointerup", "dblclick"]);
  const pressTypes = new Set(["mousedown", "pointerdown"]);
  const leaveTypes = new Set(["pagehide", "unload", "beforeunload", "visibilitychange", "freeze"]);
  const original = EventTarget.prototype.addEventListener;
  EventTarget.prototype.addEventListener = function (type, ...rest) {
    if (this instanceof Element) {
      if (clickTypes.has(type)) listeners.click.add(this);
      if (pressTypes.has(type)) listeners.press.add(this);
      if (type === "submit") listeners.submit.add(this);
    }
    if (leaveTypes.has(type)) {
      listeners.isRestless = true;
      listeners.leaving.push([this ?? window, type, ...rest]);
    }
    return original.call(this, type, ...rest);
  };
  for (const name of ["setTimeout", "setInterval", "WebSocket", "EventSource", "Worker", "SharedWorker"]) {
    const plain = window[name];
    if (!plain) continue;
    window[name] = new Proxy(plain, {
      apply(target, self, args) { listeners.isRestless = true; return Reflect.apply(target, window, args); },
      construct(target, args, made) { listeners.isRestless = true; return Reflect.construct(target, args, made); },
    });
  }
})();
