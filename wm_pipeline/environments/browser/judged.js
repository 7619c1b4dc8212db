// What was judged and what is there now. At each look a print of every element and form is kept; before an act the same is
// taken anew and compared, and while it is done what the page hears is watched. No value leaves our world.
const MOST_WORDS = 400;
const FARTHEST = 12;
const squeezed = (text) => (text ?? "").slice(0, 4 * MOST_WORDS).replace(/\s+/g, " ").trim().slice(0, MOST_WORDS);
// The words of a node; while a look is remembered each is read once, as many elements stand in the same ones.
let said = null;
const saysOf = (node) => {
  const known = said?.get(node);
  if (known !== undefined) return known;
  const words = squeezed(textOf(node));
  said?.set(node, words);
  return words;
};
// Clocks and ages go on by themselves.
const timeless = (text) => text.replace(/\b\d+ ?(seconds?|secs?|minutes?|mins?|hours?|[smh])( ago)?\b|\b\d{1,2}:\d\d:\d\d\b/gi, "#");
const isWritable = (node) => read(node, "isContentEditable") === true;
const wordsOf = (node) => {
  const labelled = (attribute(node, "aria-labelledby") ?? "").split(/\s+/).map((id) => id && queryIn(rootOf(node), `#${CSS.escape(id)}`));
  return [
    ...["aria-label", "title", "alt", "placeholder"].map((name) => attribute(node, name)), ...labelled.filter(Boolean).map(textOf),
    ...(isField(node) ? [...(node.labels ?? [])].map((label) => (queryOne(label, "select,textarea") ? "" : textOf(label))) : []),
    isPushButton(node) ? node.value : isField(node) || isWritable(node) ? "" : textOf(node),
  ].map(squeezed).join("|");
};
// A link, and what it leads to; a field; a button: all that a person would know it by.
const thingOf = (node) => JSON.stringify([
  tagOf(node), ["INPUT", "BUTTON"].includes(tagOf(node)) ? node.type : "", attribute(node, "role"), attribute(node, "name"),
  timeless(wordsOf(node)), addressOfLink(node), attribute(node, "target"), attribute(node, "download"),
]);
const addressOfLink = (node) => {
  const address = attribute(node, "href") ?? attribute(node, "xlink:href");
  return address === null ? null : resolve(node, address);
};
const rows = "tr,li,article,dialog,[role=row],[role=listitem],[role=option],[role=treeitem],[role=dialog]";
// The words of what it stands in: of its row, as far as there is one, and of the nearest part that says more than it.
const placeOf = (node) => {
  const own = saysOf(node);
  let row = null, part = null;
  for (let up = parentOf(node), steps = 0; up && tagOf(up) !== "BODY" && steps < FARTHEST; up = parentOf(up), steps += 1) {
    const says = saysOf(up), isMore = says !== own;
    part ??= isMore ? says : null;
    const beside = up.previousElementSibling ?? up.nextElementSibling;
    const isRepeated = beside && tagOf(beside) === tagOf(up) && attribute(beside, "class") === attribute(up, "class");
    if (isMore && (matches(up, rows) || (isRepeated && tagOf(up) !== "TD" && tagOf(up) !== "TH"))) { row = says; break; }
  }
  return {row: row === null ? null : timeless(row), part: part === null ? "" : timeless(part)};
};
// Live, as it would be sent; an empty list for what is not sent.
const valuesOf = (control) => {
  if (tagOf(control) === "SELECT") return [...control.selectedOptions].map((option) => option.value);
  if (["checkbox", "radio"].includes(control.type)) return control.checked ? [control.value] : [];
  if (control.type === "file") return [...control.files].map((file) => file.name);
  if (lastLook.isToken(control, control.value)) return ["(token)"];
  return [isField(control) ? control.value : isWritable(control) ? squeezed(textOf(control)) : ""];
};
// How a form is sent, by a button of it or without one: what the browser does with it.
const wayOf = (form, button) => {
  const given = (own, name) => (button && attribute(button, own)) || attribute(form, name) || "";
  return {
    address: resolve(form, given("formaction", "action") || addressOf(documentOf(form))),
    method: (given("formmethod", "method") || "get").toLowerCase(), frame: given("formtarget", "target"), coding: given("formenctype", "enctype"),
    own: button && button.name ? `${button.name}=${button.value}` : "",
  };
};
const sentBy = (form) => [...controlsOf(form)]
  .filter((one) => sentAs(one) && !matches(one, ":disabled") && tagOf(one) !== "BUTTON" && tagOf(one) !== "FIELDSET" && !isPushButton(one))
  .flatMap((one) => valuesOf(one).map((value) => [sentAs(one), value]));
