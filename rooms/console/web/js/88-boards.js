// Wallboards say when what they show is not of this moment: a beat comes every second with the parts.

const PATIENCE = 5000;
const beats = new WeakMap();
const boards = () => document.querySelectorAll("[data-board]");

document.addEventListener("htmx:sseMessage", (event) => {
  const board = event.target.closest?.("[data-board]");
  if (board) {
    beats.set(board, Date.now());
    board.removeAttribute("data-stale");
  }
});

setInterval(() => {
  for (const board of boards()) {
    if (!beats.has(board)) beats.set(board, Date.now());
    board.toggleAttribute("data-stale", !document.hidden && Date.now() - beats.get(board) > PATIENCE);
  }
}, 1000);
