// Refreshes what is open and sends without a reload. Without it every page still works.
"use strict";

const fresh = document.getElementById("fresh");
const stale = document.getElementById("stale");
const told = document.getElementById("told");
const title = document.title;

function show(box, message) {
  if (!box) return;
  box.textContent = message;
  box.hidden = message === "";
}

function nearEnd() {
  return window.innerHeight + window.scrollY > document.body.scrollHeight - 250;
}

function toEnd() {
  window.scrollTo({ top: document.body.scrollHeight });
}

// Puts a fragment in place; what had the focus keeps it. The same words again disturb nobody's reading or copying.
function put(html) {
  const box = document.createElement("template");
  box.innerHTML = html;
  const next = box.content.firstElementChild;
  const now = fresh.firstElementChild;
  const wasOpen = now.dataset.open;
  if (next.innerHTML === now.innerHTML) {
    for (const { name, value } of next.attributes) now.setAttribute(name, value);
  } else {
    const focused = fresh.contains(document.activeElement) ? document.activeElement.id : "";
    const atEnd = nearEnd();
    const isTold = next.querySelectorAll(".line").length > now.querySelectorAll(".line").length;
    fresh.replaceChildren(next);
    if (focused) document.getElementById(focused)?.focus();
    if (isTold && told) told.textContent = `Có lời mới, ${new Date().toLocaleTimeString("vi-VN")}`; // a change is read out
    if (isTold && atEnd) toEnd();
  }
  count();
  if (wasOpen === "1" && next.dataset.open === "0") ended();
}

function count() {
  const urgent = Number(fresh.firstElementChild?.dataset.urgent || 0);
  document.title = urgent ? `(${urgent}) ${title}` : title;
}

// The case was closed elsewhere. Words in the box are not taken away.
function ended() {
  const box = document.getElementById("text");
  if (!box || !box.value.trim()) location.reload();
  else show(document.getElementById("trouble"), "Việc này vừa khép lại. Lời trong ô chưa gửi.");
}

let asked = 0;
async function refresh() {
  const number = ++asked;
  let answer;
  try {
    answer = await fetch(fresh.dataset.fragment, { cache: "no-store" });
  } catch {
    if (stale) stale.hidden = false;
    return;
  }
  if (number !== asked) return; // a newer one is under way
  if (answer.redirected || answer.status === 404) ended();
  else if (answer.ok) {
    put(await answer.text());
    if (stale) stale.hidden = true;
  }
}

if (fresh?.dataset.stream) {
  const stream = new EventSource(fresh.dataset.stream);
  let timer = 0;
  const soon = () => {
    clearTimeout(timer);
    timer = setTimeout(refresh, 200);
  };
  stream.addEventListener("changed", soon);
  let lost = false;
  stream.addEventListener("error", () => {
    lost = true;
    setTimeout(() => {
      if (lost && stale) stale.hidden = false;
    }, 5000);
  });
  stream.addEventListener("open", () => {
    if (lost) soon(); // what happened meanwhile
    lost = false;
  });
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) soon();
  });
  setInterval(soon, 60000); // "12 phút" moves on
  count();
}
if (fresh && "toEnd" in fresh.dataset) toEnd();

const ending = document.querySelector(".ending");
ending?.addEventListener("toggle", () => {
  if (ending.open) ending.scrollIntoView();
});

const say = document.getElementById("say");
say?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = say.querySelector("button");
  const trouble = document.getElementById("trouble");
  if (button.disabled) return;
  const sent = say.elements.text.value;
  button.disabled = true;
  show(trouble, "");
  try {
    const answer = await fetch(say.action, {
      method: "POST",
      body: new URLSearchParams(new FormData(say)),
      headers: { "X-Gocua-Script": "1" },
    });
    if (answer.redirected) show(trouble, "Đã hết hạn đăng nhập. Chép lời trong ô lại, rồi xin đường dẫn mới.");
    else if (answer.ok) {
      put(await answer.text());
      const { nextId, notice } = fresh.firstElementChild.dataset;
      say.elements.id.value = nextId;
      if (say.elements.text.value === sent) say.elements.text.value = "";
      show(trouble, notice);
      toEnd();
    } else show(trouble, answer.status < 500 ? await answer.text() : "Máy đang bận. Lời vẫn còn trong ô, bấm Gửi lại.");
  } catch {
    show(trouble, "Mạng yếu, chưa gửi được. Lời vẫn còn trong ô, bấm Gửi lại."); // same id: sent at most once
  }
  button.disabled = false;
});

const photo = document.getElementById("photo");
if (photo) {
  photo.classList.add("scripted");
  photo.elements.photo.addEventListener("change", () => photo.requestSubmit());
}

// Words kept ready go into the box, where they can still be changed; what was written there stays above them.
for (const one of document.querySelectorAll("[data-text]")) {
  one.addEventListener("click", (event) => {
    event.preventDefault();
    const box = document.getElementById("text");
    box.value = box.value.trim() ? `${box.value.trim()}\n${one.dataset.text}` : one.dataset.text;
    one.closest("details").open = false;
    box.focus();
  });
}