// As the key Enter in a field sends it: by its first button.
const firstWayOf = (form) => wayOf(form, [...controlsOf(form)].find(isSubmitter) ?? null);
const printOfForm = (form) => ({node: form, way: wayOf(form, null), first: firstWayOf(form), sent: sentBy(form), key: JSON.stringify([attribute(form, "id"), attribute(form, "name"), attribute(form, "aria-label"), wayOf(form, null)])});
const printOf = (node) => ({
  node, thing: thingOf(node), ...placeOf(node), values: isField(node) || isWritable(node) ? valuesOf(node) : [],
  way: isSubmitter(node) && formOf(node) ? wayOf(formOf(node), node) : null, cover: coverOf(node),
});
// Called by each look for what it has numbered.
const remember = () => {
  stopWatching();
  said = new Map();
  lastLook.prints = lastLook.elements.map(printOf);
  said = null;
  lastLook.formPrints = lastLook.forms.map(printOfForm);
  lastLook.address = addressOf(document);
  lastLook.stopped = stopped;
  stopped = null;
};

// --- what has changed since; a sentence, or null -----------------------------------------------------------------------
const ways = {address: "goes to", method: "is sent by", frame: "opens in", coding: "is sent as", own: "sends of its button"};
const changeOfWay = (had, has) => {
  const what = Object.keys(ways).find((name) => had[name] !== has[name]);
  return what ? `the form now ${ways[what]} ${has[what].slice(0, 200) || "nothing"}` : null;
};
const numberIn = (text) => { const bare = text.replace(/[\s,_$€£]/g, ""); return bare && !Number.isNaN(Number(bare)) ? Number(bare) : NaN; };
// Equal but for how it is written: fields write numbers and telephone numbers in their own form.
const isSameValue = (had, has) => had === has || (numberIn(had) === numberIn(has)) ||
  (/\d/.test(had) && had.replace(/[^\p{L}\p{N}]/gu, "") === has.replace(/[^\p{L}\p{N}]/gu, ""));
const changeOfSent = (had, has, without) => {
  const [before, now] = [had, has].map((pairs) => pairs.filter(([name]) => !without.has(name)));
  const names = (pairs) => pairs.map(([name]) => name);
  const extra = names(now).find((name) => names(now).filter((one) => one === name).length > names(before).filter((one) => one === name).length);
  if (extra !== undefined) return `the form now also sends ${extra.slice(0, 80)}`;
  const missing = names(before).find((name) => names(before).filter((one) => one === name).length > names(now).filter((one) => one === name).length);
  if (missing !== undefined) return `the form does not send ${missing.slice(0, 80)} any more`;
  const other = before.find(([name, value]) => !now.some(([one, present]) => one === name && isSameValue(value, present)));
  return other ? `the form now sends another value as ${other[0].slice(0, 80)}` : null;
};
const partsOf = (root) => [...allIn(root)].flatMap((one) => [one, ...(shadowOf(one) ? partsOf(shadowOf(one)) : [])]);
// The one thing that is to the page now what a node that is gone was to the page then.
const findAgain = (print, list) => {
  const {node} = print, shown = documentOf(node);
  if (!viewOf(shown)) return null;
  const others = new Set(list.filter((one) => one !== print && one.node.isConnected).map((one) => one.node));
  const alike = partsOf(shown).filter((one) => tagOf(one) === tagOf(node) && !others.has(one) && thingOf(one) === print.thing);
  const placed = alike.filter((one) => { const {row, part} = placeOf(one); return row === print.row && (row !== null || part === print.part); });
  return placed.length === 1 ? placed[0] : null;
};
const gone = (thing) => `${thing} is not in the page any more, or not the only one of its kind`;
// Whether an element is what it was, found again where the page has drawn it anew; a sentence that says why it is not.
const whyElement = (index) => {
  const print = lastLook.prints?.[index];
  if (!print) return "the page was replaced by another";
  if (!print.node.isConnected || !viewOf(documentOf(print.node))) {
    const again = findAgain(print, lastLook.prints);
    if (!again) return gone("the target");
    lastLook.elements[index] = print.node = again;
  }
  const had = JSON.parse(print.thing), has = JSON.parse(thingOf(print.node));
  if (had[5] !== has[5]) return `the target now leads to ${(has[5] ?? "nothing").slice(0, 200)}`;
  if (had[6] !== has[6] || had[7] !== has[7]) return "the target now opens in another way";
  if (had[4] !== has[4]) return "the words of the target have changed";
  if (had.some((one, at) => one !== has[at])) return "the target is another kind of thing now";
  if (print.row !== placeOf(print.node).row) return "the target stands in another row now";
  const form = formOf(print.node), way = isSubmitter(print.node) && form ? wayOf(form, print.node) : null;
  if ((way === null) !== (print.way === null)) return way ? "the target sends a form now" : "the target does not send its form any more";
  return way ? changeOfWay(print.way, way) : null;
};
const whyValue = (index) => {
  const why = whyElement(index);
  if (why) return why;
  const {node, values} = lastLook.prints[index];
  const now = valuesOf(node);
  return now.length === values.length && now.every((one, at) => isSameValue(values[at], one)) ? null : "a value that would be sent is another one now";
};
const whyForm = (index, without = new Set()) => {
  const print = lastLook.formPrints?.[index];
  if (!print) return "the page was replaced by another";
  if (!print.node.isConnected) {
    const alike = partsOf(documentOf(print.node)).filter((one) => tagOf(one) === "FORM" && printOfForm(one).key === print.key);
    if (alike.length !== 1) return gone("the form");
    lastLook.forms[index] = print.node = alike[0];
  }
  return changeOfWay(print.way, wayOf(print.node, null)) ?? changeOfSent(print.sent, sentBy(print.node), without);
};
// The form that a click, or the key Enter, on an element sends; -1 where none is known.
const formSentBy = (index, isEnter) => {
  const node = lastLook.elements[index], form = node && (isSubmitter(node) || (isEnter && tagOf(node) === "INPUT")) ? formOf(node) : null;
  return form ? lastLook.forms.indexOf(form) : -1;
};
// Before anything is done: the target, the form that it sends, and `fields`, whose values a script would send.
const whyNot = (index, {isEnter = false, fields = []}) => {
  const before = index < 0 ? -1 : formSentBy(index, isEnter);
  const why = whyElement(index) ?? (before >= 0 ? whyForm(before) : null);
  if (why) return why;
  if (isEnter && before >= 0) {
    const {node, first} = lastLook.formPrints[before], changed = changeOfWay(first, firstWayOf(node));
    if (changed) return changed;
  }
  for (const field of fields) {
    const changed = whyValue(field);
    if (changed) return changed;
  }
  return null;
};

