// Gõ Cửa on a site of one's own: <script src="https://HOST/embed.js" defer></script>
// A round button; pressed, the chat in a frame, all in a shadow root: the page's own look is not touched. Where the chat
// may not be framed, or the browser is too old for it, a link stands there instead.
(() => {
  "use strict";
  if (document.querySelector("gocua-chat")) return; // the page has it twice
  const HOST = new URL(document.currentScript.src).origin;
  const OPEN = "gocua.open";
  const LOOK = `
    :host { all: initial; }
    * { box-sizing: border-box; font: 600 18px/1.3 system-ui, Roboto, sans-serif; }
    .round, .link { position: fixed; z-index: 2147483000; right: 16px; bottom: calc(16px + env(safe-area-inset-bottom)); color: #fff; background: #0b5345; border: 2px solid #fff; box-shadow: 0 2px 10px #0006; cursor: pointer; }
    .round { width: 64px; height: 64px; border-radius: 50%; padding: 0; display: grid; place-items: center; }
    .round[hidden] { display: none; }
    .dot { position: absolute; top: 0; right: 0; width: 18px; height: 18px; border-radius: 50%; background: #ffb300; border: 2px solid #fff; }
    .dot[hidden] { display: none; }
    .link { padding: 14px 18px; border-radius: 28px; text-decoration: none; }
    dialog { position: fixed; z-index: 2147483001; inset: auto 16px 16px auto; margin: 0; padding: 0; width: 400px; height: min(640px, calc(100vh - 32px));
      max-width: none; max-height: none; border: 1px solid #0b5345; border-radius: 14px; overflow: hidden; background: #f4f1ea; box-shadow: 0 4px 24px #0006; }
    dialog[open] { display: flex; flex-direction: column; }
    .top { display: flex; align-items: center; justify-content: space-between; gap: 8px; padding: 4px 4px 4px 14px; color: #fff; background: #0b5345; }
    .top p { margin: 0; }
    .top button { min-width: 48px; min-height: 48px; padding: 0 12px; color: #fff; background: none; border: 2px solid #fff; border-radius: 12px; cursor: pointer; }
    iframe { flex: 1; width: 100%; border: 0; }
    :focus-visible { outline: 4px solid #1a4fc4; outline-offset: 2px; }
    .top :focus-visible { outline-color: #fff; outline-offset: -6px; }
    @media (max-width: 600px) { dialog { inset: 0; width: 100%; height: 100%; border: 0; border-radius: 0; } }
    @media print { .round, .link, dialog { display: none !important; } }`;

  const root = document.createElement("gocua-chat").attachShadow({ mode: "open" });
  if ("adoptedStyleSheets" in root && "replaceSync" in CSSStyleSheet.prototype) { // past a policy against inline styles
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(LOOK);
    root.adoptedStyleSheets = [sheet];
  } else {
    root.append(make("style", {}, LOOK));
  }

  function make(name, attributes, text = "") {
    const space = name === "svg" || name === "path" ? "2000/svg" : "1999/xhtml";
    const one = document.createElementNS(`http://www.w3.org/${space}`, name);
    for (const [key, value] of Object.entries(attributes)) one.setAttribute(key, value);
    one.textContent = text;
    return one;
  }

  function link() {
    root.append(make("a", { class: "link", href: `${HOST}/`, target: "_blank", rel: "noopener" }, "Nhắn Tổ công nghệ số"));
  }

  function chat() {
    const round = make("button", { class: "round", type: "button", "aria-label": "Nhắn Tổ công nghệ số", "aria-haspopup": "dialog" });
    const bubble = make("svg", { viewBox: "0 0 24 24", width: 34, height: 34, "aria-hidden": true });
    bubble.append(make("path", { fill: "none", stroke: "#fff", "stroke-width": 2, "stroke-linejoin": "round", d: "M3 4h18v12h-9l-5 4v-4H3z" }));
    const dot = make("span", { class: "dot", hidden: "" });
    const dialog = make("dialog", { "aria-label": "Trò chuyện với Tổ công nghệ số" });
    const top = make("div", { class: "top" });
    const shut = make("button", { type: "button" }, "Đóng");
    const frame = make("iframe", { title: "Trò chuyện với Tổ công nghệ số", allow: "geolocation" });
    round.append(bubble, dot);
    top.append(make("p", {}, "Tổ công nghệ số"), shut);
    dialog.append(top);
    root.append(round, dialog);

    function open(byItself) {
      const was = document.activeElement;
      if (!frame.src) {
        frame.src = `${HOST}/embed`;
        dialog.append(frame);
      }
      mark(false);
      // On a phone it fills the screen, so the page behind it must be out of reach; on a desk one reads both.
      if (matchMedia("(max-width: 600px)").matches) dialog.showModal(); else dialog.show();
      round.hidden = true;
      remember("1");
      if (!byItself) return frame.focus();
      root.activeElement?.blur();
      was?.focus();
    }

    frame.addEventListener("load", () => {
      if (root.activeElement === frame) { frame.blur(); frame.focus(); }
    });

    function mark(news) {
      dot.hidden = !news;
      round.setAttribute("aria-label", news ? "Nhắn Tổ công nghệ số, có tin mới" : "Nhắn Tổ công nghệ số");
    }

    function remember(how) {
      try { sessionStorage.setItem(OPEN, how); } catch { /* forbidden here */ }
    }

    round.addEventListener("click", () => open(false));
    shut.addEventListener("click", () => dialog.close());
    dialog.addEventListener("keydown", (event) => { if (event.key === "Escape") { event.preventDefault(); dialog.close(); } });
    dialog.addEventListener("close", () => { round.hidden = false; remember(""); round.focus(); });
    addEventListener("message", (event) => {
      if (event.source !== frame.contentWindow || event.origin !== HOST) return;
      if (event.data === "gocua:close") dialog.close();
      if (event.data === "gocua:told" && !dialog.open) mark(true);
    });
    try { if (sessionStorage.getItem(OPEN)) open(true); } catch { /* as above */ }
  }

  document.body.append(root.host);
  if (!window.HTMLDialogElement) link();
  else fetch(`${HOST}/embed/allowed`, { credentials: "omit" }).then((answer) => answer.ok).catch(() => false).then((may) => (may ? chat() : link()));
})();
