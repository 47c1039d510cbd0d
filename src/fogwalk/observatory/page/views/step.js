import { go } from "../address.js";
import { EARLY } from "../invited.js";
import { make } from "../make.js";
import { held, instead, recording } from "../recorded.js";
import { ask, run as at } from "../server.js";
import { again } from "../step/again.js";
import { batch } from "../step/batch.js";
import { blame } from "../step/blame.js";
import { entries } from "../step/entries.js";
import { forward } from "../step/forward.js";
import { loss } from "../step/loss.js";
import { easiest, fewer, invitation, strip, weightOf, written } from "../step/pin.js";
import { saySwitch, way } from "../step/say.js";
import { update } from "../step/update.js";
import { GOING } from "../steering.js";
import { madeAgain, whole } from "../stepper.js";

const STATIONS = [
  ["batch", "1 Batch", "what the update learned from", batch],
  ["forward", "2 Forward", "from what is read to the answers", forward],
  ["loss", "3 Loss", "how wrong each answer was", loss],
  ["blame", "4 Blame", "how much the loss hangs on each number", blame],
  ["update", "5 Update", "every weight moves a little", update],
  ["again", "6 Again", "the same batch after it", again],
];

export const step = {
  id: "step",
  title: "One step",
  question: "What happens in one step?",
  needs: ["run"],
  steps: () => 1,

  async draw(place, { opened, step: wanted, picks, moved }) {
    const row = Number(picks.row ?? 0), told = make("div", {}), rows = make("label", {}, "row ", whole("row", row, 0));
    const one = new OneStep(opened, wanted, row, picks);
    if (picks.step === undefined && wanted >= 2 * EARLY && !GOING.includes(opened.state)) one.early = held(EARLY, wanted);
    one.moved = moved;
    place.append(
      make("h1", {}, this.question),
      make("div", { class: "controls" }, rows, saySwitch(one.say, (say) => { one.say = say; one.redraw(); })),
      told,
    );
    if (!wanted) throw new Error("This run has made no step yet.");
    if (Number(picks.step) > wanted) {
      told.before(make("p", { class: "trouble" }, `This run has no step ${picks.step}; its last, ${wanted}, is shown.`));
    }
    one.found = await madeAgain(opened.name, wanted, told, { row });
    await one.start(told, rows.querySelector("input"));
    const leave = (event) => { if (event.key === "Escape" && one.wanted) { event.preventDefault(); one.pin(null); } };
    addEventListener("keydown", leave);
    return { show: (number) => one.toStep(number), end: () => removeEventListener("keydown", leave) };
  },
};

/** What this screen does, in a sentence for whoever sees it for the first time. */
function purposeOf({ step, loss, made }) {
  const exact = loss.logged !== null && loss.logged === loss.replayed;
  const again = exact ? "done again exactly" : "done again as nearly as it can be here (see below)";
  const moved = made ? "and moves a little" : "and here the run ended, for a number was not finite";
  return `One real step of this run, ${again}: step ${step.toLocaleString("en")}. `
    + "The network answers some rows of the data, the loss says how wrong it was, each weight is told its part of the blame, "
    + `${moved}.`;
}

/** What is looked at in one step; every pick is written into the address, and only its station is drawn anew. */
class OneStep {
  constructor({ name: run, step: last }, number, row, picks) {
    Object.assign(this, { run, last, number, row, say: way(picks), where: {}, pinned: null, few: null, turn: 0, early: null });
    this.given = picks.row !== undefined; // by the address: it is kept
    this.station_ = STATIONS.some(([id]) => id === picks.station) ? picks.station : "batch";
    this.layer = picks.at ?? null;
    this.parameter = picks.parameter ?? null;
    for (const flag of ["place", "unit", "head"]) if (picks[flag]) this.where[flag] = picks[flag];
    this.wanted = weightOf(picks.pin);
    this.asked = Boolean(picks.walk); // that a weight is followed: each station tells of it first
    this.walking = this.asked && this.wanted !== null;
    this.unfolded = false;
    this.weight = weightOf(picks.weight) ?? this.wanted;
    this.pickRow = (to) => this.toRow(to);
  }

  ask(what, query) { return ask(`${at(this.run)}/steps/${this.number}/${what}`, query); }
  station(which) { return this.ask(`stations/${which}`, { row: this.row }); }
  isPinned(written) { return this.wanted !== null && `${this.wanted.name}[${this.wanted.at}]` === written; }

