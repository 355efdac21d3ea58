// The resident's page. What is sent is kept in localStorage under an id of its own until the server has stored it, and
// is sent again with the same id as long as that takes; what is told comes over one event stream that is opened again
// after the newest line seen. So nothing is lost and nothing comes twice.
(() => {
  "use strict";
  const at = (id) => document.getElementById(id);
  const log = at("log"), words = at("words"), typing = at("typing").firstElementChild;
  const UNSENT = "gocua.unsent.";
  const framed = document.body.classList.contains("framed");
  const SLOWEST_MS = 8000, LONGEST_SIDE = 1600, MOST_BYTES = 10 * 1024 * 1024;

  // --- what is on its way ---

  const unsent = [];
  let sending = false, sendWait = 500, sendTimer = 0;

  function uuid() {
    const b = crypto.getRandomValues(new Uint8Array(16));
    b[6] = (b[6] & 15) | 64;
    b[8] = (b[8] & 63) | 128;
    const hex = Array.from(b, (one) => one.toString(16).padStart(2, "0")).join("");
    return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
  }

  function keep(item) {
    try { localStorage.setItem(UNSENT + item.id, JSON.stringify({ ...item, file: undefined })); } catch { /* full or forbidden: it lives as long as the page */ }
  }

  function forget(item) {
    unsent.splice(unsent.indexOf(item), 1);
    try { localStorage.removeItem(UNSENT + item.id); } catch { /* as above */ }
  }

  function load() {
    try {
      const keys = Object.keys(localStorage).filter((key) => key.startsWith(UNSENT));
      const items = keys.map((key) => JSON.parse(localStorage.getItem(key)));
      return items.sort((a, b) => a.at - b.at);
    } catch { return []; }
  }

  function say(what) {
    hush();
    const item = { id: uuid(), at: Date.now(), ...what };
    keep(item);
    show(item);
    follow(ownLine(item));
    send();
  }

  function ownLine(item) { return log.querySelector(`[data-provider="${item.id}"]`); }

  function show(item) {
    unsent.push(item);
    at("welcome")?.remove();
    const line = at("own").content.firstElementChild.cloneNode(true);
    line.dataset.provider = item.id;
    line.classList.add("waiting");
    const said = line.querySelector(".words");
    if (item.photo || item.file) {
      const picture = new Image();
      picture.alt = "Hình Bác gửi";
      picture.src = item.photo || URL.createObjectURL(item.file);
      said.replaceWith(picture);
    } else {
      said.textContent = item.text === "/start" ? "Bắt đầu" : item.text || item.label || "(vị trí)";
    }
    if (item.choice) log.querySelector(`[data-choice="${item.choice}"]`)?.closest(".choices").remove();
    log.append(line);
  }

  function post(item) {
    const within = (ms) => AbortSignal.timeout?.(ms); // a picture over a slow net takes minutes
    if (!item.photo && !item.file) {
      const { at: _, ...body } = item;
      return fetch("/chat/say", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body), signal: within(30000) });
    }
    const form = new FormData();
    const bytes = item.file || new Blob([Uint8Array.from(atob(item.photo.split(",")[1]), (c) => c.charCodeAt(0))]);
    form.append("id", item.id);
    form.append("file", bytes, "hinh.jpg");
    return fetch("/chat/photo", { method: "POST", body: form, signal: within(300000) });
  }

  async function send() {
    if (sending) return;
    sending = true;
    clearTimeout(sendTimer);
    while (unsent.length) {
      const item = unsent[0];
      let answer = null;
      try { answer = await post(item); } catch { /* no network: again below */ }
      if (answer?.status === 202) {
        sendWait = 500;
        settle(item, "đã gửi", false);
        expect();
      } else if (answer && [400, 411, 413, 422].includes(answer.status)) {
        const why = await answer.json().catch(() => ({}));
        settle(item, typeof why.detail === "string" ? why.detail : "Dạ tin này con chưa nhận được.", true);
        if (item.text && !words.value) words.value = item.text;
      } else {
        if (answer?.status === 401) await newcomer();
        else if (!answer) lost();
        sendTimer = setTimeout(send, sendWait);
        sendWait = Math.min(sendWait * 1.5, SLOWEST_MS);
        break;
      }
    }
    sending = false;
  }

  function settle(item, fate, bad) {
    forget(item);
    const line = ownLine(item);
    line.classList.remove("waiting");
    line.querySelector(".fate").textContent = fate;
    line.querySelector(".fate").classList.toggle("bad", bad);
  }

  async function newcomer() { // the cookie is gone: the page itself gives a new one, and with it a new talk
    await fetch(location.pathname, { cache: "no-store" }).catch(() => null);
    last = 0;
    if (!framed || await known()) listen();
  }

  async function known() { // a browser may keep no cookie in another site's frame: then the talk is to be had outside it
    const answer = await fetch(`/chat/lines?after=${last}`, { cache: "no-store" }).catch(() => null);
    at("apart").hidden = answer?.status !== 401;
    if (answer?.status === 401) { source?.close(); clearTimeout(quiet); clearTimeout(listenTimer); at("say").hidden = true; }
    return answer?.status !== 401;
  }

  // --- what is told ---

  let last = Number(log.dataset.last), source = null, listenWait = 500, listenTimer = 0, quiet = 0, lostTimer = 0;

  function listen() {
    source?.close();
    clearTimeout(listenTimer);
    source = new EventSource(`/chat/stream?after=${last}`);
    source.onopen = () => { listenWait = 500; alive(); found(); send(); };
    source.onmessage = (event) => { alive(); hear(JSON.parse(event.data)); };
    source.addEventListener("beat", alive);
    source.onerror = again;
    alive();
  }

  function again() { // not left to the browser: it gives up for good after one answer that is not a stream
    source?.close();
    lost();
    clearTimeout(quiet);
    clearTimeout(listenTimer);
    listenTimer = setTimeout(listen, listenWait);
    listenWait = Math.min(listenWait * 1.5, SLOWEST_MS);
  }

  function alive() { // a line that died without a word is noticed by its silence: the server speaks every 15 s
    clearTimeout(quiet);
    quiet = setTimeout(again, 40000);
  }

  function lost() { lostTimer ||= setTimeout(() => { at("lost").hidden = false; }, 1000); }

  function found() {
    clearTimeout(lostTimer);
    lostTimer = 0;
    at("lost").hidden = true;
  }

  function hear(line) {
    if (line.out_id <= last) return;
    last = line.out_id;
    tellFrame("told");
    typing.hidden = true;
    at("welcome")?.remove();
    log.querySelectorAll("[data-ask]").forEach((button) => button.remove());
    if (line.choices.length) log.querySelectorAll(".choices").forEach((older) => older.remove());
    const follows = near();
    log.insertAdjacentHTML("beforeend", line.html);
    if (follows) follow(log.lastElementChild);
    else unread();
    const button = line.aloud && log.lastElementChild.querySelector("[data-hear]");
    if (button) aloud(button.dataset.hear);
  }

  // --- what is heard ---

  let heard = null, hearing = [];

  function aloud(address) { // one after another
    hearing.push(address);
    if (!heard) next();
  }

  function next() {
    const address = hearing.shift();
    heard = address ? new Audio(address) : null;
    if (!heard) return;
    heard.onended = next;
    heard.onerror = () => { trouble("Dạ đoạn này con đọc thành tiếng chưa được, Bác xem chữ giúp con nhé."); next(); };
    heard.play().catch(() => { if (!heard?.error) next(); }); // a browser may want a press first: the button is there
  }

  function hush() { hearing = []; heard?.pause(); heard = null; }

  let typingTimer = 0;
  function expect() {
    const told = [...log.querySelectorAll("[data-out]")].pop();
    if (told?.classList.contains("member")) return; // a person reads now: nobody can say when they answer
    typing.hidden = false;
    clearTimeout(typingTimer);
    typingTimer = setTimeout(() => { typing.hidden = true; }, 20000);
  }

  // --- what is in sight ---

  const page = document.scrollingElement;
  let top = null, topUntil = 0, stays = -1; // the line whose beginning is held in sight
  const below = () => page.scrollHeight - page.clientHeight - page.scrollTop;
  const near = () => below() < 150 || Math.abs(stays - page.scrollTop) < 2;
  function unread() { at("more").hidden = below() < 60; }

  function follow(line) { // what answers the resident's newest words is read from those words on, not from its end
    if (!top || Date.now() > topUntil || line.matches(".own, .member")) {
      top = line;
      topUntil = Date.now() + 10000;
    }
    page.scrollTop = top.offsetTop - document.querySelector("header").offsetHeight - 8;
    stays = page.scrollTop;
    unread();
  }

  // --- what is pressed ---

  function trouble(text) {
    at("trouble").textContent = text;
    at("trouble").hidden = false;
    setTimeout(() => { at("trouble").hidden = true; }, 10000);
  }

  function place() {
    const failed = () => trouble("Con chưa lấy được vị trí. Bác gõ tên ấp, tên xã giúp con nhé.");
    if (!navigator.geolocation) return failed();
    return navigator.geolocation.getCurrentPosition(
      (found) => say({ lat: found.coords.latitude, lon: found.coords.longitude }), failed, { timeout: 20000, maximumAge: 60000 });
  }

  function tellFrame(what) { // not one word of the talk: that something happened
    if (framed) parent.postMessage(`gocua:${what}`, "*");
  }

  if (framed) {
    addEventListener("keydown", (event) => { if (event.key === "Escape") tellFrame("close"); });
    log.addEventListener("click", (event) => { // in the frame there is no way back from a picture on its own
      const picture = event.target.closest("a.photo");
      if (!picture) return;
      event.preventDefault();
      picture.classList.toggle("whole");
    });
  }

  log.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (event.detail === 0 && !button.dataset.hear) words.focus(); // pressed by keyboard: the button goes away, the place to go on does not
    if (button.dataset.choice) say({ choice: button.dataset.choice, label: button.textContent });
    if (button.dataset.say) say({ text: button.dataset.say });
    if (button.dataset.ask) place();
    if (button.dataset.hear) { hush(); aloud(button.dataset.hear); }
  });

  at("say").addEventListener("submit", (event) => {
    event.preventDefault();
    const text = words.value.trim();
    words.value = "";
    if (text) say({ text });
  });

  words.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    at("say").requestSubmit();
  });

  at("photo").addEventListener("click", () => at("file").click());
  at("file").addEventListener("change", async () => {
    const file = at("file").files[0];
    at("file").value = "";
    if (!file) return;
    const photo = await small(file);
    if (!photo && file.size > MOST_BYTES) return trouble("Dạ hình này lớn quá. Bác chụp lại, hoặc gửi hình nhỏ hơn giúp con nhé.");
    say(photo ? { photo } : { file });
  });

  async function small(file) { // less of the resident's data, and small enough to be kept; null: the server shall judge
    try {
      const picture = await createImageBitmap(file);
      const scale = Math.min(1, LONGEST_SIDE / Math.max(picture.width, picture.height));
      const canvas = document.createElement("canvas");
      canvas.width = Math.round(picture.width * scale);
      canvas.height = Math.round(picture.height * scale);
      canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
      return canvas.toDataURL("image/jpeg", 0.85);
    } catch { return null; }
  }

  at("more").addEventListener("click", () => window.scrollBy(0, page.clientHeight * 0.6));
  addEventListener("scroll", unread, { passive: true });
  addEventListener("online", () => { listen(); send(); });
  addEventListener("offline", again);
  addEventListener("pagehide", () => { source?.close(); clearTimeout(quiet); clearTimeout(listenTimer); });
  addEventListener("pageshow", (event) => { if (event.persisted) listen(); });
  document.addEventListener("visibilitychange", () => { if (!document.hidden) listen(); });

  for (const item of load()) {
    if (ownLine(item)) { unsent.push(item); forget(item); } else show(item);
  }
  history.scrollRestoration = "manual";
  page.scrollTop = page.scrollHeight;
  unread();
  if (framed) known().then((yes) => yes && listen()); else listen();
})();
