// Live pages: quiet while nobody looks, and over with the session.

const sources = () => document.querySelectorAll("[sse-connect]");

document.addEventListener("visibilitychange", () => {
  for (const element of sources()) {
    // The extension closes and opens its stream when it believes the element goes and comes.
    htmx.trigger(element, document.hidden ? "htmx:beforeCleanupElement" : "htmx:afterProcessNode");
  }
});

document.addEventListener("htmx:sseOpen", (event) => {
  event.target.removeAttribute("data-offline");
  event.detail.source.addEventListener("signed-out", () => location.reload());
});

document.addEventListener("htmx:sseError", (event) => {
  event.target.setAttribute("data-offline", "");
  // A stream that may not be read at all is never tried again: the session is over.
  if (event.detail.source?.readyState === EventSource.CLOSED) {
    setTimeout(() => location.reload(), 3000);
  }
});

// Times that count up: <time data-since="milliseconds">.
const clock = () => {
  for (const element of document.querySelectorAll("[data-since]")) {
    const seconds = Math.max(0, Math.floor((Date.now() - Number(element.dataset.since)) / 1000));
    const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
    const shown = parts[0] ? parts : parts.slice(1);
    element.textContent = shown.map((part, index) => (index ? String(part).padStart(2, "0") : part)).join(":");
  }
};
clock();
setInterval(clock, 1000);
document.addEventListener("htmx:sseMessage", clock);
