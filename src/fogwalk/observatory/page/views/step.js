import { go } from "../address.js";
import { make } from "../make.js";
import { ask, run as at } from "../server.js";
import { madeAgain, stepper, whole } from "../stepper.js";
import { number } from "../words.js";

const STATIONS = [
  ["batch", "1 Batch", "what the update learned from"],
  ["forward", "2 Forward", "from what is read to the answers"],
  ["loss", "3 Loss", "how wrong each answer was"],
  ["blame", "4 Blame", "how much the loss hangs on each number"],
  ["update", "5 Update", "every dial moves a little"],
  ["again", "6 Again", "the same batch after it"],
];

export const step = {
  id: "step",
  title: "One step",
  question: "What happens in one step?",
  needs: ["run"],
  steps: () => 1,

  async draw(place, { opened, picks }) {
    const last = opened.step ?? 0, wanted = Number(picks.step ?? last), row = Number(picks.row ?? 0);
    const told = make("div", {});
    place.append(
      make("h1", {}, this.question),
      make("div", { class: "controls" }, ...stepper(wanted), make("label", {}, "row ", whole("row", row, 0))),
      told,
    );
    if (!last) throw new Error("This run has made no step yet.");
    const found = await madeAgain(opened.name, wanted, told, { row });
    const entry = entries(opened.name, wanted, row, picks.at, found.structure);
    told.replaceChildren(...lines(found.stations.step), ...stations(found, picks.station ?? "batch", entry.show), entry.place);
  },
};

const lines = (text) => [make("p", { class: "told" }, text.split("\n").slice(1).join(" "))];

/** The stations as tabs: arrow keys go from one to the next. */
function stations(found, picked, look) {
  const panel = make("div", { role: "tabpanel", tabindex: "0", id: "station" });
  const tabs = STATIONS.map(([name, title, words]) => make("button", { role: "tab", id: `tab-${name}`, "aria-controls": "station", title: words, onclick: () => pick(name) }, title));
  const strip = make("div", { role: "tablist", class: "stations", "aria-label": "stations of a step" }, tabs);
  function pick(name, focus = true) {
    const chosen = Math.max(0, STATIONS.findIndex(([one]) => one === name));
    tabs.forEach((tab, each) => { tab.setAttribute("aria-selected", each === chosen); tab.tabIndex = each === chosen ? 0 : -1; });
    panel.setAttribute("aria-labelledby", tabs[chosen].id);
    const id = STATIONS[chosen][0];
    panel.replaceChildren(...(id === "forward" ? bars(found.layers, "size", look) : id === "blame" ? bars(found.layers.toReversed(), "blame", look) : []), make("pre", { tabindex: "0" }, found.stations[id] || "Nothing is told here."));
    go({ station: id }, { quietly: true });
    if (focus) tabs[chosen].focus();
  }
  strip.addEventListener("keydown", (event) => {
    const now = tabs.findIndex((tab) => tab.tabIndex === 0), moves = { ArrowRight: now + 1, ArrowLeft: now - 1, Home: 0, End: tabs.length - 1 };
    if (!(event.key in moves)) return;
    event.preventDefault();
    pick(STATIONS[Math.min(tabs.length - 1, Math.max(0, moves[event.key]))][0]);
  });
  pick(picked, false);
  return [strip, panel];
}

/** One bar for each layer; a layer's name opens its entry. Blame spans many powers of ten, so its bars are by their logarithm. */
function bars(layers, what, look) {
  const values = layers.map((one) => one[what]), known = values.filter((value) => value !== null && value > 0);
  const [low, high] = what === "blame" ? [Math.log10(Math.min(...known, 1)) - 0.5, Math.log10(Math.max(...known, 1e-30))] : [0, Math.max(...known, 1e-30)];
  const share = (value) => (value ? Math.max(0.01, ((what === "blame" ? Math.log10(value) : value) - low) / (high - low || 1)) : 0);
  const title = what === "blame" ? "blame: the length of ∂L/∂(what came out), bars by powers of ten" : "size of what comes out: the root of its mean square";
  return [make("p", { class: "quiet" }, title), make("ul", { class: `bars ${what}` }, layers.map((one) => make("li", {},
    make("button", { onclick: () => look(one.path), title: one.formula }, one.path),
    make("span", { class: "bar", style: `--share: ${share(one[what])}` }), make("span", { class: "number" }, number(one[what])))))];
}

/** Any entry on demand: the names there are, and what stands under the one that is picked, as `explain --at` tells it. */
function entries(run, wanted, row, picked, structure) {
  const names = [...structure.modules.map((one) => one.path), ...structure.values.map((one) => one.name), ...structure.parameters.map((one) => one.name), "loss"].filter(Boolean);
  const parameters = new Set(structure.parameters.map((one) => one.name));
  const told = make("div", { role: "status" }), where = {};
  const field = make("input", { list: "names", value: picked ?? "", placeholder: names[0] ?? "loss", "aria-label": "layer, value, parameter or loss", onchange: () => show(field.value) });
  const flags = ["place", "unit", "head"].map((flag) => make("label", {}, `${flag} `, make("input", { type: "number", min: 0, size: 4, "aria-label": flag, onchange: (event) => { where[flag] = event.target.value; show(field.value); } })));
  async function show(name) {
    field.value = name ?? "";
    go({ at: name }, { quietly: true });
    if (!name) return told.replaceChildren();
    try {
      const query = { at: name, ...where, row: parameters.has(name) ? null : row };
      told.replaceChildren(make("pre", { tabindex: "0" }, (await ask(`${at(run)}/steps/${wanted}/entry`, query)).text));
    } catch (error) {
      told.replaceChildren(make("p", { class: "trouble" }, error.message));
    }
  }
  if (picked) show(picked);
  const place = make("section", {}, make("h2", {}, "Any entry, with its numbers put in"),
    make("div", { class: "controls" }, make("label", {}, "look at ", field), make("datalist", { id: "names" }, names.map((one) => make("option", { value: one }))), ...flags), told);
  return { place, show: (name) => { show(name); place.scrollIntoView({ block: "nearest" }); } };
}
