// Wakes the member: shows the few words that came, and opens the page they point to. Keeps nothing, answers no request.
"use strict";

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("push", (event) => {
  const { text, link } = event.data.json();
  const how = { body: text, tag: link + text, data: link, icon: "/team/static/icon-192.png", lang: "vi" };
  event.waitUntil(self.registration.showNotification("Gõ Cửa", how));
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  const link = event.notification.data;
  const open = async () => {
    for (const page of await self.clients.matchAll({ type: "window" })) {
      if (new URL(page.url).pathname === link) return page.focus();
    }
    return self.clients.openWindow(link);
  };
  event.waitUntil(open());
});