  async start(told, rowField) {
    this.rowField = rowField;
    const other = this.found.structure.modules.some((one) => one.path === this.layer) ? null : this.layer;
    if (other) this.layer = null; // a value, a parameter or the loss: told below
    const waiting = make("p", { class: "quiet", role: "status" }, "The station is drawn …");
    this.panel = make("div", { role: "tabpanel", tabindex: "0", id: "station" }, waiting);
    this.strip = make("div", { class: "above" });
    this.text = make("div", {});
    const tab = (name, title, words) => make("button", {
      role: "tab", id: `tab-${name}`, "aria-controls": "station", title: words, onclick: () => this.to(name),
    }, title);
    this.tabs = STATIONS.map(([name, title, words]) => tab(name, title, words));
    const list = make("div", { role: "tablist", class: "stations", "aria-label": "stations of a step" }, this.tabs);
    list.addEventListener("keydown", (event) => {
      const now = this.tabs.findIndex((one) => one.tabIndex === 0);
      const moves = { ArrowRight: now + 1, ArrowLeft: now - 1, Home: 0, End: this.tabs.length - 1 };
      if (!(event.key in moves)) return;
      event.preventDefault();
      this.to(STATIONS[Math.min(this.tabs.length - 1, Math.max(0, moves[event.key]))][0]);
    });
    this.purpose = make("p", { class: "purpose" });
    this.how = make("p", { class: "told" });
    this.entries = entries(this, other);
    const how = make("details", { class: "how" }, make("summary", {}, "How it was done again, and how exactly"), this.how);
    told.replaceChildren(this.purpose, this.strip, list, this.panel, this.text, how, this.entries.place);
    this.rowField.max = this.found.structure.rows - 1;
    await this.redraw();
    if (this.asked && !this.wanted) await this.follow();
    else if (this.walking) this.strip.querySelector("button")?.focus({ preventScroll: true }); // Enter alone leads on
  }

  to(station) {
    const other = station !== this.station_;
    if (other) this.unfolded = false;
    this.station_ = station;
    go({ station }, { quietly: true, back: this.walking && other }); // so that the browser's way back leads through the walk
    document.getElementById(`tab-${station}`).focus();
    return this.redraw();
  }

  /** The pinned weight as it is told at a station. */
  get followed() { return this.walking ? this.few : this.pinned; }

  /** What a station has besides what is followed: while a weight is, it is folded. */
  rest(...parts) {
    if (!this.walking) return parts;
    const fold = make("details", { class: "whole", open: this.unfolded }, make("summary", {}, "The whole station, with all its numbers"),
      ...parts.filter(Boolean));
    fold.addEventListener("toggle", () => { this.unfolded = fold.open; });
    return [fold];
  }

  /** Draw the station, and the pinned weight above it. What was begun for another pick is dropped. */
  async redraw() {
    const mine = ++this.turn, chosen = STATIONS.find(([id]) => id === this.station_);
    this.tabs.forEach((tab, each) => {
      const on = STATIONS[each] === chosen;
      tab.setAttribute("aria-selected", String(on));
      tab.tabIndex = on ? 0 : -1;
    });
    this.panel.setAttribute("aria-labelledby", `tab-${this.station_}`);
    this.purpose.textContent = purposeOf(this.found.structure);
    this.purpose.hidden = this.walking && chosen !== STATIONS[0]; // it has been read, and the box says how to go on
    for (const one of [this.text, this.how.parentElement, this.entries.place]) one.hidden = this.walking;
    this.how.textContent = this.found.stations.step.split("\n").slice(1).join(" ");
    const words = this.found.stations[this.station_] || "Nothing is told here.";
    const summary = make("summary", {}, "this station as fogwalk explain tells it");
    this.text.replaceChildren(make("details", {}, summary, make("pre", { tabindex: "0" }, words)));
    this.panel.setAttribute("aria-busy", "true");
    let drawn;
    try {
      const read = await this.readPinned();
      if (mine !== this.turn) return;
      [this.pinned, this.lost] = read;
      this.few = this.pinned && fewer(this.pinned);
      drawn = await chosen[3](this);
    } catch (error) {
      drawn = [make("p", { class: "trouble", role: "alert" }, error.message)];
    }
    if (mine !== this.turn) return;
    this.strip.replaceChildren(this.above());
    this.panel.replaceChildren(...drawn.filter(Boolean));
    this.panel.removeAttribute("aria-busy");
  }

  /** What stands above the stations: the pinned weight, why it is not there, or a word on how to follow one. */
  above() {
    const unpin = () => this.pin(null);
    if (this.pinned) return strip(this.followed, this.station_, this.found, {
      unpin, next: this.next(), check: () => this.check(), another: recording ? null : () => this.check("tried"),
    });
    if (!this.lost) return invitation(() => this.follow(), this.early);
    const words = `The pinned weight is not here: ${this.lost} `;
    return make("p", { class: "trouble" }, words, make("button", { onclick: unpin }, "unpin (Esc)"));
  }

  /** The pinned weight as the server tells it, and why it cannot. */
  async readPinned() {
    try {
      return [this.wanted ? await this.ask("weight", { ...this.wanted, row: this.row }) : null, ""];
    } catch (error) {
      return [null, error.message];
    }
  }

  /** Another record of the batch: told anew, the rest stays. */
  toRow(row) {
    this.row = row;
    this.rowField.value = row;
    go({ row }, { quietly: true });
    return this.tellAnew().catch((error) => {
      if (row !== this.row) return;
      this.panel.removeAttribute("aria-busy");
      this.panel.replaceChildren(make("p", { class: "trouble", role: "alert" }, error.message), instead(error) ?? "");
    });
  }

