// One call an observation: waits until the page rests, or is known to (`isForeseen`), then walks it once and returns,
// as JSON text (half of the time of an object), what observe.py parses.
// Elements are numbered in document order at each observation, so the same page always gives the same references;
// `lastLook` keeps the nodes behind them for the action that follows.
async ({quietMs, capMs, isForeseen, scrolledTo, maxElements, maxTexts, maxText, hiddenSelectors, limits, maxOptions, maxUnseen, tokens, secretFields, margin}) => {
  const started = performance.now();
  // Where the page may run no scripts, no timer of ours runs either; `noscript` is then read as what it holds.
  const isScriptless = () => {
    try {
      const box = document.createElement("div");
      box.innerHTML = "<noscript><b></b></noscript>";
      return box.firstChild.firstChild?.nodeType === Node.ELEMENT_NODE;
    } catch { return false; /* markup must be vouched for here, by a script that runs */ }
  };
  const cannotWait = isScriptless();
  const settled = cannotWait ? readinessOf(document) === "complete" : await new Promise((resolve) => {
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

  if (scrolledTo) {
    const [left, top] = self === self.top ? scrolledTo : [0, 0];
    window.scrollTo({left, top, behavior: "instant"});
  }
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
  // In one writing: a name with its accents written apart is the same name.
  const squeeze = (text) => (text ?? "").toWellFormed().normalize("NFC").replace(/\s+/g, " ").trim();
  const cutAddress = (text, limit) => (text.length > limit ? `${text.slice(0, limit - 30)}…cut-from-${text.length}` : text).toWellFormed();
  const cutShort = (text, limit) => (text.length > limit ? text.slice(0, limit - 1) + "…" : text).toWellFormed();
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
  // Of the frame that shows a document; null: it is the page's own.
  const frameOriginOf = once((shown) => {
    const origin = viewOf(shown)?.origin ?? self.origin;
    return origin === self.origin ? null : origin;
  });
  // --- who would see it ---------------------------------------------------------------------------------------------
  const pageIn = once((shown) => {
    const page = pageOf(shown), view = viewOf(shown);
    return {page, width: page?.scrollWidth ?? 0, left: view?.scrollX ?? 0, top: view?.scrollY ?? 0};
  });
  const isClipped = (node, style) => {
    const display = style.display;
    if (display === "inline" || display === "contents") return false;
    const clipPath = style.clipPath;
    if (clipPath !== "none" && /^(?:inset\((?:[5-9]\d|100)(?:\.\d+)?%|(?:circle|ellipse)\(0)/.test(clipPath)) return true;
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
    const filter = style.filter, faded = filter === "none" ? null : filter.match(/opacity\(([\d.]+)(%?)\)/);
    return inherited * Number(style.opacity) * (faded ? Number(faded[1]) / (faded[2] ? 100 : 1) : 1);
  });
  const seen = {visibilityProperty: true, contentVisibilityAuto: true};
  // Parts that one click shows: what the markup itself opens, what a control names, the rest of a set of which one is shown.
  const opened = "details,dialog,[popover],[role=tabpanel],[role=menu],[role=dialog],[role=alertdialog],[role=tooltip],[role=listbox],[aria-live],[role=status],[role=alert]";
  const naming = ["aria-controls", "aria-owns", "aria-describedby", "data-target", "data-bs-target", "popovertarget", "commandfor", "href", "for"];
  const namedParts = once((root) => {
    const named = new Set();
    for (const control of allMatchingIn(root, naming.map((name) => (name === "href" ? "[href^='#']" : `[${name}]`)).join(","))) {
      if (boxVisibility(control) === "hidden") continue;
      for (const name of naming) {
        for (const id of (attribute(control, name) ?? "").split(/\s+/)) {
          const part = id && byId(root, id.replace(/^#/, ""));
          if (part && !isWithin(control, part)) named.add(part);
        }
      }
    }
    return named;
  });
  const byId = (root, id) => (id ? queryIn(root, `#${CSS.escape(id)}`) : null);
  const partWords = /(?:^|[\s_-])(?:tab|pane|panel|menu|submenu|dropdown|accordion|collapse|collapsible|expandable|modal|popup|overlay|drawer|offcanvas|popover|tooltip|help|hint|faq|spoiler|carousel|slide|toast|lightbox|consent)(?:$|[\s_-])/i;
  const isPart = once((node) => {
    if (matches(node, opened) || namedParts(rootOf(node)).has(node)) return true;
    const outside = parentOf(node);
    if (!outside || authorOf(node) !== null || queryOne(node, "*") === null) return false;
    const classes = attribute(node, "class") ?? "";
    if (partWords.test(`${classes} ${attribute(node, "id") ?? ""}`)) return true;
    const beside = [...childrenOf(outside)];
    // A list beside the button that opens it; a part beside one of its kind that is shown.
    if (["UL", "OL", "MENU"].includes(tagOf(node)) && beside[0] !== node && matches(beside[0], "button,a,summary,[role=button]")) return true;
    return classes !== "" && beside.some((one) => one !== node && tagOf(one) === tagOf(node) &&
      classes.split(/\s+/).some((name) => one.classList.contains(name)) && checkVisibility(one, seen));
  });
  // Not shown, and only because the part that it stands in is closed.
  const isClosed = once((node) => {
    if (isPart(node)) return tagOf(node) !== "DETAILS" || !hasAttribute(node, "open");
    const outside = around(node), style = styleOf(node);
    if (!outside || checkVisibility(outside, seen) && tagOf(outside) !== "DETAILS") return false;
    if (style.display === "none" || (style.visibility === "hidden" && styleOf(outside).visibility !== "hidden")) return false;
    return isClosed(outside);
  });
  // What is clipped to a point for screen readers, in a few words of the site's own.
  const readerClasses = /(?:^|[\s_-])(?:sr-only|visually-?hidden|screen-?reader|assistive|a11y)/i;
  const isForReaders = (node) => {
    for (let up = node; up && boxVisibility(up) === "hidden"; up = parentOf(up)) {
      if (readerClasses.test(attribute(up, "class") ?? "")) return authorOf(up) === null && textOf(up).length <= 80;
    }
    return false;
  };
  const isShut = once((node) => boxVisibility(node) === "hidden" && (checkVisibility(node, seen) ? isForReaders(node) : isClosed(node)));
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
    if (box !== "visible") return isShut(node) ? "closed" : box;
    const style = styleOf(node), color = style.color;
    if (alphaOf(color) < 0.1) return "transparent";
    if (parseFloat(style.fontSize) < 5) return "tiny";
    if (parseFloat(style.textIndent) < -500) return "offscreen";
    const rect = rectOf(node);
    if (rect.width === 0 && rect.height === 0 && style.display !== "contents") return "hidden";
    return color === backgroundOf(node) ? "transparent" : "visible";
  });
  const elementVisibility = once((node) => {
    const box = boxVisibility(node);
    if (box !== "visible") return isShut(node) ? "closed" : box;
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
  const noNames = new Set(("due paid date created updated changed sent received since until start end deadline invoice order total amount status new open closed last first next today yesterday monday tuesday wednesday thursday friday saturday sunday version page from to subject payment report note notes comment comments reply edit delete the this our your all march may april june july august published posted delivered shipped expires valid meeting utc gmt cet cest").split(" "));
  const isPerson = (text) => {
    if (text.length < 2 || text.length > 60 || !personAs.test(text)) return false;
    return !text.toLowerCase().split(/[\s.]+/).some((word) => noNames.has(word));
  };
  const inOthersWords = /^(?:(?:posted|written|sent|added|changed|edited|uploaded|created|commented|submitted|reviewed|geschrieben|écrit|publié|escrito|scritto)\s+)?(?:by|from|von|par|por|da)\s*:?\s+(.+)$/iu;
  const saidToBe = /^(?:from|by|author|sender|posted by|written by|uploaded by|von|absender|verfasser|autor|de|expéditeur|auteur|remitente|mittente|autore)\s*:\s*(.+)$/iu;
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
    const rest = bare(text), told = saidToBe.exec(rest) ?? inOthersWords.exec(rest) ?? hasSaid.exec(text);
    if (told && named(bare(told[1]))) return named(bare(told[1]));
    // A name alone is one beside a date; an address beside one, too.
    const next = node.nextElementSibling, isPart = ["B", "STRONG", "A", "SPAN", "CITE", "EM", "ADDRESS", "H3", "H4", "H5", "H6", "DT", "DIV", "P"].includes(tagOf(node));
    const isName = named(rest), isWhole = rest === text;
    if (isName && isDated(text) && (rest.includes(" ") || rest.includes("@") || node.childElementCount > 0)) return isName;
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
      if (node.childElementCount > 4 || closest(node, noBylines) || queryOne(node, "label,input,select,textarea") || wholes.has(tag) || tag === "TABLE" || tag === "TR") continue;
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
  const ends = new Set(["H1", "H2", "H3", "FORM", "FIELDSET", "SECTION", "ARTICLE", "DIALOG", "NAV", "FOOTER", "TABLE", "HR", "MAIN", "IFRAME"]);
  const isEnd = (node) => ends.has(tagOf(node)) || shadowOf(node) !== null;
  const childIn = (about, node) => { while (node && parentOf(node) !== about) node = parentOf(node); return node; };
  const bylineFor = (about, node) => {
    const found = bylines.get(about), isWhole = wholes.has(tagOf(about)) || tagOf(about) === "SECTION";
    const before = found.filter((one) => one.node.contains(node) || isBefore(one.node, node)).at(-1);
    if (!isWhole && found.length === 1) return found[0].who;
    if (!before) return null;
    if (!isWhole) return before.who;
    // On a whole page a byline is about what follows it, up to what begins something else.
    const start = childIn(about, before.node), end = childIn(about, node);
    for (let at = start; at && at !== end; at = at.nextElementSibling) if (at !== start && isEnd(at)) return null;
    return end && isEnd(end) && end !== start ? null : before.who;
  };
  findBylines(document);
  const isAnyAuthor = bylines.size > 0 || rowAuthors.size > 0;
  const slotOf = getterOf(Element.prototype, "assignedSlot");
  const authorOf = (node) => {
    let at = node;
    while (at) {
      const who = rowAuthors.get(at) ?? (bylines.has(at) ? bylineFor(at, node) : null);
      if (who) return cutShort(who, 60);
      // What is shown in a slot stands, for whoever reads it, in what holds the slot.
      at = slotOf(at) ?? around(at);
    }
    return null;
  };

  const isInLine = once((node) => ["inline", "contents"].includes(styleOf(node).display));
  // --- names and roles ----------------------------------------------------------------------------------------------
  const byIds = (node, ids) => ids.split(/\s+/).map((id) => {
    const named = id && byId(rootOf(node), id);
    return named ? squeeze(attribute(named, "aria-label")) || (isField(named) ? "" : contentName(named)) : "";
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
  // What a screen reader says of a node's content: pictures by their words, nothing of what is marked as an ornament.
  const spokenIn = (node) => {
    let said = "";
    for (const child of nodesOf(node)) {
      if (child.nodeType === Node.TEXT_NODE) said += child.data;
      if (child.nodeType !== Node.ELEMENT_NODE || attribute(child, "aria-hidden") === "true") continue;
      const tag = tagOf(child), label = squeeze(attribute(child, "aria-label"));
      if (label) said += ` ${label} `;
      else if (tag === "IMG") said += ` ${attribute(child, "alt") ?? ""} `;
      else if (tag === "svg") said += ` ${squeeze(textOf(queryOne(child, "title") ?? child))} `;
      else if (tag === "BR" || (checkVisibility(child) && !isInLine(child))) said += ` ${spokenIn(child)} `;
      else if (checkVisibility(child)) said += spokenIn(child);
    }
    return said;
  };
  // Words that only the style writes; letters of icon fonts are none.
  const styledWords = (node, where) => {
    const content = getComputedStyle(node, where).content;
    if (content === "none" || content === "normal") return "";
    return [...content.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, words]) => words.replace(/\\(.)/g, "$1")).join("").replace(/[\ue000-\uf8ff]/g, "");
  };
  const contentName = (node) => {
    const said = queryOne(node, "img[alt],[aria-label],[aria-hidden=true],svg title") && checkVisibility(node) ? spokenIn(node) : null;
    // What a closed part holds has no words that are drawn.
    const own = squeeze(said ?? read(node, "innerText") ?? textOf(node)) || squeeze(slottedIn(node)) || (checkVisibility(node) ? "" : squeeze(textOf(node)));
    const text = squeeze(`${styledWords(node, "::before")}${own}${styledWords(node, "::after")}`);
    if (text) return text;
    const image = queryOne(node, "img[alt],svg title");
    return image ? squeeze(attribute(image, "alt") ?? textOf(image)) : "";
  };
  const pushed = {submit: "Submit", image: "Submit", reset: "Reset", button: ""};
  const nameOf = once((node) => {
    const labelled = attribute(node, "aria-labelledby");
    const candidates = [
      () => (labelled ? byIds(node, labelled) : ""),
      () => attribute(node, "aria-label"),
      () => (isPushButton(node) ? node.value || node.alt || attribute(node, "title") || pushed[node.type] : ""),
      () => (isField(node) && !isPushButton(node) ? labelsOf(node) : ""),
      () => (isField(node) ? "" : contentName(node)),
      () => attribute(node, "alt"),
      () => attribute(node, "title"),
      () => attribute(node, "placeholder"),
      () => attribute(node, "aria-placeholder"),
      () => attribute(node, "name"),
    ];
    for (const candidate of candidates) {
      const name = squeeze(candidate());
      if (name) return cut(name, limits.name);
    }
    return "";
  });
  const tagRoles = {BUTTON: "button", TEXTAREA: "textbox", SUMMARY: "summary"};
  const inputRoles = {
    submit: "button", button: "button", reset: "button", image: "button", checkbox: "checkbox", radio: "radio",
    range: "slider", file: "file", color: "textbox",
  };
  // The first role that there is counts; these are no controls.
  const otherRoles = new Set(["none", "presentation", "generic", "group", "img", "heading", "list", "listitem", "row", "cell", "region", "status", "alert", "dialog"]);
  const actionRoles = new Set([
    "link", "button", "textbox", "searchbox", "combobox", "checkbox", "radio", "switch", "slider", "spinbutton",
    "menuitem", "menuitemcheckbox", "menuitemradio", "tab", "option", "treeitem",
  ]);
  // A listener for presses alone on something that holds controls is a widget's frame (dragging, focus), not a control.
  const nobody = {click: new Set(), press: new Set(), submit: new Set()};
  const handlersIn = once((shown) => (shown === document ? handlers : viewOf(shown)?.handlers ?? nobody));
  const listens = (node, what) => handlersIn(documentOf(node))[what].has(node);
  const handlerAttributes = ["onclick", "ondblclick", "onmouseup", "onpointerup", "onmousedown", "onpointerdown"];
  // Nodes with such an attribute, found at once for a whole document or shadow root.
  const attributed = new Set();
  const hears = (node) => listens(node, "click") || listens(node, "press") || attributed.has(node);
  const hasHandler = (node) => hears(node) && (listens(node, "click") || hasAttribute(node, "onclick") ||
    !queryOne(node, "a[href],button,input,select,textarea"));
  // The nearest node that hears a click on this one; a click does not leave its document.
  const hearerOf = once((node) => (hears(node) ? node : hearerAround(node)));
  const hearerAround = (node) => {
    const outside = parentOf(node) ?? rootOf(node).host;
    return outside ? hearerOf(outside) : null;
  };
  const isHeardByAll = once((shown) => [pageOf(shown), bodyOf(shown)].some((one) => one && hears(one)) ||
    handlersIn(shown).click.has(shown) || handlersIn(shown).press.has(shown));
  const areSent = (form) => listens(form, "submit") || hasAttribute(form, "onsubmit") || hears(form);
  // Where a component framework has put its one listener: what holds most of the page.
  const holdsThePage = once((node) => {
    const shown = documentOf(node);
    return node === bodyOf(shown) || node === pageOf(shown) ||
      queryAll(node, controls).length > 1 && queryAll(node, "*").length > 0.6 * queryAll(bodyOf(shown) ?? pageOf(shown), "*").length;
  });
  const controls = "a[href],button,input,select,textarea,[tabindex],[role=button],[role=link]";
  const handledBy = (node) => {
    if (hasHandler(node) && !(delegating.has(node) && holdsThePage(node))) return "own";
    const form = isSubmitter(node) ? formOf(node) : null;
    if (form && areSent(form)) return "form";
    const hearer = hearerAround(node);
    if (hearer && !holdsThePage(hearer)) return "around";
    const shown = documentOf(node), isSentToAll = form !== null && handlersIn(shown).submit.has(shown);
    return hearer || isHeardByAll(shown) || isSentToAll ? "document" : null;
  };
  // What can be clicked only because something around it listens: it shows a hand, can be focused, or says in an attribute
  // what a click on it does.
  const delegating = new Set();
  const commands = "[data-action],[data-click],[data-command],[data-cmd],[data-href],[data-url],[jsaction]";
  const records = "[data-id],[data-key],[data-value],[data-index],[data-date],[data-day],[data-name]";
  const hasHand = (node) => {
    if (styleOf(node).cursor !== "pointer") return false;
    const outside = around(node);
    return !outside || styleOf(outside).cursor !== "pointer" || (hears(outside) && rows.has(tagOf(node)));
  };
  const rows = new Set(["LI", "TR", "TD"]);
  const isDelegated = (node) => {
    const hearer = hearerAround(node);
    if (!hearer && !isHeardByAll(documentOf(node))) return false;
    const tag = tagOf(node);
    if (tag === "BODY" || tag === "HTML" || tag === "LABEL" || tag === "OPTION" || tag === "FORM" || closest(node, "a[href],button,label,summary")) return false;
    const isLeaf = (what) => matches(node, what) && !queryOne(node, `${controls},${what}`);
    const isClickable = hasHand(node) || (hasAttribute(node, "tabindex") && node.tabIndex >= 0) || isLeaf(commands) ||
      (hearer !== null && !holdsThePage(hearer) && isLeaf(records));
    if (isClickable && hearer) delegating.add(hearer);
    return isClickable;
  };
  // SVG has links of its own.
  const isAnchor = (node) => ["A", "AREA", "a"].includes(tagOf(node));
  const linkOf = (node) => {
    const address = attribute(node, "href") ?? (tagOf(node) === "a" ? attribute(node, "xlink:href") : null);
    return address === null ? null : resolve(node, address.trim());
  };
  const isEditable = (node) => node !== null && read(node, "isContentEditable") === true;
  const ownRole = (node, tag) => {
    if (tag === "A" || tag === "AREA" || tag === "a") return linkOf(node) === null ? null : "link";
    if (tag === "INPUT") return node.type === "hidden" ? null : inputRoles[node.type] ?? "textbox";
    if (tag === "SELECT") return "combobox";
    return tagRoles[tag] ?? (isAnyEditable && isEditable(node) && !isEditable(parentOf(node)) ? "textbox" : null);
  };
  // Asked first, as most pages have none.
  let isAnyEditable = document.designMode === "on";
  const isAnyHeard = (shown) => attributed.size > 0 || handlersIn(shown).click.size > 0 || handlersIn(shown).press.size > 0;
  const roleOf = once((node) => {
    const given = attribute(node, "role")?.trim().split(/\s+/).find((role) => actionRoles.has(role) || otherRoles.has(role));
    if (given && actionRoles.has(given)) return given;
    const tag = tagOf(node), own = ownRole(node, tag);
    if (own) return own;
    if (!isAnyHeard(documentOf(node)) || (hasHandler(node) ? tag === "BODY" || tag === "HTML" : !isDelegated(node))) return null;
    return tag === "IMG" || tag === "svg" ? "image" : "generic";
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
    return kind ? `\x01${kind}\x02${value.slice(0, 2000).toWellFormed()}\x03` : cut(value, limits.value);
  };
  const hiddenNow = new Map();
  // Whether what would be sent is what the page came with.
  const isAsLoaded = (node) => {
    if (!isField(node)) {
      const text = valueOf(node);
      if (!firstTexts.has(node)) firstTexts.set(node, text);
      return firstTexts.get(node) === text;
    }
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
    if (tagOf(node) === "SELECT") return cut([...node.selectedOptions].map(optionText).join(", "), limits.value);
    if (isPushButton(node) || (tagOf(node) === "INPUT" && ["checkbox", "radio"].includes(node.type))) return null;
    if (tagOf(node) === "INPUT" && node.type === "file") return cut([...node.files].map((file) => file.name).join(", "), limits.value);
    if (isField(node)) return shown(node, node.value);
    return isEditable(node) && roleOf(node) === "textbox" ? cut(squeeze(read(node, "innerText")), limits.value) : null;
  };
  const checkedOf = (node) => {
    if (tagOf(node) === "INPUT" && ["checkbox", "radio"].includes(node.type)) return node.checked;
    const aria = attribute(node, "aria-checked");
    return aria === null ? null : aria === "true";
  };

  // --- what a click would land on -----------------------------------------------------------------------------------
  const originOf = (frame) => { try { return new URL(resolve(frame, attribute(frame, "src") ?? "")).origin; } catch { return "null"; } };
  const wordsFor = (hit) => {
    const tag = tagOf(hit);
    if (tag === "IFRAME" || tag === "FRAME" || tag === "OBJECT" || tag === "EMBED") return `frame of ${originOf(hit)}`;
    let named = hit;
    while (named && !roleOf(named)) named = parentOf(named) ?? rootOf(named).host;
    const name = cutShort(nameOf(named ?? hit), limits.name), link = named && isAnchor(named) ? linkOf(named) : null;
    return (named ? roleOf(named) : "part of the page") + (name ? ` "${name}"` : link ? ` to ${cutShort(link, limits.name)}` : "");
  };
  // What covers all of the view, wherever one scrolls, or lets nothing beside it be used; null: nothing does.
  const overlayOf = once((shown) => {
    const view = viewOf(shown), width = view?.innerWidth ?? 0, height = view?.innerHeight ?? 0;
    for (let up = hitAt(shown, width / 2, height / 2); up; up = parentOf(up) ?? rootOf(up).host) {
      if (matches(up, ":modal")) return up;
      const box = rectOf(up);
      if (box.width < width * 0.95 || box.height < height * 0.95) continue;
      if (styleOf(up).position === "fixed") return up;
    }
    return null;
  });
  // In words; `cover` is what gets a click on the node's middle.
  const coveredBy = (node, cover) => {
    if (elementVisibility(node) !== "visible") return null;
    const hit = cover ?? (isOnScreen(node) ? null : overlayOf(documentOf(node)));
    return hit && !isHit(node, hit) ? wordsFor(hit) : null;
  };
  // Of a frame that another process or origin shows: what is over its middle.
  const standingOf = (frame) => ({seenAs: boxVisibility(frame), coveredBy: coveredBy(frame, coverOf(frame))});

  // --- the walk -----------------------------------------------------------------------------------------------------
  const forms = [], listened = [], foreign = [], opaque = [];
  const lists = new Set(["UL", "OL", "TABLE", "TBODY", "TR"]);
  const opaqueTags = new Set(["CANVAS", "OBJECT", "EMBED"]);
  const walkElements = (root) => {
    for (const node of allMatchingIn(root, handlerAttributes.map((name) => `[${name}]`).join(","))) attributed.add(node);
    isAnyEditable ||= root.designMode === "on" || allMatchingIn(root, "[contenteditable]").length > 0;
    for (const node of allIn(root)) {
      const tag = tagOf(node), shadow = shadowOf(node);
      if (tag === "FORM") forms.push(node);
      if (isIgnored(node)) continue;
      if (roleOf(node)) listened.push(node);
      if (shadow) walkElements(shadow);
      else if (opaqueTags.has(tag) || tag.includes("-")) opaque.push(node);
      if (tag === "IFRAME" || tag === "FRAME" || (tag === "OBJECT" && shownIn(node))) {
        const shown = shownIn(node);
        if (shown) walkElements(shown);
        else foreign.push(originOf(node));
      }
    }
  };
  walkElements(document);
  // Whose listener is for what stands in it is no control, unless it shows a hand of its own.
  const isRoot = (node) => hasHandler(node) && roleOf(node) === "generic" && (delegating.has(node) || holdsThePage(node)) &&
    (lists.has(tagOf(node)) || styleOf(node).cursor !== "pointer");
  const found = listened.filter((node) => !isRoot(node));
  // What is pointed at is a part of the state in any case, as the control that it stands in, or as it is.
  let target = pointed?.isConnected ? pointed : null;
  if (target) {
    const offered = new Set(found);
    let inside = target;
    while (inside && !offered.has(inside)) inside = around(inside);
    if (inside) target = inside;
    else found.push(target);
  }
  // Fields that no form holds, and the buttons beside them, which only a script can send: grouped by what holds both.
  const isLoose = (node) => !formOf(node) && !closest(node, "form");
  // "Close" is for what is open on the page; "Close ticket" is something that is done.
  const asides = /^\W*$|^(?:clear|close|cancel|reset|undo|redo)(?: (?:all|it|this|the|dialog|window|menu|message|form|fields?|filters?|search|changes|selection))*\W*$|^(?:show|hide|toggle|dismiss|bold|italic|underline)\b/i;
  const isLooseButton = (node) => roleOf(node) === "button" && isLoose(node) && !hasAttribute(node, "aria-haspopup") &&
    !hasAttribute(node, "aria-expanded") && !asides.test(nameOf(node)) && boxVisibility(node) !== "hidden";
  const isWritable = (node) => (isField(node) && !isPushButton(node)) || (isEditable(node) && roleOf(node) === "textbox");
  const outsideOf = (node) => parentOf(node) ?? rootOf(node).host;
  const looseFields = found.filter((node) => isWritable(node) && isLoose(node) && boxVisibility(node) !== "hidden");
  const scripted = new Map(), looseFormOf = new Map();
  const sections = "dialog,[role=dialog],[role=alertdialog],section,main,[role=main],header,footer,nav,aside,article,[role=search]";
  if (looseFields.length > 0) {
    const looseButtons = found.filter(isLooseButton), holdsButton = new Set();
    for (const button of looseButtons) {
      for (let up = outsideOf(button); up && !holdsButton.has(up); up = outsideOf(up)) {
        holdsButton.add(up);
        if (matches(up, sections) || (matches(up, "li,tr") && queryOne(up, "input,select,textarea,[contenteditable]"))) break;
      }
    }
    const groupOf = once((node) => {
      const outside = outsideOf(node);
      if (!outside) return null;
      if (holdsButton.has(outside)) return outside;
      return matches(outside, sections) ? null : groupOf(outside);
    });
    for (const field of looseFields) {
      const group = groupOf(field);
      if (!group) continue;
      if (!scripted.has(group)) scripted.set(group, {fields: [], buttons: []});
      scripted.get(group).fields.push(field);
    }
    const isTick = (node) => tagOf(node) === "INPUT" && ["checkbox", "radio"].includes(node.type);
    for (const [group, {fields}] of scripted) if (fields.every(isTick)) scripted.delete(group);
    const nearest = once((node) => (scripted.has(node) ? node : outsideOf(node) ? nearest(outsideOf(node)) : null));
    for (const button of looseButtons) scripted.get(nearest(button))?.buttons.push(button);
    for (const [group, {fields, buttons}] of scripted) {
      // What sends stands after what it sends, mostly.
      const last = fields.at(-1), after = (node) => (last.compareDocumentPosition(node) & Node.DOCUMENT_POSITION_FOLLOWING) !== 0;
      buttons.sort((one, other) => after(other) - after(one));
      for (const node of [...fields, ...buttons]) looseFormOf.set(node, group);
    }
  }
  const formRefs = new Map([...forms, ...scripted.keys()].map((form, index) => [form, `f${index + 1}`]));
  // Beyond the limit what nobody can see goes first, then links; what is kept stays in document order.
  let kept = found;
  if (found.length > maxElements) {
    const room = new Set(target ? [target] : []);
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
  // A field that has no name is called by what it shows.
  const fieldNames = once((group) => {
    const names = new Map();
    for (const node of scripted.get(group).fields) {
      const plain = cutShort(squeeze(attribute(node, "name")) || nameOf(node) || squeeze(attribute(node, "id")) || "field", limits.name);
      let name = plain;
      const isSet = node.type === "radio" && attribute(node, "name");
      for (let at = 2; !isSet && [...names.values()].includes(name); at += 1) name = `${plain} ${at}`;
      names.set(node, name);
    }
    return names;
  });
  // A form that a script sends: fields without a name, which the browser itself leaves out, are read by that script.
  const isSentByScript = (form) => {
    for (let up = around(form); up; up = around(up)) if (listens(up, "submit")) return true;
    return areSent(form) || handlersIn(documentOf(form)).submit.has(documentOf(form));
  };
  const called = new Map();
  for (const form of forms.filter(isSentByScript)) {
    const taken = new Set([...controlsOf(form)].map((node) => node.name));
    for (const node of controlsOf(form)) {
      if (node.name || !isField(node) || isPushButton(node) || node.type === "hidden") continue;
      const plain = cutShort(nameOf(node) || squeeze(attribute(node, "id")) || "field", limits.name);
      let name = plain;
      for (let at = 2; taken.has(name); at += 1) name = `${plain} ${at}`;
      taken.add(name);
      called.set(node, name);
    }
  }
  lastLook = {elements: kept, forms, called, standingOf, isToken};
  remember();
  const elements = kept.map((node, at) => ({
    element_ref: refs.get(node),
    role: roleOf(node) ?? "generic",
    name: nameOf(node),
    input_type: tagOf(node) === "INPUT" ? node.type : null,
    value: valueOf(node),
    href: isAnchor(node) && linkOf(node) !== null ? cutAddress(linkOf(node), limits.href) : null,
    form_ref: formRefs.get(formOf(node) ?? looseFormOf.get(node)) ?? null,
    is_disabled: Boolean(read(node, "disabled")) || attribute(node, "aria-disabled") === "true" || Boolean(closest(node, "fieldset:disabled,[inert]")),
    is_checked: checkedOf(node),
    visibility: elementVisibility(node),
    handled_by: handledBy(node),
    covered_by: coveredBy(node, lastLook.prints[at].cover),
    options: tagOf(node) === "SELECT" ? [...node.options].slice(0, maxOptions).map((option) => cut(optionText(option), limits.option)) : [],
    author: authorOf(node),
    origin: frameOriginOf(documentOf(node)),
  }));

  const submitOf = (form) => [...controlsOf(form)].find(isSubmitter);
  const fieldsOf = (controls) => {
    const fields = [];
    const radios = new Map();
    for (const [node, name] of controls) {
      // What would be sent is told of in any case, a box that is not ticked as far as there is room for it.
      if (found.length > kept.length && !refs.has(node) && ["checkbox", "radio"].includes(node.type) && !node.checked) continue;
      const field = {
        name, label: node.type === "hidden" ? "" : nameOf(node),
        input_type: tagOf(node) === "INPUT" ? node.type : isField(node) ? tagOf(node).toLowerCase() : "contenteditable",
        value: "", element_ref: refs.get(node) ?? null, is_as_loaded: isAsLoaded(node),
      };
      if (node.type === "radio") {
        if (radios.has(name)) {
          const first = radios.get(name);
          if (node.checked) first.value = cut(node.value, limits.value);
          first.is_as_loaded &&= isAsLoaded(node);
          continue;
        }
        radios.set(name, field);
        field.value = node.checked ? cut(node.value, limits.value) : "";
      } else if (node.type === "checkbox") field.value = node.checked ? cut(node.value, limits.value) : "";
      else if (tagOf(node) === "SELECT") field.value = cut([...node.selectedOptions].map((option) => option.value).join(","), limits.value);
      else if (node.type === "file" || !isField(node)) field.value = valueOf(node);
      else field.value = shown(node, node.value);
      fields.push(field);
    }
    return fields;
  };
  // Not of the form's own list, which leaves out pictures that send it.
  const submittersOf = (form, first) => kept
    .filter((node) => isSubmitter(node) && formOf(node) === form && (node !== first || node.name))
    .map((node) => ({element_ref: refs.get(node), ...wayOf(form, node), name: cutShort(node.name, limits.name), value: cut(node.value, limits.value)}));
  // How a button sends its form.
  const wayOf = (form, submit) => ({
    method: ((submit && attribute(submit, "formmethod")) || attribute(form, "method") || "get").toUpperCase(),
    action_url: cutAddress(resolve(form, (submit && attribute(submit, "formaction")) || attribute(form, "action") || addressOf(documentOf(form))), limits.url),
  });
  const titleIn = (form) => { const title = queryOne(form, "legend,h1,h2,h3"); return title ? textOf(title) : ""; };
  const sentBy = (form) => [...controlsOf(form)]
    .filter((node) => sentAs(node) && !matches(node, ":disabled") && !isPushButton(node) && isField(node))
    .map((node) => [node, cutShort(sentAs(node), limits.name)]);
  const formRecords = forms.filter((form) => !isIgnored(form)).map((form) => {
    const submit = submitOf(form);
    const named = attribute(form, "aria-label") || (attribute(form, "aria-labelledby") ? byIds(form, attribute(form, "aria-labelledby")) : "");
    return {
      form_ref: formRefs.get(form),
      name: cut(squeeze(named) || (submit ? nameOf(submit) : squeeze(titleIn(form))), limits.name),
      ...wayOf(form, submit),
      fields: fieldsOf(sentBy(form)),
      submit_ref: submit ? refs.get(submit) ?? null : null,
      submitters: submittersOf(form, submit),
    };
  });

  const ownWay = {method: "", action_url: ""};
  for (const [group, {buttons: [first, ...others]}] of scripted) {
    formRecords.push({
      form_ref: formRefs.get(group), name: first ? nameOf(first) : "", ...ownWay,
      fields: fieldsOf(fieldNames(group)),
      submit_ref: refs.get(first) ?? null,
      submitters: others.filter((node) => refs.has(node)).map((node) => ({element_ref: refs.get(node), ...ownWay, name: "", value: ""})),
      is_scripted: true,
    });
  }
  for (const [key, values] of hiddenNow) hiddenFirst.set(key, values);

  const isRecord = once((row) => !queryOne(row, "table,p,ul,ol,form,article,blockquote,div"));
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
  let open = null, plainTexts = 0, tellingTexts = 0, unread = 0;
  // Headings, notices and what somebody wrote have a room of their own: many rows above them take it from none.
  const isTelling = (text) => text.role !== null || text.author !== null;
  const keep = (text, visibility, author, role, shown) => {
    const squeezed = squeeze(text);
    if (!squeezed) return;
    texts.push({text: cut(squeezed, maxText), visibility, author, role, origin: frameOriginOf(shown)});
    if (visibility !== "visible") return;
    if (isTelling(texts.at(-1))) tellingTexts += 1;
    else plainTexts += 1;
  };
  const close = () => {
    if (open && open.own) keep(open.text, open.visibility, open.author, open.role, documentOf(open.block));
    open = null;
  };
  const skipped = "script,style,noscript,template,select,textarea,button,datalist,[role=button]";
  const addText = (text, parent, slot) => {
    if (isIgnored(parent)) return;
    const within = closest(parent, skipped) ?? (slot ? closest(slot, skipped) : null);
    // What a button shows is its name, unless it is called otherwise.
    if (within && !(refs.has(within) && !isField(within) && !nameOf(within).includes(squeeze(text)))) return;
    const visibility = textVisibility(parent);
    // More of what everybody sees has no room; what is hidden further down still has.
    if (visibility === "visible" && plainTexts >= maxTexts &&
        (tellingTexts >= maxTexts || !isTelling({role: roleOfText(parent), author: isAnyAuthor ? authorOf(slot ?? parent) : null}))) {
      unread += 1;
      return close();
    }
    const label = closest(parent, "label");
    const link = closest(parent, "a[href],summary");
    const isName = Boolean(link && !(refs.has(link) && !nameOf(link).includes(squeeze(text)))) || Boolean(label && label.control && refs.has(label.control));
    const block = blockOf(parent), author = authorOf(slot ?? parent);
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
    keep(text, visibility, authorOf(node), role, documentOf(node));
  };
  const titleOfNode = (node) => attribute(node, "title") ?? "";
  const walkTexts = (root) => {
    const walker = treeWalker(document, root, NodeFilter.SHOW_TEXT | NodeFilter.SHOW_COMMENT | NodeFilter.SHOW_ELEMENT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      if (node.nodeType === Node.TEXT_NODE) {
        if (!parentOf(node)) continue;
        if (/\S/.test(node.data)) addText(node.data, parentOf(node), node.assignedSlot);
        else if (open) open.text += " ";
      } else if (node.nodeType === Node.COMMENT_NODE) {
        // A person never sees a comment, an agent that reads the page's source does.
        if (squeeze(node.data).length > 20 && parentOf(node) && closest(parentOf(node), "body")) addWhole(node.data, parentOf(node), "hidden", null);
      } else {
        if (shadowOf(node)) walkTexts(shadowOf(node));
        if (isIgnored(node)) continue;
        const tag = tagOf(node);
        const shown = tag === "IFRAME" || tag === "FRAME" || tag === "OBJECT" ? shownIn(node) : null;
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
    const isOf = (...kinds) => (block) => kinds.includes(block.visibility);
    const hidden = texts.filter((block) => !isOf("visible", "closed")(block)).slice(0, maxTexts >> 1);
    const seen = texts.filter(isOf("visible")), left = maxTexts - hidden.length, telling = seen.filter(isTelling);
    const most = Math.max(left >> 1, left - (seen.length - telling.length));
    const visible = [...telling.slice(0, most), ...seen.filter((block) => !isTelling(block))].slice(0, left);
    const closed = texts.filter(isOf("closed")).slice(0, maxTexts - hidden.length - visible.length);
    const room = new Set([...hidden, ...visible, ...closed]);
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
  // --- what cannot be looked into, and what lies below --------------------------------------------------------------
  const opaqueWords = (node) => {
    const {width, height} = rectOf(node), tag = tagOf(node);
    if (width <= 40 || height <= 40 || isIgnored(node) || boxVisibility(node) !== "visible") return null;
    const named = cutShort(squeeze(attribute(node, "aria-label") || attribute(node, "title") || attribute(node, "id")), limits.name);
    const name = named ? ` "${named}"` : "";
    if (tag === "CANVAS") return `canvas${name} of ${Math.round(width)} x ${Math.round(height)}`;
    const kind = squeeze(attribute(node, "type"));
    if (opaqueTags.has(tag)) return shownIn(node) ? null : `embedded ${cutShort(kind || "object", limits.name)}${name}`;
    // A component that draws something although it holds nothing has a shadow root that is closed.
    const isEmpty = !/\S/.test(textOf(node)) && childrenOf(node).length === 0;
    return isEmpty && matches(node, ":defined") ? `closed component ${cutShort(tag.toLowerCase(), limits.name)}${name}` : null;
  };
  const unseen = firstOf(opaque.map(opaqueWords), maxUnseen, (words) => words !== null);
  // The page, or the largest part around its middle that scrolls by itself.
  const isMoreBelow = () => {
    const page = document.scrollingElement ?? pageOf(document), view = innerHeight;
    if (page && page.scrollHeight - page.scrollTop - view > 8) return styleOf(page).overflowY !== "hidden";
    for (let up = hitAt(document, innerWidth / 2, view / 2); up && up !== page; up = around(up)) {
      const left = up.scrollHeight - up.scrollTop - up.clientHeight;
      if (left > 8 && up.clientHeight > view / 3 && ["auto", "scroll", "overlay"].includes(styleOf(up).overflowY)) return true;
    }
    return false;
  };
  const databases = (await askedDatabases).map((database) => database.name).sort();
  const workers = (await askedWorkers).map((registration) => [
    registration.scope, (registration.active ?? registration.waiting ?? registration.installing)?.scriptURL ?? "",
  ]).sort();
  return JSON.stringify({
    is_unready: cannotWait && !settled,
    watched: told !== null, pointed: refs.get(target) ?? null, stopped: lastLook.stopped, unseen, foreign, is_more_below: isMoreBelow(), scrolled: [scrollX, scrollY], more_elements: found.length - kept.length, more_texts: texts.length - shownTexts.length + unread,
    url: location.href, title: cut(squeeze(titleOf(document)), limits.title), origin: self.origin, settled, auth, elements,
    texts: shownTexts, forms: formRecords, local: readStorage("localStorage"), session: readStorage("sessionStorage"),
    databases, workers, files, restless: (told?.isRestless ?? true) || workers.length > 0,
  });
}
