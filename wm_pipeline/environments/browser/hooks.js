// Runs before a page's own scripts: remembers which elements scripts listen on for clicks and submits, whether the page
// may still do something when nobody acts (timers, listeners for being left), and whether it may do so soon. Idempotent,
// since an init script can run twice in one window. A hostile page can see it, so it is a hint; facts come from the server.
(() => {
  const key = Symbol.for("wm.listeners");
  if (window[key]) return;
  const listeners = {
    click: new WeakSet(), press: new WeakSet(), submit: new WeakSet(), isRestless: false, setTimeout: window.setTimeout.bind(window),
    leaving: [],
    // When something last began or ended whose consequences no timer tells: a request, a frame, a navigation.
    stirred: -Infinity,
    // Something may speak at any time: a worker, a socket, an observer of sizes.
    isTalkative: false,
    // Service workers asked for that are not at work yet, and when the last of them came to be: a page often goes on then.
    workersUnderWay: 0, workerCame: -Infinity,
    // Files asked for by links that save what they lead to: the browser tells of them as late as their answers come.
    files: [],
    // Elements that bring something with them when they are added, as counted last; unknown before the page is loaded.
    loaders: NaN,
    // Whether nothing is going to happen for so long. Of what is not watched here a page has hardly any use.
    isStill(quietMs) {
      const now = performance.now(), counted = listeners.loaders;
      countLoaders();
      if (counted !== listeners.loaders) return false;
      if (listeners.isTalkative || now - listeners.stirred < quietMs) return false;
      for (const due of timers.values()) if (due < now + quietMs) return false;
      return frames.length === 0 && document.getAnimations().length === 0 && !document.querySelector(lateElements);
    },
    // A page that is left for a restore sends nothing: its leaving is ours, no action led to it.
    silence() {
      for (const [target, ...rest] of listeners.leaving.splice(0)) target.removeEventListener(...rest);
      window.onpagehide = window.onunload = window.onbeforeunload = document.onvisibilitychange = null;
      for (let id = listeners.setTimeout(() => {}); id > 0; id -= 1) { clearTimeout(id); clearInterval(id); }
      window.stop();
    },
  };
  Object.defineProperty(window, key, {value: listeners});
  // When each timer that has not run yet, or runs again, is due; the browser runs some a few milliseconds late.
  const timers = new Map();
  const countLoaders = () => { listeners.loaders = document.querySelectorAll("script,link,style").length; };
  // A frame of the same site tells the page that is looked at; of a frame of another site it is not known.
  const filesOfPage = () => {
    try { return window.top[key].files; } catch { return listeners.files; }
  };
  const stir = () => { listeners.stirred = performance.now(); };
  const lateElements = "[target]:not([target=_self]),[formtarget],a[href^='javascript:' i],object,embed,audio,video";
  const clickTypes = new Set(["click", "mouseup", "pointerup", "dblclick"]);
  const pressTypes = new Set(["mousedown", "pointerdown"]);
  const leaveTypes = new Set(["pagehide", "unload", "beforeunload", "visibilitychange", "freeze"]);
  // What is told of later than the action that led to it.
  const lateTypes = new Set(["message", "scroll", "scrollend", "toggle", "selectionchange", "popstate", "hashchange", "storage"]);
  const original = EventTarget.prototype.addEventListener;
  EventTarget.prototype.addEventListener = function (type, ...rest) {
    if (this instanceof Element) {
      if (clickTypes.has(type)) listeners.click.add(this);
      if (pressTypes.has(type)) listeners.press.add(this);
      if (type === "submit") listeners.submit.add(this);
    }
    if (lateTypes.has(type)) listeners.isTalkative = true;
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
      apply(target, self, args) {
        listeners.isRestless = true;
        const [callback, wait, ...rest] = args;
        if (typeof callback !== "function") {
          listeners.isTalkative = true;
          return Reflect.apply(target, window, args);
        }
        const due = () => performance.now() + (Number(wait) || 0);
        const run = (...given) => {
          if (name === "setInterval") timers.set(id, due());
          else timers.delete(id);
          return Reflect.apply(callback, window, given);
        };
        const id = Reflect.apply(target, window, [run, wait, ...rest]);
        timers.set(id, due());
        return id;
      },
      construct(target, args, made) {
        listeners.isRestless = listeners.isTalkative = true;
        return Reflect.construct(target, args, made);
      },
    });
  }
  const watch = (owner, names, noting) => {
    for (const name of names) {
      const plain = owner?.[name];
      if (typeof plain !== "function") continue;
      owner[name] = new Proxy(plain, {
        apply(target, self, args) { noting(args); return Reflect.apply(target, self, args); },
        construct(target, args, made) { noting(args); return Reflect.construct(target, args, made); },
      });
    }
  };
  watch(window, ["clearTimeout", "clearInterval"], ([id]) => timers.delete(id));
  const speak = () => { listeners.isTalkative = true; };
  watch(window, ["BroadcastChannel", "MessageChannel", "IntersectionObserver", "ResizeObserver"], speak);
  const container = window.ServiceWorkerContainer?.prototype;
  if (container) {
    const atWork = (registration) => new Promise((resolve) => {
      const worker = registration.installing ?? registration.waiting;
      const isThere = () => !worker || ["activated", "redundant"].includes(worker.state) || (worker.state === "installed" && registration.active);
      if (isThere()) return resolve();
      original.call(worker, "statechange", () => isThere() && resolve());
    });
    container.register = new Proxy(container.register, {
      apply(target, self, args) {
        listeners.isTalkative = true;
        listeners.workersUnderWay += 1;
        const asked = Reflect.apply(target, self, args);
        const came = () => { listeners.workersUnderWay -= 1; listeners.workerCame = performance.now(); };
        asked.then(atWork).then(came, came);
        return asked;
      },
    });
  }
  watch(window, ["fetch", "requestAnimationFrame", "requestIdleCallback", "postMessage", "open", "createImageBitmap", "Image"], stir);
  watch(window.Navigator?.prototype, ["sendBeacon"], stir);
  watch(window.XMLHttpRequest?.prototype, ["send"], stir);
  watch(window.HTMLFormElement?.prototype, ["submit", "requestSubmit"], stir);
  watch(window.FileReader?.prototype, ["readAsText", "readAsDataURL", "readAsArrayBuffer"], stir);
  watch(window.Blob?.prototype, ["text", "arrayBuffer", "stream"], stir);
  watch(window.IDBFactory?.prototype, ["open", "deleteDatabase"], stir);
  watch(window.SubtleCrypto?.prototype, ["digest", "sign", "encrypt", "decrypt", "deriveBits", "deriveKey", "importKey"], stir);
  watch(window.CacheStorage?.prototype, ["open", "match"], stir);
  watch(window.Scheduler?.prototype, ["postTask", "yield"], stir);
  original.call(window, "load", countLoaders);
  original.call(window, "submit", stir, true);
  original.call(window, "error", stir, true);
  window.navigation?.addEventListener("navigate", (event) => {
    stir();
    if (event.downloadRequest !== null) filesOfPage().push(event);
  });
  // Every answer that came, whatever asked for it.
  new PerformanceObserver(stir).observe({type: "resource"});
})();
