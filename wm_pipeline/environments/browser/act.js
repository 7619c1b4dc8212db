// What an action does inside the page, on the nodes that the last observation numbered. Returns null when the page has
// been replaced since (there are no references), so that the caller can look again.
({step, index, value, fields}) => {
  const announce = (node, ...types) => types.forEach((type) => node.dispatchEvent(
    type === "input" ? new InputEvent("input", {bubbles: true, composed: true, inputType: "insertText"}) : new Event(type, {bubbles: true})));
  // Where a click goes, in the page's own coordinates; each frame that the node stands in must show it, too.
  const point = (node) => {
    scrollTo(node, {block: "center", inline: "center", behavior: "instant"});
    const rect = [...rectsOf(node)].find((one) => one.width > 0 && one.height > 0);
    if (!rect || !checkVisibility(node, {visibilityProperty: true})) return {x: 0, y: 0, is_on_screen: false};
    let x = rect.left + rect.width / 2, y = rect.top + rect.height / 2, is_on_screen = true;
    for (let view = viewOf(documentOf(node)); view; ) {
      is_on_screen &&= x >= 0 && y >= 0 && x < view.innerWidth && y < view.innerHeight;
      const frame = view === window ? null : view.frameElement;
      if (frame) {
        const outer = boundsOf(frame);
        x += outer.left + frame.clientLeft;
        y += outer.top + frame.clientTop;
      }
      view = frame ? viewOf(documentOf(frame)) : null;
    }
    return {x, y, is_on_screen};
  };
  const choose = (node, wanted) => {
    const text = (option) => (option.label || option.textContent).replace(/\s+/g, " ").trim();
    const option = [...node.options].find((one) => text(one) === wanted) ?? [...node.options].find((one) => one.value === wanted);
    if (!option || option.disabled) return false;
    option.selected = true;
    announce(node, "input", "change");
    return true;
  };
  const write = (node, text) => {
    if (node.disabled || node.readOnly) return false;
    node.focus();
    if (node.isContentEditable) {
      node.textContent = text;
      announce(node, "input");
      return true;
    }
    if (!("value" in node)) return false;
    const limit = node.maxLength >= 0 ? node.maxLength : Infinity;
    // The prototype's setter, so that frameworks which watch the property notice.
    Object.getOwnPropertyDescriptor(Object.getPrototypeOf(node), "value").set.call(node, String(text).slice(0, limit));
    announce(node, "input", "change");
    return true;
  };
  const node = lastLook.elements[index];
  switch (step) {
    case "point": return node ? point(node) : null;
    case "click": if (!node) return null; node.click(); return true;
    // The middle of the view, and how far a screen is.
    case "view": return {x: innerWidth / 2, y: innerHeight / 2, screen: Math.round(innerHeight * 0.9)};
    case "scrolled": return new Promise((resolve) => {
      addEventListener("scrollend", () => resolve(true), {capture: true, once: true});
      setTimeout(() => resolve(true), 400);
    });
    case "focus": if (!node) return null; node.focus(); return true;
    case "fill": return node ? write(node, value) : null;
    case "select": return node ? choose(node, value) : null;
    case "form": {
      const form = lastLook.forms[index];
      if (!form) return null;
      for (const {name, value: wanted} of fields) {
        for (const control of lastLook.controlsNamed(form, name)) {
          if (control.type === "radio") { if (control.value === wanted) { control.checked = true; announce(control, "input", "change"); } }
          else if (control.type === "checkbox") {
            control.checked = !["", "false", "off", "0"].includes(wanted.toLowerCase());
            announce(control, "input", "change");
          } else if (control.tagName === "SELECT") choose(control, wanted);
          else if (!["hidden", "file", "submit", "image", "button"].includes(control.type)) write(control, wanted);
        }
      }
      return true;
    }
    case "request_submit": {
      const form = lastLook.forms[index];
      if (form && tagOf(form) === "FORM") requestSubmit(form);
      return true;
    }
    case "typed": {
      // Controls whose present value is not the one the page was delivered with: what a reload would lose.
      const controls = [...allInDocument(document, "input,textarea,select")];
      return controls.flatMap((one, position) => {
        if (one.type === "hidden" || one.type === "file") return [];
        if (one.tagName === "SELECT") {
          const chosen = [...one.options].map((option) => option.selected);
          return chosen.some((isOn, at) => isOn !== one.options[at].defaultSelected) ? [{position, chosen, text: null, is_checked: null}] : [];
        }
        if (one.type === "checkbox" || one.type === "radio")
          return one.checked !== one.defaultChecked ? [{position, chosen: null, text: null, is_checked: one.checked}] : [];
        return one.value !== one.defaultValue ? [{position, chosen: null, text: one.value, is_checked: null}] : [];
      });
    }
    case "retype": {
      const controls = [...allInDocument(document, "input,textarea,select")];
      for (const {position, chosen, text, is_checked: isChecked} of fields) {
        const one = controls[position];
        if (!one) return false;
        if (chosen) chosen.forEach((isOn, at) => { if (one.options?.[at]) one.options[at].selected = isOn; });
        else if (isChecked !== null) one.checked = isChecked;
        else Object.getOwnPropertyDescriptor(Object.getPrototypeOf(one), "value").set.call(one, text);
        announce(one, "input", "change");
      }
      return true;
    }
  }
  return null;
}
