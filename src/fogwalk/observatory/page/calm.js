// Drawing that does not hurry: at most once a second however much is heard, and not at all while nobody looks.

const EACH = 1000; // milliseconds between two redraws, at least
const GATHER = 50; // in which what comes together is drawn together

/** `soon` has `draw` called; what was due while the page was hidden is drawn when it is seen again. */
export function calm(draw) {
  let timer = null, last = -Infinity, due = false;
  const now = () => {
    timer = null;
    if (!due || document.hidden) return;
    due = false;
    last = performance.now();
    draw();
  };
  const soon = () => {
    due = true;
    timer ??= setTimeout(now, Math.max(GATHER, last + EACH - performance.now()));
  };
  document.addEventListener("visibilitychange", now);
  return { soon, end() { clearTimeout(timer); document.removeEventListener("visibilitychange", now); } };
}
