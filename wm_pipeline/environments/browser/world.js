// What observe.js and act.js share, in a world of our own: the page's nodes without the page's scripts. What hooks.js has
// seen is asked for by events whose name, CHANNEL, no page knows; where the hooks do not run, nothing is answered.
const CHANNEL = "__CHANNEL__";
const handlers = {click: new Set(), press: new Set(), submit: new Set()};
for (const [what, nodes] of Object.entries(handlers)) {
  addEventListener(CHANNEL + what, (event) => {
    if (nodes.size > 10_000) for (const node of nodes) if (!node.isConnected) nodes.delete(node);
    hear(event.composedPath()[0], what);
  }, true);
}
// Told by the observer itself where the page is not watched. A window hears what its document hears.
const hear = (node, what) => handlers[what].add(node === window ? document : node);
let answer = null;
addEventListener(`${CHANNEL}answer`, (event) => { answer = event.detail; }, true);
// null: nobody watches this page.
const askHooks = (question) => {
  answer = null;
  dispatchEvent(new CustomEvent(CHANNEL, {detail: String(question)}));
  if (typeof answer !== "string") return null;
  const [isStill, isRestless, workersUnderWay, workerCame, files, isKeyed] = answer.split(" ").map((part) => JSON.parse(part === "-Infinity" ? "-1e9" : part));
  return {isStill, isRestless, workersUnderWay, workerCame, files, isKeyed};
};
// A form's properties may be its controls and a document's its forms and pictures: each is read as the prototype has it.
const uncurried = (method) => Function.prototype.call.bind(method);
const getterOf = (prototype, name) => uncurried(Object.getOwnPropertyDescriptor(prototype, name).get);
const [attribute, hasAttribute, closest, matches, queryOne, queryAll, boundsOf, rectsOf, checkVisibility] =
  ["getAttribute", "hasAttribute", "closest", "matches", "querySelector", "querySelectorAll", "getBoundingClientRect", "getClientRects", "checkVisibility"]
    .map((name) => uncurried(Element.prototype[name]));
const [shadowOf, childrenOf, namespaceOf, localNameOf] =
  ["shadowRoot", "children", "namespaceURI", "localName"].map((name) => getterOf(Element.prototype, name));
// As HTML writes it, in XHTML too; whatever is no HTML keeps small letters, so that it is not taken for it.
const tags = new Map();
const tagOf = (node) => {
  const name = localNameOf(node);
  const namespace = namespaceOf(node);
  if (namespace !== "http://www.w3.org/1999/xhtml") return namespace === "http://www.w3.org/2000/svg" ? name.toLowerCase() : `:${name}`;
  let tag = tags.get(name);
  if (tag === undefined) tags.set(name, tag = name.toUpperCase());
  return tag;
};
const [parentOf, textOf, documentOf, nodesOf] = ["parentElement", "textContent", "ownerDocument", "childNodes"].map((name) => getterOf(Node.prototype, name));
const rootOf = uncurried(Node.prototype.getRootNode);
const scrollTo = uncurried(Element.prototype.scrollIntoView);
const requestSubmit = uncurried(HTMLFormElement.prototype.requestSubmit);
const controlsOf = getterOf(HTMLFormElement.prototype, "elements");
const [bodyOf, pageOf, titleOf, imagesOf, readinessOf, addressOf, viewOf] =
  ["body", "documentElement", "title", "images", "readyState", "URL", "defaultView"].map((name) => getterOf(Document.prototype, name));
