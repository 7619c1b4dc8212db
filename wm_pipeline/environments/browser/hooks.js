// Runs before a page's own scripts, in their world: remembers which elements scripts listen on for clicks and submits,
// whether the page may still do something when nobody acts (timers, listeners for being left), and whether it may do so
// soon. The page finds no name of ours: world.js asks by an event whose name, CHANNEL, no page knows. What is told are
// hints, since a hostile page can still act differently where it is watched; facts come from the server.
(() => {
  const CHANNEL = "__CHANNEL__";
  const {setTimeout, clearTimeout, clearInterval, CustomEvent, Set, WeakRef} = window;
  const {dispatchEvent: dispatch, addEventListener: original} = EventTarget.prototype;
  const detailOf = Object.getOwnPropertyDescriptor(CustomEvent.prototype, "detail").get;
  const say = (target, name, detail) => dispatch.call(target, new CustomEvent(CHANNEL + name, {detail, composed: true}));
  // An init script can run twice in one window.
  let isThere = false;
  const onAnswer = () => { isThere = true; };
  original.call(window, `${CHANNEL}answer`, onAnswer);
  say(window, "", "");
  window.removeEventListener(`${CHANNEL}answer`, onAnswer);
  if (isThere) return;
  const listeners = {
    isRestless: false,
    // Elements that scripts listen on and that world.js has not been told of, each with what is listened for.
    untold: [],
    leaving: [],
    // When something last began or ended whose consequences no timer tells: a request, a frame, a navigation.
    stirred: -Infinity,
    // Something may speak at any time: a worker, a socket, an observer of sizes.
    isTalkative: false,
    // Somebody listens for keys, or for what is about to be typed.
    isKeyed: false,
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
      for (let id = setTimeout(() => {}); id > 0; id -= 1) { clearTimeout(id); clearInterval(id); }
      window.stop();
    },
  };
  original.call(window, CHANNEL, (event) => {
    const question = detailOf.call(event);
    if (question === "silence") listeners.silence();
    const untold = listeners.untold.splice(0);
    for (const entry of untold) {
      const node = entry.node.deref();
      if (node?.isConnected || node === document) say(node, entry.what, "");
      else if (node) listeners.untold.push(entry);  // it may still be put into the page
    }
    const isStill = question > 0 && listeners.isStill(Number(question));
    const isRestless = listeners.isRestless || Boolean(window.onpagehide || window.onunload || window.onbeforeunload);
    const files = question === "files" ? listeners.files.splice(0).filter((one) => !one.defaultPrevented).length : 0;
    say(window, "answer", `${isStill} ${isRestless} ${listeners.workersUnderWay} ${listeners.workerCame} ${files} ${listeners.isKeyed || document.querySelector(keyAttributes) !== null}`);
  });
  // When each timer that has not run yet, or runs again, is due; the browser runs some a few milliseconds late.
  const timers = new Map();
  const countLoaders = () => { listeners.loaders = document.querySelectorAll("script,link,style").length; };
  const stir = () => { listeners.stirred = performance.now(); };
  const lateElements = "[target]:not([target=_self]),[formtarget],a[href^='javascript:' i],object,embed,audio,video";
  const clickTypes = new Set(["click", "mouseup", "pointerup", "dblclick"]);
  const pressTypes = new Set(["mousedown", "pointerdown"]), sendTypes = new Set(["submit", "formdata"]);
  const leaveTypes = new Set(["pagehide", "unload", "beforeunload", "visibilitychange", "freeze"]);
  // What is told of later than the action that led to it.
  const lateTypes = new Set(["message", "scroll", "scrollend", "toggle", "selectionchange", "popstate", "hashchange", "storage"]);
  const keyTypes = new Set(["keydown", "keypress", "keyup", "beforeinput", "textInput", "compositionstart", "compositionend"]);
  const keyAttributes = "[onkeydown],[onkeypress],[onkeyup],[onbeforeinput]";
  const listen = (node, what) => listeners.untold.push({node: new WeakRef(node), what});
  EventTarget.prototype.addEventListener = function (type, ...rest) {
    const heardAs = clickTypes.has(type) ? "click" : pressTypes.has(type) ? "press" : sendTypes.has(type) ? "submit" : null;
    if (heardAs) {
      if (this instanceof Element) listen(this, heardAs);
      else if (this === undefined || this === window || this === document) listen(document, heardAs);
    }
    if (lateTypes.has(type)) listeners.isTalkative = true;
    if (keyTypes.has(type)) listeners.isKeyed = true;
    if (leaveTypes.has(type)) {
      listeners.isRestless = true;
      listeners.leaving.push([this ?? window, type, ...rest]);
    }
    return original.call(this, type, ...rest);
  };
  for (const prototype of [HTMLElement.prototype, SVGElement.prototype, Document.prototype, window]) {
    for (const type of [...clickTypes, ...pressTypes, ...sendTypes]) {
      const plain = Object.getOwnPropertyDescriptor(prototype, `on${type}`);
      const set = new Proxy(plain.set, {
        apply(target, self, args) {
          const node = self instanceof Element ? self : document;
          if (typeof args[0] === "function") listen(node, sendTypes.has(type) ? "submit" : pressTypes.has(type) ? "press" : "click");
          return Reflect.apply(target, self, args);
        },
      });
      Object.defineProperty(prototype, `on${type}`, {...plain, set});
    }
  }
  for (const owner of [HTMLElement.prototype, Document.prototype, window]) {
    for (const name of ["onkeydown", "onkeypress", "onkeyup", "onbeforeinput"]) {
      const plain = Object.getOwnPropertyDescriptor(owner, name);
      if (!plain?.set) continue;
      const set = new Proxy(plain.set, {
        apply(target, self, args) { listeners.isKeyed ||= typeof args[0] === "function"; return Reflect.apply(target, self, args); },
      });
      Object.defineProperty(owner, name, {...plain, set});
    }
  }
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
    if (event.downloadRequest !== null) listeners.files.push(event);
  });
  // Every answer that came, whatever asked for it.
  new PerformanceObserver(stir).observe({type: "resource"});
})();
