// The frame: which run, which screen, and a word on how the run stands. A screen is one file in views/ and one line in VIEWS.

import { addressWith, go, leftAt, picks, write } from "./address.js";
import { make } from "./make.js";
import { player } from "./player.js";
import { banner, instead, recording } from "./recorded.js";
import { ask, giveUp, run as at } from "./server.js";
import { answer } from "./views/answer.js";
import { blame } from "./views/blame.js";
import { live } from "./views/live.js";
import { network } from "./views/network.js";
import { round } from "./views/round.js";
import { start } from "./views/start.js";
import { step } from "./views/step.js";
import { standing } from "./words.js";

const VIEWS = [start, live, step, network, blame, round, answer];

const named = (id) => document.getElementById(id);
const [picker, state, fold, screens, screen] = ["run", "state", "fold", "screens", "screen"].map(named);
const AGAIN = 2000; // milliseconds after which a server that did not answer is asked again
let left = null, turn = 0, stands = "";
const bar = player(move, (words) => { state.textContent = words ?? stands; });
document.querySelector("header").append(bar.place);

/** Draw what the address says. Whatever goes wrong is said in its place; the frame stays. */
async function show() {
  const mine = ++turn, picked = picks();
  ends(left);
  left = null;
  giveUp();
  const known = VIEWS.find((one) => one.id === picked.view), view = known ?? (picked.run ? live : start);
  const place = make("div", {});
  screen.replaceChildren(place);
  try {
    const list = await ask("runs");
    if (mine !== turn) return;
    const wanted = picked.run ?? (view.needs.includes("run") ? list.runs[0]?.name : null);
    frame(list, view, wanted);
    const { opened, name, gone } = await found(wanted, view);
    if (mine !== turn) return;
    if (gone) frame(list, view, null);
    const wrong = (words) => place.append(make("p", { class: "trouble", role: "alert" }, words));
    if (gone) wrong(`${gone} Below are those that there are.`);
    if (picked.view && !known) wrong(`There is no screen called '${picked.view}': this is ${view.title}.`);
    if (view.needs.includes("run") && !name) throw new Error(`There is no run in ${list.folder} yet. Begin with: fogwalk demo`);
    stands = opened ? `${standing(opened.state)}, step ${(opened.step ?? 0).toLocaleString("en")}` : "";
    state.textContent = stands;
    if (opened?.wrong && view !== start) throw new Error(opened.wrong);
    if (view !== start) place.append(...(opened?.remarks ?? []).map((words) => make("p", { class: "trouble remark" }, words)));
    if (recording && view !== start) place.append(banner(view, name));
    for (const what of ["step", "row"]) requireWhole(what, picked[what]);
    const asked = picked.step === undefined ? null : Number(picked.step);
    const step = bar.open(opened, asked, view.steps?.(opened) ?? null, !view.hears);
    const moved = (to) => { if (mine === turn) bar.at(to); };
    const says = (words) => { if (mine === turn) state.textContent = words ?? stands; };
    const drawn = await view.draw(place, { list, opened, step, picks: picked, moved, state: says });
    if (mine !== turn) ends(drawn);
    else left = drawn ?? null;
    document.title = `${view.title}${name ? ` · ${name}` : ""} · Fogwalk`;
  } catch (error) {
    if (mine !== turn) return;
    place.append(make("p", { class: "trouble", role: "alert" }, error.message), instead(error) ?? "");
    if (error.lost) setTimeout(() => backAgain(mine), AGAIN);
  }
}

/** Once the server answers, what was asked for is drawn, unless another screen was gone to. */
async function backAgain(mine) {
  const answers = !document.hidden && await ask("runs").then(() => true, (error) => !error.lost);
  if (mine !== turn) return;
  if (answers) show();
  else setTimeout(() => backAgain(mine), AGAIN);
}

/** A run as it stands. Start needs none: there one that is gone is told, and the others are shown. */
async function found(name, view) {
  if (!name) return { opened: null, name };
  try {
    return { opened: await ask(at(name)), name };
  } catch (error) {
    if (error.lost || view !== start) throw error;
    return { opened: null, name: null, gone: error.message };
  }
}

function requireWhole(what, given) {
  if (given === undefined || /^\d{1,9}$/.test(given)) return;
  throw new Error(`The address names a ${what} '${given}', and it is a whole number, as 7.`);
}

/** A screen gives back nothing, what ends it, or an object that can `show` another step and perhaps `end`. */
const ends = (drawn) => (typeof drawn === "function" ? drawn() : drawn?.end?.());

/** Draw another step: in its place where the screen can, else the whole screen. */
async function move(step) {
  go({ step }, { quietly: true });
  if (!left?.show) return show();
  try {
    await left.show(step);
  } catch {
    await show(); // nothing of another step stays beside what went wrong
  }
}

function frame(list, view, name) {
  const none = name ? [] : [make("option", { value: "" }, "none picked")];
  const names = list.runs.map((one) => one.name), hidden = name && list.more && !names.includes(name) ? [name] : [];
  const run = (one) => make("option", { value: one, selected: one === name }, one);
  const more = list.more ? [make("option", { disabled: true }, `and ${list.more.toLocaleString("en")} older`)] : [];
  picker.replaceChildren(...none, ...[...hidden, ...names].map(run), ...more);
  const link = (one) => make("a", {
    href: one === view ? addressWith({ view: one.id, run: name }, {}) : leftAt(one.id, name),
    "aria-current": one === view ? "page" : null,
  }, one.title);
  screens.replaceChildren(...VIEWS.map(link));
  const here = screens.querySelector("[aria-current]"); // where the screens stand in one line, this one is in sight
  screens.scrollLeft = here.offsetLeft - screens.offsetLeft - (screens.clientWidth - here.offsetWidth) / 2;
}

/** In a narrow window the head of the page is short until it is asked for whole. */
fold.addEventListener("click", () => {
  const open = fold.closest("header").classList.toggle("open");
  fold.setAttribute("aria-expanded", String(open));
  fold.textContent = open ? "less" : "more";
});
picker.addEventListener("change", () => {
  const { view } = picks();
  go({ run: picker.value, view: view === "start" ? "live" : view }, { base: {} });
});
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[href]");
  if (!link || event.metaKey || event.ctrlKey || event.shiftKey) return;
  if (link.origin !== location.origin || link.pathname !== location.pathname || link.hash) return;
  event.preventDefault();
  write(link.href);
  show().then(() => screen.focus({ preventScroll: true }));
});
addEventListener("popstate", show);
if (picks().token) go({ token: null }, { quietly: true }); // the browser has it as a cookie by now: it need not be seen
show();