  /** Where no step was picked, an early one; where that cannot be made again, the one that is shown. */
  async toEarly() {
    const [early, last] = [this.early, this.number];
    this.early = null;
    if (early === null) return;
    try {
      await this.toStep(early);
      go({ step: early }, { quietly: true });
      this.moved(early);
    } catch {
      this.number = last;
    }
  }

  /** Another step of the run. */
  toStep(number) {
    this.number = number;
    this.last = Math.max(this.last, number); // a training goes on
    return this.tellAnew();
  }

  /** What the server tells of the step and the row, drawn; the focus stays on the button that has it. */
  async tellAnew() {
    const name = (one) => one.getAttribute("aria-label") ?? one.textContent, active = document.activeElement;
    const held = this.panel.contains(active) ? name(active) : null, { number, row } = this;
    this.panel.setAttribute("aria-busy", "true"); // what stands there is of the row and step before
    const found = await ask(`${at(this.run)}/steps/${number}`, { row });
    if (number !== this.number || row !== this.row) return;
    this.found = found;
    await this.redraw();
    if (held) [...this.panel.querySelectorAll("button, input")].find((one) => name(one) === held)?.focus();
  }

  pickLayer(path) {
    [this.layer, this.where] = [path, {}];
    go({ at: path, place: null, unit: null, head: null }, { quietly: true });
  }

  /** The layer that is opened: the one that was picked, or else where the station begins. */
  opened(station) { return this.layer ?? this.found.layers.at(station === "blame" ? -1 : 0)?.path ?? null; }

  pickWhere(where) {
    this.where = { ...this.where, ...where };
    go(where, { quietly: true });
  }

  pickWeight(name, at) {
    this.weight = { name, at: [at].flat().join(",") };
    go({ weight: `${name}[${this.weight.at}]` }, { quietly: true });
  }

  openParameter(name) {
    this.weight = null;
    this.parameter = name;
    this.to("update");
  }

  /** The station after this one; after the last, the next step. */
  next() {
    const later = (this.number + 1).toLocaleString("en");
    const [id, title] = STATIONS[STATIONS.findIndex(([one]) => one === this.station_) + 1] ?? [];
    const onwards = () => this.strip.querySelector("button")?.focus(); // so that Enter alone leads through all stations
    if (id) return { title: `go on with it: ${title} →`, go: () => this.to(id).then(onwards) };
    if (recording || this.number >= this.last) return null; // a file holds other weights of other steps
    return { title: `go on with it: step ${later} →`, go: () => go({ station: STATIONS[0][0], step: this.number + 1 }) };
  }

  /** Pin a weight that tells much: the one with the largest gradient in a matrix that is easily followed. */
  async follow() {
    await this.toEarly();
    const { parameters, input_names: columns } = this.found.structure, first = easiest(parameters, columns);
    let most;
    try {
      ({ entries: [most] } = await this.ask("entries", { name: first.name, by: "gradient", first: 0 }));
    } catch (error) {
      return this.strip.replaceChildren(make("p", { class: "trouble", role: "alert" }, error.message));
    }
    if (!this.panel.isConnected) return null; // the screen was left meanwhile
    const path = first.name.replace(/\.\w+$/, "");
    if (this.found.layers.some((one) => one.path === path)) {
      this.pickLayer(path);
      if (first.shape.length === 2) this.pickWhere({ unit: most.at[0] });
    }
    this.pickWeight(first.name, most.at);
    if (!recording && !this.given) await this.toLoudest().catch(() => {}); // what cannot be told is said where the weight is drawn
    if (!this.panel.isConnected) return null;
    this.walking = true;
    await this.pin(written(first.name, most.at));
    return this.strip.querySelector("button")?.focus();
  }

  /** The row that says most of the weight, the way that all say together: its numbers are large enough to be read. */
  async toLoudest() {
    const before = { number: this.number, row: this.row };
    const { shares, gradient } = await this.ask("weight", { ...this.weight, row: before.row });
    const [row] = shares.find(([, share]) => share * gradient > 0) ?? shares[0] ?? [];
    if (row === undefined || row === before.row || row >= this.found.structure.rows) return;
    const found = await ask(`${at(this.run)}/steps/${before.number}`, { row });
    if (!this.panel.isConnected || before.number !== this.number || before.row !== this.row) return;
    [this.found, this.row] = [found, row];
    this.rowField.value = row;
    go({ row }, { quietly: true });
  }

  /** The pinned weight's gradient, tried by moving it, or another value for it: at the station that tells how it moved. */
  async check(what = "nudge") {
    this.pickWeight(this.wanted.name, this.wanted.at);
    await this.to("update");
    document.getElementById("tries")?.setAttribute("open", "");
    if (what === "nudge") document.getElementById(what)?.click();
    document.getElementById(what)?.focus();
  }

  /** Pin a weight, or none: then the focus goes back to where it was pinned, or else to the station. */
  async pin(written) {
    this.wanted = weightOf(written);
    if (!written) this.walking = false;
    go({ pin: written, walk: this.walking ? 1 : null }, { quietly: true });
    await this.redraw();
    (document.getElementById("pin") ?? document.getElementById(`tab-${this.station_}`))?.focus();
  }
}
