// What the page asks of its server, each failure in words.

import { recording } from "./recorded.js";

let waited = new AbortController();

/** What is still waited for is given up, for another screen is drawn: nobody stands in line for it any longer. */
export function giveUp() {
  waited.abort();
  waited = new AbortController();
}

/** What stands at an address; throws an Error whose message is for people. */
async function got(path, query) {
  const words = new URLSearchParams(Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== ""));
  let answer;
  try {
    answer = recording ? null : await fetch(`/api/${path}${words.size ? `?${words}` : ""}`, { signal: waited.signal });
  } catch {
    const words = "The server of this page does not answer. A training goes on without it; start the page again with: "
      + "fogwalk observe. What is asked for here is drawn once it answers.";
    throw Object.assign(new Error(words), { lost: true });
  }
  answer ??= recording.answer(path, query);
  if (answer.ok) return answer;
  let told = answer.statusText;
  try {
    told = (await answer.json()).error;
  } catch { /* no JSON: the status must do */ }
  throw new Error(told || `the server said ${answer.status}`);
}

/** The JSON at an address. */
export const ask = async (path, query = {}) => (await got(path, query)).json();

/** The numbers at an address, and their shape. */
export async function floats(path, query = {}) {
  const answer = await got(path, query), shape = answer.headers.get("x-shape").split(",").filter(Boolean).map(Number);
  return { shape, values: new Float32Array(await answer.arrayBuffer()) };
}

/** Tell the server what is wished; its answer, or an Error whose message is for people. */
export async function tell(path, what) {
  if (recording) throw new Error("This file trains nothing. Where Fogwalk is, fogwalk observe does.");
  let answer;
  try {
    answer = await fetch(`/api/${path}`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(what) });
  } catch {
    throw new Error("The server of this page does not answer. Start the page again with: fogwalk observe");
  }
  const told = await answer.json().catch(() => ({ error: answer.statusText }));
  if (!answer.ok) throw new Error(told.error || `the server said ${answer.status}`);
  return told;
}

export const run = (name) => `runs/${encodeURIComponent(name)}`;

const SILENT = 25; // seconds without a word, after which the line is thought dead, as after a closed laptop

/** A run's events from a byte on, as they are written. Comes back by itself after a break and misses nothing; `lost` is told how
    many seconds nothing was heard for, 0 when contact is there again; `stands` how the run stands, whenever it is another. A page that
    is not seen does not listen, for a browser has few lines to one server, and goes on where it was. Gives back what ends it. */
export function listen(name, offset, heard, lost, stands = () => {}) {
  if (recording) return () => {};
  let stream = null, last = Date.now(), from = offset, ended = false, silent = 0;
  const begin = () => {
    stream = new EventSource(`/api/${run(name)}/events?from=${from}`);
    stream.onopen = () => { last = Date.now(); };
    stream.onmessage = (event) => {
      last = Date.now();
      from = Number(event.lastEventId);
      try {
        heard(JSON.parse(event.data));
      } catch { /* a line that is no JSON is passed over, as readers of the file do */ }
    };
    stream.addEventListener("stands", (event) => { last = Date.now(); stands(JSON.parse(event.data)); });
    stream.addEventListener("anew", () => { // another run took its place: the screen is drawn again
      ended = true;
      end();
      dispatchEvent(new PopStateEvent("popstate"));
    });
    stream.onerror = () => {
      const closed = () => stream?.readyState === EventSource.CLOSED;
      if (closed()) setTimeout(() => { if (closed()) begin(); }, 1000);
    };
  };
  const end = () => { stream?.close(); stream = null; };
  const seen = () => {
    if (document.hidden) return end();
    last = Date.now();
    if (!stream && !ended) begin();
  };
  const watch = setInterval(() => {
    if (!stream) return;
    const quiet = Math.round((Date.now() - last) / 1000), open = stream.readyState === EventSource.OPEN;
    if (open && quiet > SILENT) {
      stream.close();
      begin();
    }
    const now = open && quiet <= SILENT ? 0 : quiet;
    if (now !== silent) lost(silent = now);
  }, 1000);
  document.addEventListener("visibilitychange", seen);
  seen();
  return () => {
    ended = true;
    clearInterval(watch);
    document.removeEventListener("visibilitychange", seen);
    end();
  };
}
