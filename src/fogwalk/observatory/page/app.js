// The frame: which run, which screen, and a word on how the run stands. A screen is one file in views/ and one line in VIEWS.

import { addressWith, go, picks, write } from "./address.js";
import { make } from "./make.js";
import { player } from "./player.js";
import { banner, instead, recording } from "./recorded.js";
import { ask, run as at } from "./server.js";
import { answer } from "./views/answer.js";
import { blame } from "./views/blame.js";
import { live } from "./views/live.js";
import { network } from "./views/network.js";
import { round } from "./views/round.js";
import { start } from "./views/start.js";
import { step } from "./views/step.js";
import { standing } from "./words.js";

export const VIEWS = [start, live, step, network, blame, round, answer];

const [picker, state, screens, screen] = ["run", "state", "screens", "screen"].map((id) => document.getElementById(id));
let left = null, turn = 0, stands = "";
const bar = player(move, (words) => { state.textContent = words ?? stands; });
document.querySelector("header").append(bar.place);

/** Draw what the address says. Whatever goes wrong is said in its place; the frame stays. */
async function show() {
  const mine = ++turn, picked = picks();
  ends(left);
  left = null;
  const view = VIEWS.find((one) => one.id === picked.view) ?? (picked.run ? live : start);
  const place = make("div", {});
  screen.replaceChildren(place);
  try {
    const list = await ask("runs");
    if (mine !== turn) return;
    const name = picked.run ?? (view.needs.includes("run") ? list.runs[0]?.name : null);
    frame(list, view, name);
    if (view.needs.includes("run") && !name) throw new Error(`There is no run in ${list.folder} yet. Begin with: fogwalk demo`);
    const opened = name ? await ask(at(name)) : null;
    if (mine !== turn) return;
    stands = opened ? `${standing(opened.state)}, step ${(opened.step ?? 0).toLocaleString("en")}` : "";
    state.textContent = stands;
    if (opened?.wrong && view !== start) throw new Error(opened.wrong);
    if (view !== start) place.append(...(opened?.remarks ?? []).map((words) => make("p", { class: "trouble remark" }, words)));
    if (recording && view !== start) place.append(banner(view, name));
    for (const name of ["step", "row"]) if (picked[name] !== undefined && !/^\d{1,9}$/.test(picked[name])) throw new Error(`The address names a ${name} '${picked[name]}', and it is a whole number, as 7.`);
    const step = bar.open(opened, picked.step === undefined ? null : Number(picked.step), view.steps?.(opened) ?? null);
    const drawn = await view.draw(place, { list, opened, step, picks: picked, moved: (to) => { if (mine === turn) bar.at(to); }, state: (words) => { if (mine === turn) state.textContent = words ?? stands; } });
    if (mine !== turn) ends(drawn);
    else left = drawn ?? null;
    document.title = `${view.title}${name ? ` · ${name}` : ""} · Fogwalk`;
  } catch (error) {
    if (mine !== turn) return;
    place.append(make("p", { class: "trouble", role: "alert" }, error.message), instead(error) ?? "");
  }
}

/** A screen gives back nothing, what ends it, or an object that can `show` another step and perhaps `end`. */
const ends = (drawn) => (typeof drawn === "function" ? drawn() : drawn?.end?.());

/** Draw another step: in its place where the screen can, else the whole screen. */
async function move(step) {
  go({ step }, { quietly: true });
  if (!left?.show) return show();
  screen.querySelector(":scope > .trouble")?.remove();
  try {
    await left.show(step);
  } catch (error) {
    screen.append(make("p", { class: "trouble", role: "alert" }, error.message));
  }
}

function frame(list, view, name) {
  picker.replaceChildren(...(name ? [] : [make("option", { value: "" }, "none picked")]), ...list.runs.map((one) => make("option", { value: one.name, selected: one.name === name }, one.name)));
  screens.replaceChildren(...VIEWS.map((one) => make("a", { href: addressWith({ view: one.id, run: name }, {}), "aria-current": one === view ? "page" : null }, one.title)));
}

picker.addEventListener("change", () => go({ run: picker.value, view: picks().view === "start" ? "live" : picks().view }, { base: {} }));
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[href]");
  if (!link || link.origin !== location.origin || event.metaKey || event.ctrlKey || event.shiftKey || link.hash || link.pathname !== location.pathname) return;
  event.preventDefault();
  write(link.href);
  show().then(() => screen.focus({ preventScroll: true }));
});
addEventListener("popstate", show);
if (picks().token) go({ token: null }, { quietly: true }); // the browser has it as a cookie by now: it need not be seen
show();
