// The card "báo cho máy này": shown only where the browser can wake its member.
"use strict";

const card = document.getElementById("wake");
const button = card?.querySelector("button");
const said = card?.querySelector("[role=status]");

function bytes(text) {
  const plain = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(plain, (letter) => letter.charCodeAt(0));
}

function send(path, what) {
  return fetch(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(what) });
}

function draw(isOn) {
  card.querySelector("strong").textContent = isOn ? "Máy này đang được báo" : "Báo cho máy này";
  button.textContent = isOn ? "Thôi báo" : "Bật báo";
  button.classList.toggle("first", !isOn);
  card.hidden = false;
}

async function begin(worker) {
  if ((await Notification.requestPermission()) !== "granted") {
    said.textContent = "Máy đang chặn thông báo. Mở phần cài đặt của trình duyệt, cho trang này gửi thông báo.";
    return;
  }
  const key = await (await fetch("/team/push")).text();
  const kept = await worker.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: bytes(key) });
  const answer = await send("/team/push", kept.toJSON());
  if (!answer.ok || answer.redirected) {
    await kept.unsubscribe();
    throw new Error("refused");
  }
  said.textContent = "Đã bật. Có việc mới, máy sẽ báo.";
}

async function end(kept) {
  await send("/team/push/end", { endpoint: kept.endpoint });
  await kept.unsubscribe();
  said.textContent = "Đã tắt.";
}

async function start() {
  const worker = await navigator.serviceWorker.register("/team/worker.js", { scope: "/team" });
  draw(Boolean(await worker.pushManager.getSubscription()));
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      const kept = await worker.pushManager.getSubscription();
      await (kept ? end(kept) : begin(worker));
    } catch {
      said.textContent = "Chưa bật được. Thử lại, hoặc dùng trình duyệt khác.";
    }
    draw(Boolean(await worker.pushManager.getSubscription()));
    button.disabled = false;
  });
}

if (card && "serviceWorker" in navigator && "PushManager" in window) start().catch(() => {});