// --- what lies where a click goes --------------------------------------------------------------------------------------
const controls = "a,button,label,summary,select,[role=button],[role=link],[role=option],[role=checkbox],[role=radio],[role=menuitem],[role=tab]";
const isWithin = (node, outer) => { for (let up = node; up; up = around(up)) if (up === outer) return true; return false; };
const isHit = (node, top) => {
  // A click on what it stands in is a part of a click on it.
  if (isWithin(top, node) || isWithin(node, top)) return true;
  const control = closest(top, controls);
  if (control && isWithin(node, control)) return true;
  if (node.labels && [...node.labels].some((label) => isWithin(top, label))) return true;
  return tagOf(node) === "AREA" && tagOf(top) === "IMG";
};
// Where the middle of a node is drawn in its own document; null where nothing is.
const middleOf = (node) => {
  const rect = [...rectsOf(node)].find((one) => one.width > 0 && one.height > 0);
  return rect && checkVisibility(node, {visibilityProperty: true}) ? {x: rect.left + rect.width / 2, y: rect.top + rect.height / 2, rect} : null;
};
// What gets a click at a point of a node's document instead of the node: in that document, or in one around it.
const coverAt = (node, x, y) => {
  let inner = node;
  for (let view = viewOf(documentOf(node)); view; ) {
    const top = hitAt(documentOf(inner), x, y);
    if (top && !isHit(inner, top)) return top;
    let frame = null;
    try { frame = view === window ? null : view.frameElement; } catch { /* of another process */ }
    if (!frame) return null;
    const outer = boundsOf(frame);
    x += outer.left + frame.clientLeft;
    y += outer.top + frame.clientTop;
    inner = frame;
    view = viewOf(documentOf(frame));
  }
  return null;
};
// In the page's own coordinates; each frame that the node stands in must show it, too.
const placeInPage = (node, x, y) => {
  let is_on_screen = true;
  for (let view = viewOf(documentOf(node)); view; ) {
    is_on_screen &&= x >= 0 && y >= 0 && x < view.innerWidth && y < view.innerHeight;
    let frame = null;
    try { frame = view === window ? null : view.frameElement; } catch { /* of another process */ }
    if (frame) {
      const outer = boundsOf(frame);
      x += outer.left + frame.clientLeft;
      y += outer.top + frame.clientTop;
    }
    view = frame ? viewOf(documentOf(frame)) : null;
  }
  return {x, y, is_on_screen};
};
// Where a click on a node goes: its middle, or another point of it where something lies over the middle; what lies over
// all of them. null: nothing of it is on screen.
const aimAt = (node, isMiddleOnly) => {
  const middle = middleOf(node);
  if (!middle || !placeInPage(node, middle.x, middle.y).is_on_screen) return null;
  const {x, y, rect} = middle, cover = coverAt(node, x, y);
  const others = () => [
    ...[...rectsOf(node)].slice(0, 8).map((one) => [one.left + one.width / 2, one.top + one.height / 2]),
    ...[[0.2, 0.5], [0.8, 0.5], [0.5, 0.2], [0.5, 0.8]].map(([across, down]) => [rect.left + across * rect.width, rect.top + down * rect.height]),
  ];
  const free = cover && !isMiddleOnly && others().find(([left, top]) => placeInPage(node, left, top).is_on_screen && !coverAt(node, left, top));
  return {...placeInPage(node, ...(free || [x, y])), cover: free ? null : cover};
};
const isOnScreen = (node) => { const middle = middleOf(node); return middle !== null && placeInPage(node, middle.x, middle.y).is_on_screen; };
// What lies over the middle, as a State tells it; known only of what is on screen.
const coverOf = (node) => {
  const middle = isOnScreen(node) ? middleOf(node) : null;
  return middle && coverAt(node, middle.x, middle.y);
};
const kinds = {A: "link", BUTTON: "button", INPUT: "field", IFRAME: "frame", IMG: "image", FORM: "form", LABEL: "label", TEXTAREA: "field", SELECT: "list"};
const coverWords = (cover) => {
  if (!cover) return null;
  const control = closest(cover, "a,button,label,input,select,textarea") ?? cover, tag = tagOf(control).toUpperCase();
  if (tag === "IFRAME") { try { return `frame of ${new URL(control.src, baseOf(control)).origin}`; } catch { return "frame"; } }
  const name = squeezed(attribute(control, "aria-label") || textOf(control) || (isPushButton(control) ? control.value : "") || attribute(control, "title")).slice(0, 60);
  const address = tag === "A" ? addressOfLink(control) : null;
  return `${kinds[tag] ?? "part"} "${name}"${address ? ` to ${address.slice(0, 120)}` : ""}`;
};
// Of a frame of another process, at a point of the page.
const coverHere = (frame, x, y) => (documentOf(frame) === document ? coverWords(coverAt(frame, x, y)) : null);
// What takes the files that are for an element: itself, or what a label is for.
const fileInputOf = (index) => { const node = lastLook.elements[index] ?? null; return node && tagOf(node) === "LABEL" ? node.control : node; };

