// What an action does inside the page, on the nodes that the last observation numbered, after judged.js has found them to
// be what they were. Answers `changed` (nothing was done: it is not what was judged), `problem` (nothing was done, or not
// all: why), `keys` (the field is ready and the caller types), or what the step is about.
({step, index, value, fields, form: formIndex, also, isEnter, isCovered, submit}) => {
  const announce = (node, ...types) => types.forEach((type) => node.dispatchEvent(
    type === "input" ? new InputEvent("input", {bubbles: true, composed: true, inputType: "insertText"}) : new Event(type, {bubbles: true})));

  // --- where a click goes -------------------------------------------------------------------------------------------
  const isOff = (node) => matches(node, ":disabled");
  const named = (node) => `the ${kinds[tagOf(node)] ?? "target"}`;
  const point = (at) => {
    const {node, cover: seen} = lastLook.prints[at];
    if (isOff(node)) return {problem: `${named(node)} is disabled`};
    scrollTo(node, {block: "center", inline: "center", behavior: "instant"});
    const ofForm = formSentBy(at, false), form = ofForm < 0 ? null : lastLook.forms[ofForm];
    const note = form && isSubmitter(node) ? invalidIn(form, node) : null, aim = aimAt(node, isCovered);
    if (!aim) {
      watch(node, form, null);
      return {x: 0, y: 0, is_on_screen: false, note};
    }
    const {x, y, is_on_screen, cover} = aim;
    const isOther = cover && seen && cover !== seen && thingOf(cover) !== thingOf(seen);
    if (isCovered && !cover) return {changed: "what lay over the target is gone"};
    if (cover && !isCovered && cover === seen) return {problem: `${coverWords(cover)} lies over the target`};
    if (cover && (!isCovered || isOther)) return {changed: `${coverWords(cover)} lies over the target`};
    watch(node, form, cover);
    return {x, y, is_on_screen, note};
  };
  // The browser itself does not send a form before its fields are as they have to be.
  const invalidIn = (form, button) => {
    if (hasAttribute(form, "novalidate") || (button && hasAttribute(button, "formnovalidate"))) return null;
    const bad = [...controlsOf(form)].find((one) => isField(one) && matches(one, ":invalid"));
    return bad ? `the browser does not send the form: ${bad.name || bad.type} is not as it has to be (${bad.validationMessage})`.slice(0, 300) : null;
  };

  // --- writing ------------------------------------------------------------------------------------------------------
  const optionText = (option) => (option.label || textOf(option)).replace(/\s+/g, " ").trim();
  const choose = (node, wanted) => {
    if (tagOf(node) !== "SELECT") return {problem: `${named(node)} has no options`};
    if (isOff(node)) return {problem: `${named(node)} is disabled`};
    const option = [...node.options].find((one) => optionText(one) === wanted) ?? [...node.options].find((one) => one.value === wanted);
    if (!option) return {problem: `there is no option ${JSON.stringify(wanted.slice(0, 80))}, only ${[...node.options].slice(0, 12).map((one) => JSON.stringify(optionText(one).slice(0, 40))).join(", ")}`};
    if (option.disabled || matches(option, "optgroup:disabled option")) return {problem: `the option ${JSON.stringify(wanted.slice(0, 80))} is disabled`};
    node.focus();
    option.selected = true;
    announce(node, "input", "change");
    return {};
  };
  const tick = (node, wanted) => {
    if (isOff(node)) return {problem: `${named(node)} is disabled`};
    if (node.checked === wanted) return {};
    node.checked = wanted;
    announce(node, "input", "change");
    return {};
  };
  const forms = {
    date: "a date such as 2027-04-03", time: "a time such as 14:30", month: "a month such as 2027-04", week: "a week such as 2027-W14",
    "datetime-local": "a date and a time such as 2027-04-03T14:30", number: "a plain number such as 1000 or 12.5", color: "a color such as #1a2b3c",
  };
  const chosen = new Set(["date", "time", "month", "week", "datetime-local", "color", "range"]);
  const ofOther = new Set(["checkbox", "radio", "file", "submit", "image", "button", "reset", "hidden"]);
  // Why a control does not take a text; what the browser makes of a value is asked of a copy that nobody sees.
  const whyRefused = (node, text) => {
    if (isOff(node)) return `${named(node)} is disabled`;
    if (isField(node) && node.readOnly) return `${named(node)} is read-only`;
    if (isWritable(node)) return null;
    if (tagOf(node) === "SELECT" || !isField(node) || ofOther.has(node.type)) return `${named(node)} takes no text`;
    if (tagOf(node) === "INPUT" && (forms[node.type] || node.type === "range") && text !== "") {
      const copy = document.createElement("input");
      for (const name of ["type", "min", "max", "step"]) if (hasAttribute(node, name)) copy.setAttribute(name, attribute(node, name));
      copy.value = text;
      if (copy.value.toLowerCase() !== text.toLowerCase() && Number(copy.value) !== Number(text)) {
        if (node.type !== "range") return `the ${node.type} field takes ${forms[node.type]}`;
        return `the slider takes a number from ${node.min || 0} to ${node.max || 100} in steps of ${node.step || 1}`;
      }
    }
    return null;
  };
  const set = (node, text) => {
    const limit = node.maxLength >= 0 ? node.maxLength : Infinity;
    // The prototype's setter, so that frameworks which watch the property notice.
    Object.getOwnPropertyDescriptor(Object.getPrototypeOf(node), "value").set.call(node, text.slice(0, limit));
    announce(node, "input", "change");
  };
  const liveText = (node) => (isField(node) ? node.value : read(node, "innerText") ?? "");
  // What a field holds after it was written into, where that is another thing: `hides` a password.
  const whyNotTaken = (node, text) => {
    const bare = (one) => one.replace(/\s+/g, " ").trim(), holds = bare(liveText(node)), wanted = bare(text);
    if (holds === wanted || isSameValue(wanted, holds)) return null;
    if (isWritable(node) && wanted && holds.includes(wanted)) return null;
    if (isField(node) && node.maxLength >= 0 && text.length > node.maxLength) return `${named(node)} takes ${node.maxLength} characters at most`;
    return node.type === "password" ? `${named(node)} did not take the text` : `${named(node)} did not take the text; it holds ${JSON.stringify(holds.slice(0, 80))}`;
  };
  const hasFocus = (node) => { const root = rootOf(node); return (root.host ? root.activeElement : documentOf(node).activeElement) === node; };
  const selectAll = (node) => {
    if (isField(node)) return void node.select();
    viewOf(documentOf(node)).getSelection().selectAllChildren(node);
  };
  // Whether a script could tell keys from a text that is there at once; unknown where nobody watches.
  const isKeyed = (node) => viewOf(documentOf(node)).askHooks?.(0)?.isKeyed ??  true;
  const write = (at, node, text) => {
    const refused = whyRefused(node, text);
    if (refused) return {problem: refused};
    node.focus();
    if (at >= 0 && !node.isConnected) {
      // Some pages draw a field anew when it gets the focus.
      const why = whyElement(at);
      if (why) return {changed: why};
      node = lastLook.elements[at];
      node.focus();
    }
    if (isField(node) && chosen.has(node.type)) return set(node, text), {};
    if (!hasFocus(node)) {
      // Nobody can type where nobody sees: what a script could do.
      if (isField(node)) set(node, text);
      else { node.textContent = text; announce(node, "input"); }
      return {};
    }
    selectAll(node);
    if (isKeyed(node)) return {keys: true};
    if (text) documentOf(node).execCommand("insertText", false, text);
    else if (liveText(node)) documentOf(node).execCommand("delete");
    const why = whyNotTaken(node, text);
    return why ? {problem: why} : {};
  };
  // Focus is taken away, as by a person who goes on to the button: what was typed counts as changed then.
  const leave = (node) => documentOf(node).activeElement?.blur?.();
  const controlsNamed = (form, name) => [...controlsOf(form)].filter((one) => sentAs(one) === name);
  const writeField = (form, {name, value: wanted}) => {
    for (const control of controlsNamed(form, name)) {
      let done = {};
      if (control.type === "radio") { if (control.value === wanted) done = tick(control, true); }
      else if (control.type === "checkbox") done = tick(control, !["", "false", "off", "0"].includes(wanted.toLowerCase()));
      else if (tagOf(control) === "SELECT") done = choose(control, wanted);
      else if (!["hidden", "file", "submit", "image", "button"].includes(control.type)) done = write(-1, control, wanted);
      if (done.problem || done.keys) return done.problem ? {problem: `${name.slice(0, 80)}: ${done.problem}`} : done;
    }
    return {};
  };
  // The form as it is now, but for what was typed, against what was judged; then where its button is.
  const ready = () => {
    const why = whyForm(formIndex, new Set(fields.map((one) => one.name)));
    if (why) return {changed: why};
    const form = lastLook.forms[formIndex];
    for (const {name, value: wanted} of fields) {
      const control = controlsNamed(form, name).find((one) => isField(one) && !["checkbox", "radio", "select-one", "select-multiple", "hidden", "file"].includes(one.type));
      const taken = control ? whyNotTaken(control, wanted) : null;
      if (taken) return {problem: `${name.slice(0, 80)}: ${taken}`};
    }
    if (submit >= 0) {
      const changed = whyElement(submit);
      return changed ? {changed} : point(submit);
    }
    leave(form);
    watch(null, form, null);
    const note = invalidIn(form, null);
    requestSubmit(form);
    return {note};
  };

  // --- scrolling ----------------------------------------------------------------------------------------------------
  // Whether what the mouse is over can be scrolled further down (or up: -1), and whether other words stand in the page
  // than when this was asked last.
  const extentAt = (x, y, direction) => {
    const page = document.scrollingElement ?? pageOf(document), words = textOf(bodyOf(document) ?? page);
    const has_come = words !== lastLook.words;
    lastLook.words = words;
    const left = (one) => (direction < 0 ? one.scrollTop : one.scrollHeight - one.scrollTop - one.clientHeight);
    for (let up = hitAt(document, x, y); up && up !== page; up = around(up)) {
      if (left(up) > 8 && ["auto", "scroll", "overlay"].includes(getComputedStyle(up).overflowY)) return {goes_on: true, has_come};
    }
    return {goes_on: left(page) > 8, has_come};
  };

  // Of a document or shadow root, with what stands in the open ones below it and in the frames that it may look into.
  const nodesIn = (root) => [...allIn(root)].flatMap((one) => {
    const shown = ["IFRAME", "FRAME"].includes(tagOf(one)) ? shownIn(one) : null;
    return [one, ...[shadowOf(one), shown].filter(Boolean).flatMap(nodesIn)];
  });
  const scrollOf = (node) => [read(node, "scrollLeft"), read(node, "scrollTop")];

  switch (step) {
    case "typed": {
      // Controls whose present value is not the one the page was delivered with, and parts that are scrolled: what a reload
      // would lose. How far the page itself is scrolled, a look tells.
      const typedIn = (one) => {
        if (!isField(one) || one.type === "hidden" || one.type === "file") return null;
        if (one.tagName === "SELECT") {
          const chosen = [...one.options].map((option) => option.selected);
          return chosen.some((isOn, at) => isOn !== one.options[at].defaultSelected) ? {chosen} : null;
        }
        if (one.type === "checkbox" || one.type === "radio") return one.checked !== one.defaultChecked ? {is_checked: one.checked} : null;
        return one.value !== one.defaultValue ? {text: one.value} : null;
      };
      return nodesIn(document).flatMap((one, position) => {
        const typed = typedIn(one), scrolled = one === document.scrollingElement ? [0, 0] : scrollOf(one);
        return [typed, scrolled.some((far) => far !== 0) && {scrolled}].filter(Boolean).map((what) => ({position, ...what}));
      });
    }
    case "retype": {
      const all = nodesIn(document);
      for (const {position, scrolled, chosen, text, is_checked: isChecked} of fields) {
        const one = all[position];
        if (!one) return false;
        if (scrolled) {
          Element.prototype.scrollTo.call(one, {left: scrolled[0], top: scrolled[1], behavior: "instant"});
          continue;
        }
        if (!isField(one)) return false;
        if (chosen) chosen.forEach((isOn, at) => { if (one.options?.[at]) one.options[at].selected = isOn; });
        else if (isChecked !== undefined) one.checked = isChecked;
        else Object.getOwnPropertyDescriptor(Object.getPrototypeOf(one), "value").set.call(one, text);
        announce(one, "input", "change");
      }
      return true;
    }
    case "field": return writeField(lastLook.forms[formIndex], fields[0]);
    case "ready": return ready();
    case "form": {
      const why = whyForm(formIndex);
      if (why) return {changed: why};
      for (const field of fields) {
        const done = writeField(lastLook.forms[formIndex], field);
        if (done.problem || done.keys) return done;
      }
      return ready();
    }
    case "extent": return extentAt(...value.split(" ").map(Number));
    case "page": return lastLook.address === addressOf(document) ? {} : {changed: "the page was replaced by another"};
  }
  const why = step === "form?" ? whyForm(formIndex) : whyNot(index, {isEnter, fields: also});
  if (why) return {changed: why};
  const node = lastLook.elements[index];
  switch (step) {
    case "point": return point(index);
    case "click": node.click(); return {};
    case "focus": {
      node.focus();
      const form = isEnter ? formSentBy(index, true) : -1;
      if (form >= 0) watch(null, lastLook.forms[form], null);
      return hasFocus(node) ? {} : {problem: `${named(node)} cannot have the focus`};
    }
    case "fill": return write(index, node, value);
    case "filled": { const taken = whyNotTaken(node, value); return taken ? {problem: taken} : {}; }
    case "select": return choose(node, value);
    case "tick": return tick(node, !["", "false", "off", "0"].includes(value.toLowerCase()));
    case "file": {
      const input = tagOf(node) === "LABEL" ? node.control : node;
      if (isOff(node)) return {problem: `${named(node)} is disabled`};
      return {is_input: Boolean(input) && tagOf(input) === "INPUT" && input.type === "file" && !isOff(input)};
    }
  }
  return {};
}
