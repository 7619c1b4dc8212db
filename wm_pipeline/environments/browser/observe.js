// One call an observation: waits until the page rests, or is known to (`isForeseen`), then walks it once and returns,
// as JSON text (half of the time of an object), what observe.py parses.
// Elements are numbered in document order at each observation, so the same page always gives the same references;
// `lastLook` keeps the nodes behind them for the action that follows.
async ({quietMs, capMs, isForeseen, maxElements, maxTexts, maxText, hiddenSelectors, tokens, secretFields, margin}) => {
  const started = performance.now();
  const settled = await new Promise((resolve) => {
    let last = started, looked = last, timer = 0;
    const observer = new MutationObserver(() => { last = performance.now(); });
    observer.observe(document, {subtree: true, childList: true, attributes: true, characterData: true});
    // A picture that a style names changes no node when it arrives, but the size of what shows it.
    const arrivals = new PerformanceObserver(() => { last = performance.now(); });
    arrivals.observe({type: "resource"});
    const finish = (value) => {
      observer.disconnect();
      arrivals.disconnect();
      removeEventListener("load", onLoad);
      resolve(value);
    };
    // A picture that is still on its way will push aside what stands around it.
    const arePicturesThere = () => [...imagesOf(document)].every((one) => one.complete || one.loading === "lazy");
    // A page known in advance is looked at as soon as it is there.
    const onLoad = () => { clearTimeout(timer); timer = setTimeout(look, 0); };
    addEventListener("load", onLoad);
    const look = () => {
      const now = performance.now(), isFirst = isForeseen;
      isForeseen = false;
      // A page that was held up has not been quiet: nothing of it could run meanwhile.
      if (now - looked > 2 * quietMs) last = now;
      looked = now;
      const told = askHooks(isFirst && last === started ? quietMs : 0);
      const rest = quietMs - (now - Math.max(last, told?.workerCame ?? 0));
      const isStill = rest <= 0 || told?.isStill;
      if (isStill && readinessOf(document) === "complete" && arePicturesThere() && !told?.workersUnderWay) return finish(true);
      if (now - started >= capMs) return finish(false);
      timer = setTimeout(look, Math.max(4, Math.min(rest, quietMs, started + capMs - now)));
    };
    // What is queued already comes first; a page that is held up by it does not rest.
    if (isForeseen) timer = setTimeout(look, 0);
    else look();
  });

  const told = askHooks(0), files = countFiles();
  // Asked now and awaited at the end: the browser's other processes answer while the page is walked.
  const ask = async (question) => { try { return await question(); } catch { return []; /* an opaque origin */ } };
  const askedDatabases = ask(() => indexedDB.databases());
  const askedWorkers = ask(() => navigator.serviceWorker.getRegistrations());

  // Every question about a node is answered once: most are asked of the same ancestors again and again.
  const once = (answer) => {
    const answers = new Map();
    return (node) => {
      let known = answers.get(node);
      if (known === undefined) answers.set(node, known = answer(node));
      return known;
    };
  };
  const firstOf = (nodes, limit, suits) => {
    const chosen = [];
    for (const node of nodes) {
      if (chosen.length >= limit) break;
      if (suits(node)) chosen.push(node);
    }
    return chosen;
  };
  const ignored = hiddenSelectors.length ? hiddenSelectors.join(",") : null;
  const squeeze = (text) => (text ?? "").toWellFormed().replace(/\s+/g, " ").trim();
  // Somewhat longer than it is kept: a secret that stands across the end is known as one by observe.py, which cuts.
  const cut = (text, limit) => text.slice(0, limit + margin).toWellFormed();
  const styleOf = once((node) => getComputedStyle(node));
  const rectOf = once((node) => boundsOf(node));
  const alphaOf = once((color) => {
    const parts = color.match(/[\d.]+/g);
    return color === "transparent" ? 0 : parts && parts.length === 4 ? Number(parts[3]) : 1;
  });

  // The frame that shows a node's document; null for the page's own.
  const frameOf = (node) => { const shown = documentOf(node); return shown === document ? null : viewOf(shown)?.frameElement ?? null; };
  // --- who would see it ---------------------------------------------------------------------------------------------
  const pageIn = once((shown) => {
    const page = pageOf(shown), view = viewOf(shown);
    return {page, width: page?.scrollWidth ?? 0, left: view?.scrollX ?? 0, top: view?.scrollY ?? 0};
  });
  const isClipped = (node, style) => {
    const display = style.display;
    if (display === "inline" || display === "contents") return false;
    const clipPath = style.clipPath;
    if (clipPath.startsWith("inset(50%") || clipPath.startsWith("inset(100%")) return true;
    if (style.position === "absolute" && /^rect\((0|1)px,? (0|1)px,? (0|1)px,? (0|1)px\)$/.test(style.clip)) return true;
    const overflow = style.overflow;
    if (overflow === "visible") return false;
    const {width, height} = rectOf(node);
    return (width <= 1 && height <= 1) || ((width === 0 || height === 0) && overflow === "hidden");
  };
  // How much of a node shines through all that it stands in; null: something clips it away.
  const opacityOf = once((node) => {
    if (!node) return 1;
    const outside = around(node);
    if (!outside) return 1;
    const inherited = opacityOf(outside), style = styleOf(node);
    if (inherited === null || isClipped(node, style)) return null;
    return inherited * Number(style.opacity);
  });
  const seen = {visibilityProperty: true, contentVisibilityAuto: true};
  const boxVisibility = once((node) => {
    if (!checkVisibility(node, seen)) return "hidden";
    const frame = frameOf(node);
    if (frame && boxVisibility(frame) !== "visible") return boxVisibility(frame);
    const opacity = opacityOf(node);
    if (opacity === null) return "hidden";
    if (opacity < 0.1) return "transparent";
    const rect = rectOf(node), {width, left, top} = pageIn(documentOf(node));
    if ((rect.width > 0 || rect.height > 0) &&
        (rect.right + left <= 0 || rect.bottom + top <= 0 || rect.left + left >= width + 1)) return "offscreen";
    return "visible";
  });
  const backgroundOf = once((node) => {
    if (!node) return "rgb(255, 255, 255)";
    const style = styleOf(node);
    if (style.backgroundImage !== "none") return null;
    const color = style.backgroundColor;
    return alphaOf(color) > 0.5 ? color : backgroundOf(around(node));
  });
  const textVisibility = once((node) => {
    const box = boxVisibility(node);
    if (box !== "visible") return box;
    const style = styleOf(node), color = style.color;
    if (alphaOf(color) < 0.1) return "transparent";
    if (parseFloat(style.fontSize) < 5) return "tiny";
    if (parseFloat(style.textIndent) < -500) return "offscreen";
    return color === backgroundOf(node) ? "transparent" : "visible";
  });
  const elementVisibility = once((node) => {
    const box = boxVisibility(node);
    if (box !== "visible") return box;
    const rect = rectOf(node);
    if (rect.width <= 3 || rect.height <= 3) return rectsOf(node).length === 0 ? "hidden" : "tiny";
    return "visible";
  });
  const isIgnored = ignored ? once((node) => node !== null && (matches(node, ignored) || isIgnored(around(node)))) : () => false;

  // --- who wrote it: what is printed above, below or beside a text, as people read it --------------------------------
  const datedAs = new RegExp([
    "\\b\\d{4}-\\d{1,2}-\\d{1,2}\\b", "\\b\\d{1,2}[./]\\s?\\d{1,2}[./]\\s?\\d{2,4}\\b", "\\b\\d{1,2}:\\d{2}(?::\\d{2})?\\s?(?:[ap]m)?\\b",
    "\\b\\d{1,2}(?:st|nd|rd|th|\\.)?\\s+(?:jan|feb|mar|mär|apr|ma[iy]|jun|jul|aug|sep|o[ck]t|nov|de[cz]|janv|févr|avr|juin|juil|août|ene|abr|ago|dic|gen|mag|giu|lug|set|ott)[a-zäûé]*\\.?(?:,?\\s+\\d{4})?",
    "\\b(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\\.?\\s+\\d{1,2}(?:st|nd|rd|th)?\\b(?:,?\\s+\\d{4})?",
    "\\b(?:\\d+|an?|one|two|three|few|ein(?:em|er)?|une?|una?)\\s*(?:s|min|h|d|w|mo|y|seconds?|minutes?|hours?|days?|weeks?|months?|years?)\\.?\\s+ago\\b",
    "\\bvor\\s+\\d+\\s+\\p{L}+", "\\bil y a\\s+\\d+\\s+\\p{L}+", "\\bhace\\s+\\d+\\s+\\p{L}+", "\\b\\d+\\s+\\p{L}+\\s+fa\\b",
    "\\b(?:just now|yesterday|today|gestern|heute|hier|aujourd.hui|ayer|hoy|ieri|oggi)\\b",
  ].join("|"), "giu");
  const mailAs = /[\w.+-]+@[\w-]+(?:\.[\w-]+)*/u;
  const personAs = /^(?:@?[\w.+-]+@[\w-]+(?:\.[\w-]+)*|@[\w.-]{2,40}|\p{Lu}[\p{L}'’.-]*(?: (?:\p{Lu}[\p{L}'’.-]*|von|van|de|der|den|da|di|la|le|bin|al)){0,3})$/u;
  const noNames = new Set(("due paid date created updated changed sent received since until start end deadline invoice order total amount status new open closed last first next today yesterday monday tuesday wednesday thursday friday saturday sunday version page from to subject payment report note notes comment comments reply edit delete the this our your all march may april june july august published posted delivered shipped expires valid meeting").split(" "));
  const isPerson = (text) => {
    if (text.length < 2 || text.length > 60 || !personAs.test(text)) return false;
    return !text.toLowerCase().split(/[\s.]+/).some((word) => noNames.has(word));
  };
  const inOthersWords = /^(?:(?:posted|written|sent|added|changed|edited|uploaded|created|commented|submitted|reviewed|geschrieben|écrit|publié|escrito|scritto)\s+)?(?:by|from|von|par|por|da)\s*:?\s+(.+)$/iu;
  const labelled = /^(?:from|by|author|sender|posted by|written by|uploaded by|von|absender|verfasser|autor|de|expéditeur|auteur|remitente|mittente|autore)\s*:\s*(.+)$/iu;
  const hasSaid = /^(.{2,60}?)\s+(?:wrote|writes|said|commented|replied|schrieb|schreibt|a écrit|écrit|escribió|ha scritto)\s*:?$/iu;
  const bare = (text) => squeeze(text.replace(datedAs, " ").replace(/^[\s·•|,:;–—-]+|[\s·•|,:;–—-]+$/gu, " ").replace(/\s+(?:on|at|am|um|le|à|el|il|alle)\s*$/iu, ""));
  const isDated = (text) => { datedAs.lastIndex = 0; return datedAs.test(text); };
  const named = (text) => {
    const inBrackets = /^(.{0,80}?)\s*[<(]([\w.+-]+@[\w-]+(?:\.[\w-]+)*)[>)]$/u.exec(text);
    if (inBrackets) return inBrackets[2];
    return isPerson(text) ? text : null;
  };
  const personOf = (node) => {
    const text = squeeze(textOf(node));
    if (text.length < 2 || text.length > 120) return null;
    const rest = bare(text), told = labelled.exec(rest) ?? inOthersWords.exec(rest) ?? hasSaid.exec(text);
    if (told && named(bare(told[1]))) return named(bare(told[1]));
    // A name alone is one beside a date; an address beside one, too.
    const next = node.nextElementSibling, isPart = ["B", "STRONG", "A", "SPAN", "CITE", "EM", "ADDRESS", "H3", "H4", "H5", "H6", "DT", "DIV", "P"].includes(tagOf(node));
    const isName = named(rest), isWhole = rest === text;
    if (isName && !isWhole && (rest.includes(" ") || rest.includes("@") || node.childElementCount > 0)) return isName;
    if (!isName || !isWhole || !isPart) return null;
    const beside = next ? squeeze(textOf(next)) : "";
    if (beside.length && beside.length < 60 && (tagOf(next) === "TIME" || isDated(beside)) && !named(bare(beside))) return isName;
    return attribute(node, "rel") === "author" || /(?:^|[\s_-])(?:author|byline|sender|commenter|poster|username|user-name)(?:$|[\s_-])/i.test(attribute(node, "class") ?? "") ? isName : null;
  };
  // Bylines by the element that they are about: the nearest that holds more words than theirs.
  const bylines = new Map(), wholes = new Set(["HTML", "BODY", "MAIN"]), noBylines = "a[href^=mailto],button,label,select,option,textarea,script,style,nav,header,body > footer,h1,title";
  const columnAs = /^(?:author|from|by|sender|changed by|edited by|created by|uploaded by|posted by|written by|von|absender|geändert von|erstellt von|auteur|modifié par|autor|remitente|autore|mittente)$/iu;
  const rowAuthors = new Map();
  const findBylines = (root) => {
    for (const node of allIn(root)) {
      const tag = tagOf(node);
      if (tag === "TH" && columnAs.test(squeeze(textOf(node)))) {
        const table = closest(node, "table");
        for (const row of queryAll(table, "tr")) {
          const cell = row.cells?.[node.cellIndex], who = cell && cell !== node && tagOf(cell) === "TD" ? squeeze(textOf(cell)) : "";
          if (who && who.length <= 60) rowAuthors.set(row, who);
        }
      }
      if (shadowOf(node)) findBylines(shadowOf(node));
      if (tag === "IFRAME" && shownIn(node)) findBylines(shownIn(node));
      if (node.childElementCount > 4 || closest(node, noBylines) || wholes.has(tag) || tag === "TABLE" || tag === "TR") continue;
      const who = personOf(node);
      if (!who) continue;
      const own = squeeze(textOf(node)).length;
      let about = parentOf(node), depth = 0;
      const isEntry = (one) => ["ARTICLE", "LI", "BLOCKQUOTE"].includes(tagOf(one)) || /^(?:article|listitem|comment)$/.test(attribute(one, "role") ?? "");
      while (about && depth < 3 && !wholes.has(tagOf(about)) && !isEntry(about) && squeeze(textOf(about)).length < own + 25 && !queryOne(about, "form,button,img,input,a[href]")) {
        about = parentOf(about);
        depth += 1;
      }
      if (!about || tagOf(about) === "FORM") continue;
      if (!bylines.has(about)) bylines.set(about, []);
      if (!bylines.get(about).some((one) => one.node.contains(node))) bylines.get(about).push({node, who});
    }
  };
  const isBefore = (one, other) => Boolean(one.compareDocumentPosition(other) & Node.DOCUMENT_POSITION_FOLLOWING);
  const ends = new Set(["H1", "H2", "H3", "FORM", "SECTION", "NAV", "FOOTER", "TABLE", "HR", "MAIN"]);
  const childIn = (about, node) => { while (node && parentOf(node) !== about) node = parentOf(node); return node; };
  const bylineFor = (about, node) => {
    const found = bylines.get(about), isWhole = wholes.has(tagOf(about)) || tagOf(about) === "SECTION";
    const before = found.filter((one) => one.node.contains(node) || isBefore(one.node, node)).at(-1);
    if (!isWhole && found.length === 1) return found[0].who;
    if (!before) return null;
    if (!isWhole) return before.who;
    // On a whole page a byline is about what follows it, up to what begins something else.
    const start = childIn(about, before.node), end = childIn(about, node);
    for (let at = start; at && at !== end; at = at.nextElementSibling) if (at !== start && ends.has(tagOf(at))) return null;
    return end && ends.has(tagOf(end)) && end !== start ? null : before.who;
  };
  findBylines(document);
  const authorOf = (node) => {
    let at = node;
    while (at) {
      const who = rowAuthors.get(at) ?? (bylines.has(at) ? bylineFor(at, node) : null);
      if (who) return cut(who, 60);
      at = around(at);
    }
    return null;
  };

  // --- names and roles ----------------------------------------------------------------------------------------------
  const byIds = (node, ids) => ids.split(/\s+/).map((id) => {
    const named = id && queryIn(rootOf(node), `#${CSS.escape(id)}`);
    return named ? squeeze(textOf(named)) : "";
  }).join(" ");
  const labelsOf = (node) =>
    [...(node.labels ?? [])].map((label) => {
      const copy = label.cloneNode(true);
      queryAll(copy, "input,select,textarea,button").forEach((inner) => inner.remove());
      return squeeze(textOf(copy));
    }).join(" ");
  // Words that stand outside of a shadow root and are shown in its slots.
  const slottedIn = (node) =>
    [...queryAll(node, "slot")].flatMap((slot) => slot.assignedNodes({flatten: true})).map((one) => textOf(one)).join(" ");
  const contentName = (node) => {
    const text = squeeze(read(node, "innerText") ?? textOf(node)) || squeeze(slottedIn(node));
    if (text) return text;
    const image = queryOne(node, "img[alt],svg title");
    return image ? squeeze(attribute(image, "alt") ?? textOf(image)) : "";
  };
  const isField = (node) => ["INPUT", "SELECT", "TEXTAREA"].includes(tagOf(node));
  const isPushButton = (node) => tagOf(node) === "INPUT" && ["submit", "button", "reset", "image"].includes(node.type);
  const nameOf = once((node) => {
    const labelled = attribute(node, "aria-labelledby");
    const candidates = [
      () => (labelled ? byIds(node, labelled) : ""),
      () => attribute(node, "aria-label"),
      () => (isPushButton(node) ? node.value || node.alt || (node.type === "submit" ? "Submit" : "") : ""),
      () => (isField(node) && !isPushButton(node) ? labelsOf(node) : ""),
      () => (isField(node) ? "" : contentName(node)),
      () => attribute(node, "alt"),
      () => attribute(node, "placeholder"),
      () => attribute(node, "title"),
      () => attribute(node, "name"),
    ];
    for (const candidate of candidates) {
      const name = squeeze(candidate());
      if (name) return cut(name, 120);
    }
    return "";
  });
  const tagRoles = {BUTTON: "button", TEXTAREA: "textbox", SUMMARY: "summary"};
  const inputRoles = {
    submit: "button", button: "button", reset: "button", image: "button", checkbox: "checkbox", radio: "radio",
    range: "slider", file: "file", color: "textbox",
  };
  const actionRoles = new Set([
    "link", "button", "textbox", "searchbox", "combobox", "checkbox", "radio", "switch", "slider", "spinbutton",
    "menuitem", "menuitemcheckbox", "menuitemradio", "tab", "option", "treeitem",
  ]);
  // A listener for presses alone on something that holds controls is a widget's frame (dragging, focus), not a control.
  const nobody = {click: new Set(), press: new Set(), submit: new Set()};
  const handlersIn = once((shown) => (shown === document ? handlers : viewOf(shown)?.handlers ?? nobody));
  const listens = (node, what) => handlersIn(documentOf(node))[what].has(node);
  const hasHandler = (node) => listens(node, "click") || hasAttribute(node, "onclick") ||
    (listens(node, "press") && !queryOne(node, "a[href],button,input,select,textarea"));
  const handledBy = (node) => {
    if (hasHandler(node)) return "own";
    const form = isSubmitter(node) ? formOf(node) : null;
    return form && (listens(form, "submit") || hasAttribute(form, "onsubmit")) ? "form" : null;
  };
  // An address that cannot be parsed stays as it stands; SVG has links of its own.
  const resolve = (node, address) => { try { return new URL(address, baseOf(node)).href; } catch { return address; } };
  const isAnchor = (node) => ["A", "AREA", "a"].includes(tagOf(node));
  const linkOf = (node) => {
    const address = attribute(node, "href") ?? (tagOf(node) === "a" ? attribute(node, "xlink:href") : null);
    return address === null ? null : resolve(node, address.trim());
  };
  const isEditable = (node) => node !== null && read(node, "isContentEditable") === true;
  const ownRole = (node) => {
    if (isAnchor(node)) return linkOf(node) === null ? null : "link";
    if (tagOf(node) === "INPUT") return node.type === "hidden" ? null : inputRoles[node.type] ?? "textbox";
    if (tagOf(node) === "SELECT") return "combobox";
    return tagRoles[tagOf(node)] ?? (isEditable(node) && !isEditable(parentOf(node)) ? "textbox" : null);
  };
  const roleOf = once((node) => {
    const given = attribute(node, "role")?.trim().split(/\s+/)[0];
    if (given && actionRoles.has(given)) return given;
    const own = ownRole(node);
    if (own) return own;
    if (!hasHandler(node) || tagOf(node) === "BODY" || tagOf(node) === "HTML") return null;
    return tagOf(node) === "IMG" || tagOf(node) === "svg" ? "image" : "generic";
  });
  // domain/tokens.py and domain/secrets.py say what is what, and read it alike.
  const like = (form) => new RegExp(form, "i"), exactly = (form) => new RegExp(form);
  const tokenNames = like(tokens.names), hiddenNames = like(tokens.hiddenNames);
  const [tokenValue, noTokenValue, randomValue] = [tokens.value, tokens.noValue, tokens.random].map(exactly);
  const isToken = (node, value) => {
    if (node.type !== "hidden" || noTokenValue.test(value)) return false;
    return tokenNames.test(node.name) ? !value || tokenValue.test(value) : hiddenNames.test(node.name) && randomValue.test(value);
  };
  const secretForms = secretFields.map(([kind, form]) => [kind, like(form)]);
  const openTypes = new Set(["checkbox", "radio", "file", "submit", "range", "color", "date", "button", "reset", "image"]);
  const secretOf = once((node) => {
    const type = tagOf(node) === "INPUT" ? node.type : tagOf(node).toLowerCase();
    if (openTypes.has(type)) return null;
    const said = [type, attribute(node, "autocomplete") ?? "", attribute(node, "name") ?? "", attribute(node, "id") ?? "", nameOf(node)].join(" ");
    return secretForms.find(([, form]) => form.test(said))?.[0] ?? null;
  });
  // What stands in a secret's field is told as such, and replaced by a mark as soon as Python has it.
  const shown = (node, value) => {
    if (isToken(node, value)) return value ? tokens.shown : "";
    const kind = value ? secretOf(node) : null;
    return kind ? `\x01${kind}\x02${value.slice(0, 2000).toWellFormed()}\x03` : cut(value, 200);
  };
  const hiddenNow = new Map();
  // Whether what would be sent is what the page came with.
  const isAsLoaded = (node) => {
    if (node.type === "hidden") {
      const key = JSON.stringify([attribute(node.form ?? node, "action") ?? "", node.name]);
      if (hiddenFirst.has(key)) return hiddenFirst.get(key).has(node.value);
      hiddenNow.set(key, (hiddenNow.get(key) ?? new Set()).add(node.value));
      return true;
    }
    if (["checkbox", "radio"].includes(node.type)) return node.checked === node.defaultChecked;
    if (node.type === "file") return node.files.length === 0;
    if (tagOf(node) !== "SELECT") return node.value === node.defaultValue;
    const options = [...node.options], marked = options.filter((option) => option.defaultSelected);
    if (node.multiple || marked.length) {
      const first = node.multiple ? new Set(marked) : new Set(marked.slice(-1));
      return options.every((option) => option.selected === first.has(option));
    }
    return node.selectedIndex <= Math.max(0, options.findIndex((option) => !option.disabled));
  };
  const optionText = (option) => squeeze(option.label || textOf(option));
  const valueOf = (node) => {
    if (tagOf(node) === "SELECT") return [...node.selectedOptions].map(optionText).join(", ");
    if (isPushButton(node) || (tagOf(node) === "INPUT" && ["checkbox", "radio"].includes(node.type))) return null;
    if (tagOf(node) === "INPUT" && node.type === "file") return [...node.files].map((file) => file.name).join(", ");
    if (isField(node)) return shown(node, node.value);
    return isEditable(node) && roleOf(node) === "textbox" ? cut(squeeze(read(node, "innerText")), 200) : null;
  };
  const checkedOf = (node) => {
    if (tagOf(node) === "INPUT" && ["checkbox", "radio"].includes(node.type)) return node.checked;
    const aria = attribute(node, "aria-checked");
    return aria === null ? null : aria === "true";
  };

  // --- the walk -----------------------------------------------------------------------------------------------------
  const formOf = (node) => (tagOf(node) === "FORM" ? null : node.form !== null && typeof node.form === "object" ? node.form : null);
  const isSubmitter = (node) => (tagOf(node) === "BUTTON" && node.type === "submit") || (tagOf(node) === "INPUT" && ["submit", "image"].includes(node.type));
  const forms = [], found = [], unseen = [];
  const walkElements = (root) => {
    for (const node of allIn(root)) {
      const tag = tagOf(node), shadow = shadowOf(node);
      if (tag === "FORM") forms.push(node);
      if (isIgnored(node)) continue;
      if (roleOf(node)) found.push(node);
      if (shadow) walkElements(shadow);
      if (tag === "IFRAME" || tag === "FRAME") {
        const shown = shownIn(node);
        if (shown) walkElements(shown);
        else unseen.push(node);
      }
    }
  };
  walkElements(document);
  const formRefs = new Map(forms.map((form, index) => [form, `f${index + 1}`]));
  // Beyond the limit what nobody can see goes first, then links; what is kept stays in document order.
  let kept = found;
  if (found.length > maxElements) {
    const room = new Set();
    const isSeen = (node) => elementVisibility(node) === "visible";
    const sending = new Map();
    for (const node of found) if (isSubmitter(node) && !sending.has(formOf(node))) sending.set(formOf(node), node);
    const isTick = (node) => tagOf(node) === "INPUT" && ["checkbox", "radio"].includes(node.type);
    const isText = (node) => (isField(node) && !isTick(node)) || isEditable(node);
    const isFirst = (node) => (isSubmitter(node) ? sending.get(formOf(node)) === node : isText(node));
    const isControl = (node) => isField(node) || tagOf(node) === "BUTTON";
    for (const suits of [(node) => isFirst(node) && isSeen(node), (node) => isControl(node) && !isTick(node) && isSeen(node), isSeen, () => true]) {
      firstOf(found, maxElements - room.size, (node) => !room.has(node) && suits(node)).forEach((node) => room.add(node));
    }
    kept = found.filter((node) => room.has(node));
  }
  const refs = new Map(kept.map((node, index) => [node, `e${index + 1}`]));
  lastLook = {elements: kept, forms, seenAs: boxVisibility};
  const elements = kept.map((node) => ({
    element_ref: refs.get(node),
    role: roleOf(node),
    name: nameOf(node),
    input_type: tagOf(node) === "INPUT" ? node.type : null,
    value: valueOf(node),
    href: isAnchor(node) ? linkOf(node) : null,
    form_ref: formRefs.get(formOf(node)) ?? null,
    is_disabled: Boolean(read(node, "disabled")) || attribute(node, "aria-disabled") === "true" || Boolean(closest(node, "fieldset:disabled")),
    is_checked: checkedOf(node),
    visibility: elementVisibility(node),
    handled_by: handledBy(node),
    options: tagOf(node) === "SELECT" ? [...node.options].slice(0, 30).map((option) => cut(optionText(option), 80)) : [],
    author: authorOf(node),
  }));

  const submitOf = (form) => [...controlsOf(form)].find(isSubmitter);
  const fieldsOf = (form) => {
    const fields = [];
    const radios = new Map();
    for (const node of controlsOf(form)) {
      if (!node.name || node.disabled || isPushButton(node) || !isField(node)) continue;
      // What would be sent is told of in any case, a box that is not ticked as far as there is room for it.
      if (found.length > kept.length && !refs.has(node) && ["checkbox", "radio"].includes(node.type) && !node.checked) continue;
      const field = {
        name: node.name, label: node.type === "hidden" ? "" : nameOf(node),
        input_type: tagOf(node) === "INPUT" ? node.type : tagOf(node).toLowerCase(),
        value: "", element_ref: refs.get(node) ?? null, is_as_loaded: isAsLoaded(node),
      };
      if (node.type === "radio") {
        if (radios.has(node.name)) {
          if (node.checked) radios.get(node.name).value = node.value;
          radios.get(node.name).is_as_loaded &&= field.is_as_loaded;
          continue;
        }
        radios.set(node.name, field);
        field.value = node.checked ? node.value : "";
      } else if (node.type === "checkbox") field.value = node.checked ? node.value : "";
      else if (tagOf(node) === "SELECT") field.value = [...node.selectedOptions].map((option) => option.value).join(",");
      else if (node.type === "file") field.value = valueOf(node);
      else field.value = shown(node, node.value);
      fields.push(field);
    }
    return fields;
  };
  // Not of the form's own list, which leaves out pictures that send it.
  const submittersOf = (form, first) => kept
    .filter((node) => isSubmitter(node) && formOf(node) === form && (node !== first || node.name))
    .map((node) => ({element_ref: refs.get(node), ...wayOf(form, node), name: cut(node.name, 200), value: cut(node.value, 200)}));
  // How a button sends its form.
  const wayOf = (form, submit) => ({
    method: ((submit && attribute(submit, "formmethod")) || attribute(form, "method") || "get").toUpperCase(),
    action_url: resolve(form, (submit && attribute(submit, "formaction")) || attribute(form, "action") || addressOf(documentOf(form))),
  });
  const titleIn = (form) => { const title = queryOne(form, "legend,h1,h2,h3"); return title ? textOf(title) : ""; };
  const formRecords = forms.filter((form) => !isIgnored(form)).map((form) => {
    const submit = submitOf(form);
    const named = attribute(form, "aria-label") || (attribute(form, "aria-labelledby") ? byIds(form, attribute(form, "aria-labelledby")) : "");
    return {
      form_ref: formRefs.get(form),
      name: cut(squeeze(named) || (submit ? nameOf(submit) : squeeze(titleIn(form))), 120),
      ...wayOf(form, submit),
      fields: fieldsOf(form),
      submit_ref: submit ? refs.get(submit) ?? null : null,
      submitters: submittersOf(form, submit),
    };
  });

  for (const [key, values] of hiddenNow) hiddenFirst.set(key, values);

  const isRecord = once((row) => !queryOne(row, "table,p,ul,ol,form,article,blockquote,div"));
  const isInLine = once((node) => ["inline", "contents"].includes(styleOf(node).display));
  const blockOf = once((node) => {
    const row = closest(node, "tr");
    if (row && isRecord(row)) return row;
    let up = node;
    while (parentOf(up) && isInLine(up)) up = parentOf(up);
    return up;
  });
  const roleOfText = (node) => {
    const marked = closest(node, "h1,h2,h3,h4,h5,h6,[role=heading],[role=alert],[role=status],output");
    if (!marked) return null;
    const role = attribute(marked, "role");
    return role === "alert" || role === "status" ? role : tagOf(marked) === "OUTPUT" ? "status" : "heading";
  };
  const texts = [];
  let open = null, visibleTexts = 0, unread = 0;
  const keep = (text, visibility, author, role) => {
    const squeezed = squeeze(text);
    if (!squeezed) return;
    texts.push({text: cut(squeezed, maxText), visibility, author, role});
    visibleTexts += visibility === "visible";
  };
  const close = () => {
    if (open && open.own) keep(open.text, open.visibility, open.author, open.role);
    open = null;
  };
  const skipped = "script,style,noscript,template,select,textarea,button,datalist,[role=button]";
  const addText = (text, parent) => {
    if (isIgnored(parent) || closest(parent, skipped)) return;
    const visibility = textVisibility(parent);
    // More of what everybody sees has no room; what is hidden further down still has.
    if (visibility === "visible" && visibleTexts >= maxTexts) {
      unread += 1;
      return close();
    }
    const label = closest(parent, "label");
    const isName = Boolean(closest(parent, "a[href],summary")) || Boolean(label && label.control && refs.has(label.control));
    const block = blockOf(parent), author = authorOf(parent);
    if (!open || open.block !== block || open.visibility !== visibility || open.author !== author) {
      close();
      open = {block, visibility, author, role: roleOfText(parent), text: "", own: false, cell: null};
    }
    const cell = closest(parent, "td,th");
    open.text += open.text && cell !== open.cell && tagOf(block) === "TR" ? ` | ${text}` : text;
    open.cell = cell;
    open.own ||= !isName;
  };
  const addWhole = (text, node, visibility, role) => {
    close();
    keep(text, visibility, authorOf(node), role);
  };
  const titleOfNode = (node) => attribute(node, "title") ?? "";
  const walkTexts = (root) => {
    const walker = treeWalker(document, root, NodeFilter.SHOW_TEXT | NodeFilter.SHOW_COMMENT | NodeFilter.SHOW_ELEMENT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      if (node.nodeType === Node.TEXT_NODE) {
        if (!parentOf(node)) continue;
        if (/\S/.test(node.data)) addText(node.data, parentOf(node));
        else if (open) open.text += " ";
      } else if (node.nodeType === Node.COMMENT_NODE) {
        // A person never sees a comment, an agent that reads the page's source does.
        if (squeeze(node.data).length > 20 && parentOf(node) && closest(parentOf(node), "body")) addWhole(node.data, parentOf(node), "hidden", null);
      } else {
        if (shadowOf(node)) walkTexts(shadowOf(node));
        if (isIgnored(node)) continue;
        const tag = tagOf(node);
        const shown = tag === "IFRAME" || tag === "FRAME" ? shownIn(node) : null;
        if (shown && bodyOf(shown)) walkTexts(bodyOf(shown));
        if (tag === "BR" && open) open.text += " ";
        if (tag === "IMG" && node.alt && !refs.has(node) && !closest(node, "a,button")) addWhole(node.alt, node, elementVisibility(node), "image");
        const described = attribute(node, "aria-description") || (refs.has(node) ? titleOfNode(node) !== nameOf(node) && titleOfNode(node) : attribute(node, "aria-label") || titleOfNode(node));
        if (described && described.length > 20 && tag !== "FORM") addWhole(described, node, "hidden", null);
      }
    }
    close();
  };
  const start = bodyOf(document) ?? pageOf(document);
  if (start) walkTexts(start);
  let shownTexts = texts;
  if (texts.length > maxTexts) {
    // Hidden text is where instructions are planted: it keeps half of the room at most and is never crowded out.
    const hidden = texts.filter((block) => block.visibility !== "visible").slice(0, maxTexts >> 1);
    const visible = texts.filter((block) => block.visibility === "visible").slice(0, maxTexts - hidden.length);
    const room = new Set([...hidden, ...visible]);
    shownTexts = texts.filter((block) => room.has(block));
  }

  // --- who is signed in, what is stored -----------------------------------------------------------------------------
  // A button or link that signs out, and the name or the address beside it.
  const signsOut = /^(?:(?:sign|log)[ -]?(?:out|off)|abmelden|ausloggen|(?:se )?d[ée]connecter|d[ée]connexion|cerrar sesi[óo]n|salir|esci|disconnetti(?:ti)?)$/iu;
  const signedIn = /^(?:(?:signed|logged) in as|angemeldet als|connect[ée] en tant que|conectado como|hello|hi|welcome|hallo|bonjour|hola|ciao),?:?\s+(.{2,60}?)[.!]?$/iu;
  const roleAs = /^\(?((?:super |site |system )?(?:admin(?:istrator)?|owner|editor|viewer|member|manager|accountant|agent|clerk|user|guest|operator|reviewer|developer|analyst|supervisor|moderator|[a-z]{4,20}))\)?$/u;
  const leavesOf = (root) => [...queryAll(root, "*")].filter((one) => one.childElementCount === 0 && !["SCRIPT", "STYLE", "OPTION"].includes(tagOf(one)));
  const whoBeside = (button) => {
    const own = squeeze(contentName(button));
    for (let around_ = parentOf(button), depth = 0; around_ && depth < 5; around_ = parentOf(around_), depth += 1) {
      if (["BODY", "HTML", "MAIN"].includes(tagOf(around_))) return null;
      const leaves = leavesOf(around_).map((one) => ({one, text: squeeze(textOf(one))})).filter(({text}) => text && text !== own && text.length <= 60);
      const greeted = leaves.map(({text}) => signedIn.exec(text)?.[1]).find(Boolean);
      const mail = leaves.find(({text}) => mailAs.exec(text)?.[0] === text);
      const person = leaves.find(({one, text}) => isPerson(text) && text.includes(" ") && !(tagOf(one) === "A" && closest(one, "nav")));
      const whole = squeeze(textOf(around_)).match(/^([\w.+-]+@[\w-]+(?:\.[\w-]+)+)/u);
      const principal = greeted ?? mail?.text ?? whole?.[1] ?? person?.text;
      if (!principal) continue;
      const at = leaves.findIndex(({text}) => text.includes(principal)), beside = leaves[at + 1]?.text ?? "";
      return {principal, role: roleAs.exec(beside)?.[1] ?? null};
    }
    return null;
  };
  const out = [...allIn(document)].filter((node) => ["A", "BUTTON", "INPUT"].includes(tagOf(node)) && signsOut.test(squeeze(tagOf(node) === "INPUT" ? node.value : contentName(node) || textOf(node))));
  const auth = out.map(whoBeside).find(Boolean) ?? {principal: null, role: null};
  const readStorage = (area) => {
    try {
      const store = window[area];
      return Object.keys(store).sort().map((itemKey) => [itemKey.toWellFormed(), store.getItem(itemKey).toWellFormed()]);
    } catch { return []; }
  };
  const databases = (await askedDatabases).map((database) => database.name).sort();
  const workers = (await askedWorkers).map((registration) => [
    registration.scope, (registration.active ?? registration.waiting ?? registration.installing)?.scriptURL ?? "",
  ]).sort();
  return JSON.stringify({
    watched: told !== null, unseen: unseen.length, more_elements: found.length - kept.length, more_texts: texts.length - shownTexts.length + unread,
    url: location.href, title: squeeze(titleOf(document)), origin: location.origin, settled, auth, elements,
    texts: shownTexts, forms: formRecords, local: readStorage("localStorage"), session: readStorage("sessionStorage"),
    databases, workers, files, restless: (told?.isRestless ?? true) || workers.length > 0,
  });
}