// --- while it is done --------------------------------------------------------------------------------------------------
// What is pressed, and sent, in the page and in frames of the same process, as one may have come over the target, or gone
// from it, seen at the very moment; what is not what was judged does not happen.
let watching = null, stopped = null;
const heardTypes = ["pointerdown", "mousedown", "click", "submit"];
const stopWatching = () => {
  for (const view of watching?.views ?? []) for (const type of heardTypes) view.removeEventListener(type, onHeard, true);
  watching = null;
};
const viewsIn = (view) => {
  try { if (!view.document) return []; } catch { return []; /* of another process */ }
  return [view, ...Array.from({length: view.frames.length}, (_, at) => viewsIn(view.frames[at])).flat()];
};
const onHeard = (event) => {
  if (!event.isTrusted || !watching) return;
  const why = event.type === "submit" ? whyNotSent(event) : whyNotPressed(event);
  if (!why) return;
  stopped ??= why;
  event.preventDefault();
  event.stopImmediatePropagation();
};
const whyNotPressed = (event) => {
  const top = event.composedPath()[0], {node, cover} = watching;
  if (top === document || top === window || !node || isHit(node, top)) {
    const had = watching.address;
    return event.type === "click" && node && had !== addressOfLink(node) ? `the target now leads to ${(addressOfLink(node) ?? "nothing").slice(0, 200)}` : null;
  }
  // What the target stood in gets the click where the target went away under the pointer.
  if (watching.outside.includes(top) || (cover && isWithin(top, cover))) return null;
  return `the click would have landed on ${coverWords(top)}`;
};
const whyNotSent = (event) => {
  const {form, sent} = watching;
  if (!form || event.target !== form) return null;
  const way = watching.way(event.submitter);
  return changeOfWay(way, wayOf(form, event.submitter)) ?? changeOfSent(sent, sentBy(form), new Set());
};
// `form`: what is sent, as it is now. A button that was not judged sends it as the form itself said.
const watch = (node, form, cover) => {
  stopWatching();
  stopped = null;
  const views = viewsIn(window), outside = [];
  for (let up = node && around(node); up; up = around(up)) outside.push(up);
  const known = form ? new Map([null, ...controlsOf(form)].filter((one) => one === null || isSubmitter(one)).map((one) => [one, wayOf(form, one)])) : new Map();
  if (form && node && isSubmitter(node)) known.set(node, wayOf(form, node));
  watching = {
    views, node, form, cover, outside, address: node ? addressOfLink(node) : null, sent: form ? sentBy(form) : [],
    way: (button) => known.get(button ?? null) ?? known.get(null),
  };
  for (const view of views) for (const type of heardTypes) view.addEventListener(type, onHeard, true);
};
