// Runs before a page's own scripts: remembers which elements scripts listen on for clicks and submits. Idempotent, since
// an init script can run twice in one window. A hostile page can see it, so it is a hint; facts come from the server.
(() => {
  const key = Symbol.for("wm.listeners");
  if (window[key]) return;
  const listeners = {click: new WeakSet(), press: new WeakSet(), submit: new WeakSet()};
  Object.defineProperty(window, key, {value: listeners});
  const clickTypes = new Set(["click", "mouseup", "pointerup", "dblclick"]);
  const pressTypes = new Set(["mousedown", "pointerdown"]);
  const original = EventTarget.prototype.addEventListener;
  EventTarget.prototype.addEventListener = function (type, ...rest) {
    if (this instanceof Element) {
      if (clickTypes.has(type)) listeners.click.add(this);
      if (pressTypes.has(type)) listeners.press.add(this);
      if (type === "submit") listeners.submit.add(this);
    }
    return original.call(this, type, ...rest);
  };
})();