const baseOf = getterOf(Node.prototype, "baseURI");
const hitInDocument = uncurried(Document.prototype.elementFromPoint), hitInShadow = uncurried(ShadowRoot.prototype.elementFromPoint);
// What lies on top at a point of a document's view, shadow roots looked into; null outside of the view.
const hitAt = (shown, x, y) => {
  let hit = hitInDocument(shown, x, y);
  for (let shadow = hit && shadowOf(hit); shadow; shadow = shadowOf(hit)) {
    const inner = hitInShadow(shadow, x, y);
    if (!inner || inner === hit || rootOf(inner) !== shadow) break;
    hit = inner;
  }
  return hit;
};
const allInDocument = uncurried(Document.prototype.querySelectorAll), allInShadow = uncurried(DocumentFragment.prototype.querySelectorAll);
const oneInShadow = uncurried(DocumentFragment.prototype.querySelector);
// All elements below a document or a shadow root; the first below it, or below another root, that fits.
const allMatchingIn = (root, selector) => (root.nodeType === Node.DOCUMENT_NODE ? allInDocument : allInShadow)(root, selector);
const allIn = (root) => allMatchingIn(root, "*");
const queryIn = (root, selector) => {
  if (root.nodeType === Node.DOCUMENT_NODE) return queryDocument(root, selector);
  return root.nodeType === Node.DOCUMENT_FRAGMENT_NODE ? oneInShadow(root, selector) : queryOne(root, selector);
};
const queryDocument = uncurried(Document.prototype.querySelector);
const treeWalker = uncurried(Document.prototype.createTreeWalker);
const formProperties = new Map();
const read = (node, name) => {
  if (tagOf(node) !== "FORM") return node[name];
  if (!formProperties.has(name)) {
    let owner = HTMLFormElement.prototype;
    while (owner && !Object.hasOwn(owner, name)) owner = Object.getPrototypeOf(owner);
    formProperties.set(name, owner ? getterOf(owner, name) : () => undefined);
  }
  return formProperties.get(name)(node);
};
// What a node stands in: its parent, the host of its shadow root, or the frame that shows its document.
const around = (node) => {
  const parent = parentOf(node);
  if (parent) return parent;
  const root = rootOf(node);
  if (root.host) return root.host;
  try { return viewOf(root)?.frameElement ?? null; } catch { return null; /* of another process */ }
};
// The document that a frame shows; null where it is another process's.
const shownIn = (frame) => { try { return frame.contentWindow?.document ?? null; } catch { return null; } };
const isField = (node) => ["INPUT", "SELECT", "TEXTAREA"].includes(tagOf(node));
const isPushButton = (node) => tagOf(node) === "INPUT" && ["submit", "button", "reset", "image"].includes(node.type);
const isSubmitter = (node) => (tagOf(node) === "BUTTON" && node.type === "submit") || (tagOf(node) === "INPUT" && ["submit", "image"].includes(node.type));
const formOf = (node) => (tagOf(node) !== "FORM" && typeof node.form === "object" ? node.form : null);
// What a control of a form is sent as: its name, or, where only a script sends it, what it is called.
const sentAs = (node) => node.name || lastLook.called.get(node) || "";
// An address that cannot be parsed stays as it stands.
const resolve = (node, address) => { try { return new URL(address, baseOf(node)).href; } catch { return address; } };
// The nodes behind the references of the last look, and who would see a node of it.
let lastLook = {elements: [], forms: [], called: new Map(), isToken: () => false, standingOf: () => ({seenAs: "visible", coveredBy: null})};
// Who would see what a frame shows, and what lies over it.
const standingOf = (node) => lastLook.standingOf(node);
// The node that whoever drives the page means: it is told by an event whose name is used once.
let pointed = null;
const expectPointed = (name) => {
  pointed = null;
  const listen = (shown) => {
    shown.addEventListener(name, (event) => { pointed = event.composedPath()[0]; }, {capture: true, once: true});
    for (const frame of allIn(shown)) {
      const inner = tagOf(frame) === "IFRAME" || tagOf(frame) === "FRAME" ? shownIn(frame) : null;
      if (inner) listen(inner);
    }
  };
  listen(document);
};
// Where that node stands, as a selector that means it and nothing else in its document, and whether that is the page's own;
// null where there is none. A selector's step leads to a child in the document as in a shadow root.
const previousOf = getterOf(Element.prototype, "previousElementSibling"), childrenInShadow = getterOf(DocumentFragment.prototype, "children");
const placeOfPointed = () => {
  if (!pointed?.isConnected) return null;
  const steps = [];
  let isPlain = true, top = pointed;
  for (let node = pointed; node;) {
    let at = 1;
    for (let before = previousOf(node); before; before = previousOf(before)) at += 1;
    steps.unshift({at, name: localNameOf(node)});
    top = node;
    const host = parentOf(node) ? null : rootOf(node).host;
    isPlain &&= !host;
    node = parentOf(node) ?? host;
  }
  const shown = documentOf(pointed), place = {address: addressOf(shown), is_framed: viewOf(shown) !== viewOf(shown)?.top};
  if (isPlain) return {selector: `xpath=/${steps.map(({at}) => `*[${at}]`).join("/")}`, ...place};
  let meant = [top];
  for (const {at, name} of steps.slice(1)) {
    meant = meant.flatMap((node) => [childrenOf(node)[at - 1], shadowOf(node) ? childrenInShadow(shadowOf(node))[at - 1] : null])
      .filter((node) => node && localNameOf(node) === name);
  }
  if (meant.length !== 1 || meant[0] !== pointed) return null;
  return {selector: `css=:root > ${steps.slice(1).map(({at, name}) => `${CSS.escape(name)}:nth-child(${at})`).join(" > ")}`, ...place};
};
const forgetPointed = () => { pointed = null; };
// Values that hidden fields of this document came with, by form and name: their defaults change with them.
const hiddenFirst = new Map();
// What parts that one can write into held when they were looked at first.
const firstTexts = new WeakMap();
// Files that the page and its frames of the same process asked to save since they were asked last.
const countFiles = () => {
  let files = askHooks("files")?.files ?? 0;
  for (let at = 0; at < frames.length; at += 1) {
    try { files += frames[at].countFiles(); } catch { /* it belongs to another process, or shows no document */ }
  }
  return files;
};
const attributesOf = (name) => lastLook.elements.map((one) => one.getAttribute(name));
const nodeOf = (index) => lastLook.elements[index] ?? null;
// What a page asks for as it is left cannot be held: it does not hear of it. Only who listened first, and to all, does.
let isMuted = false, isLeft = false;
const stop = (event) => {
  if (!isMuted) return;
  if (event.type !== "visibilitychange") isLeft = event.type !== "pageshow";
  if (isLeft) event.stopImmediatePropagation();
};
for (const type of ["pagehide", "visibilitychange", "unload", "pageshow"]) window.addEventListener(type, stop, true);
addEventListener(`${CHANNEL}mute`, () => { isMuted = true; });
// Frames of the same process included.
const tellAll = (name, detail) => {
  const tell = (one) => {
    try { one.dispatchEvent(new CustomEvent(name, {detail})); } catch { return; /* of another process */ }
    for (let at = 0; at < one.frames.length; at += 1) tell(one.frames[at]);
  };
  tell(window);
};
const mute = () => tellAll(`${CHANNEL}mute`);
// A page that is left for a restore does nothing more.
const silence = () => tellAll(CHANNEL, "silence");
