// Station 5: every parameter moves; one of them is opened, and one of its weights.

import { make } from "../make.js";
import { number } from "../words.js";
import { signed } from "./drawings.js";
import { written } from "./pin.js";
import { explained } from "./say.js";
import { weight } from "./weight.js";

const ORDERS = { gradient: "largest gradient first", change: "largest change first", index: "by index" };

export async function update(step) {
  const told = await step.station("update");
  if (!told.made) return [make("p", {}, "None: a number was not finite, so no parameter was changed.")];
  const names = told.parameters.map((one) => one.name), most = (given) => given.reduce((one, other) => (other.change > one.change ? other : one)), moved = most(told.parameters);
  const matrices = told.parameters.filter((one) => one.shape.length > 1), first = most(matrices.length ? matrices : told.parameters);
  const picked = [step.weight?.name, step.parameter].find((one) => names.includes(one)) ?? first.name;
  const rules = Object.values(told.rules), one = make("div", { "aria-live": "polite" }), list = make("section", {}), each = told.parameters.find((given) => given.name === picked);
  const many = told.parameters.reduce((sum, given) => sum + given.shape.reduce((all, size) => all * size, 1), 0);
  const open = async (name, at) => {
    step.pickWeight(name, at);
    await weight(step, one);
  };
  const rows = parametersOf(told, picked, async (name) => { await entries(step, list, name, "gradient", open, true); rows.mark(name); });
  await entries(step, list, picked, "gradient", open, !step.weight);
  if (step.weight) await weight(step, one);
  return [
    explained(step.say, {
      plain: [...Object.entries(told.rules).map(([name, rule]) => `${name}: ${rule.plain}`), `All ${many.toLocaleString("en")} weights move at once, at the learning rate ${number(told.rate)}. ${moved.name} moved most: on the whole by ${number(moved.change)}, beside its size of ${number(moved.size)}. Steps of about a thousandth of the weights are usual; at the start, and in small networks, they are larger.`],
      maths: [...rules.map((rule) => rule.formula), `η = ${number(told.rate)}${Object.entries(each.numbers).map(([name, value]) => `, ${GREEK[name] ?? name} = ${value}`).join("")}`],
      code: `${rules.map((rule) => rule.code).join("\n\n")}\n\noptimizer.step(rate)                 # rate = ${number(told.rate)}\noptimizer.zero_grad()`,
    }),
    make("div", { class: "beside" }, make("div", {}, make("h2", {}, "The parameters: click one to see its weights"), rows.place, list), one),
  ];
}

const GREEK = { decay: "λ", beta1: "β₁", beta2: "β₂", epsilon: "ε", momentum: "μ" };

/** Size, gradient and change as roots of mean squares. */
function parametersOf(told, picked, open) {
  const buttons = told.parameters.map((one) => make("button", { "aria-pressed": String(one.name === picked), onclick: () => open(one.name) }, one.name));
  const cells = (one) => [one.shape.join(" × "), number(one.size), number(one.gradient), number(one.change), one.share.toExponential(1)];
  const place = make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "parameters" }, make("table", {},
    make("thead", {}, make("tr", {}, ["parameter", "shape", "size", "gradient", "change", "change / weight"].map((title, at) => make("th", { scope: "col", class: at > 1 ? "number" : null }, title)))),
    make("tbody", {}, told.parameters.map((one, at) => make("tr", {}, make("td", {}, buttons[at]), cells(one).map((cell, column) => make("td", { class: column ? "number" : null }, cell)))))));
  return { place, mark: (name) => buttons.forEach((button, at) => button.setAttribute("aria-pressed", String(told.parameters[at].name === name))) };
}

/** Some weights of a parameter, each with its gradient and move; more on demand. */
async function entries(step, place, name, by, open, first) {
  const body = make("tbody", {}), more = make("button", {}, "more"), said = make("p", { class: "quiet", role: "status" });
  const order = make("select", { "aria-label": "order of the weights", onchange: () => entries(step, place, name, order.value, open, false) }, Object.entries(ORDERS).map(([value, words]) => make("option", { value, selected: value === by }, words)));
  const row = (one) => make("tr", {}, make("td", {}, make("button", { onclick: () => open(name, one.at) }, written(name, one.at))), [number(one.old), signed(one.gradient), signed(one.change), number(one.new)].map((cell) => make("td", { class: "number" }, cell)));
  let shown = 0;
  async function fill() {
    const told = await step.ask("entries", { name, by, first: shown });
    body.append(...told.entries.map(row));
    shown += told.entries.length;
    said.textContent = `${shown.toLocaleString("en")} of ${told.many.toLocaleString("en")} weights are shown.`;
    more.hidden = shown >= told.many;
    return told;
  }
  more.addEventListener("click", fill);
  const told = await fill();
  place.replaceChildren(make("h2", {}, `Weights of ${name}: click one`), make("div", { class: "controls" }, make("label", {}, "order ", order)),
    make("div", { class: "scroll low", tabindex: "0", role: "region", "aria-label": `weights of ${name}` }, make("table", {}, make("thead", {}, make("tr", {}, ["weight", "old", "gradient", "change", "new"].map((title, at) => make("th", { scope: "col", class: at ? "number" : null }, title)))), body)), said, more);
  if (first && told.entries.length) await open(name, told.entries[0].at);
}
