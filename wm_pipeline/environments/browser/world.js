// What observe.js and act.js share, in a world of our own: the page's nodes without the page's scripts. What hooks.js has
// seen is asked for by events whose name, CHANNEL, no page knows; where the hooks do not run, nothing is answered.
const CHANNEL = "__CHANNEL__";
const handlers = {click: new Set(), press: new Set(), submit: new Set()};
for (const [what, nodes] of Object.entries(handlers)) {
  addEventListener(CHANNEL + what, (event) => {
    if (nodes.size > 10_000) for (const node of nodes) if (!node.isConnected) nodes.delete(node);
    nodes.add(event.composedPath()[0]);
  }, true);
}
let answer = null;
addEventListener(`${CHANNEL}answer`, (event) => { answer = event.detail; }, true);
// null: nobody watches this page.
const askHooks = (question) => {
  answer = null;
  dispatchEvent(new CustomEvent(CHANNEL, {detail: String(question)}));
  if (typeof answer !== "string") return null;
  const [isStill, isRestless, workersUnderWay, workerCame, files] = answer.split(" ").map((part) => JSON.parse(part === "-Infinity" ? "-1e9" : part));
  return {isStill, isRestless, workersUnderWay, workerCame, files};
};
// The nodes behind the references of the last look.
let lastLook = {elements: [], forms: []};
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
// A page that is left for a restore does nothing more, frames of the same process included.
const silence = () => {
  const nothingMore = (one) => {
    try { one.dispatchEvent(new CustomEvent(CHANNEL, {detail: "silence"})); } catch { return; /* of another process */ }
    for (let at = 0; at < one.frames.length; at += 1) nothingMore(one.frames[at]);
  };
  nothingMore(window);
};
