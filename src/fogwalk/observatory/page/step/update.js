// Station 5: every parameter moves; one of them is opened, and one of its weights.

import { make } from "../make.js";
import { number, signed } from "../words.js";
import { wide } from "./drawings.js";
import { easiest, written } from "./pin.js";
import { explained } from "./say.js";
import { weight } from "./weight.js";

const ORDERS = { gradient: "largest gradient first", change: "largest change first", index: "by index" };
const GREEK = { decay: "λ", beta1: "β₁", beta2: "β₂", epsilon: "ε", momentum: "μ" };

export async function update(step) {
  const told = await step.station("update");
  if (!told.made) return [make("p", {}, "None: a number was not finite, so no parameter was changed.")];
  const names = told.parameters.map((one) => one.name), first = easiest(told.parameters, step.found.structure.input_names);
  const picked = [step.weight?.name, step.parameter].find((one) => names.includes(one)) ?? first.name;
  const one = make("div", { "aria-live": "polite" }), list = make("section", {});
  const open = async (name, at) => {
    step.pickWeight(name, at);
    await weight(step, one);
    if (step.walking && one.isConnected) one.scrollIntoView({ block: "nearest" }); // it stands above what was pressed
  };
  const rows = parametersOf(told, picked, async (name) => {
    await entries(step, list, name, "gradient", open, true);
    rows.mark(name);
  });
  await entries(step, list, picked, "gradient", open, !step.weight);
  if (step.weight) await weight(step, one);
  const title = make("h2", {}, `The ${names.length} parameters: click one to see its weights`);
  return [
    said(step, told, told.parameters.find((given) => given.name === picked)),
    ...(step.walking ? [one, ...step.rest(title, rows.place, list)] : [title, rows.place, make("div", { class: "beside" }, list, one)]),
  ];
}

const most = (given, what) => given.reduce((one, other) => (other[what] > one[what] ? other : one));

/** The learning rates, each with the optimizer that has it where there are several. */
function ratesOf(told) {
  const known = new Map();
  for (const { optimizer, rate } of told.parameters) known.set(`${optimizer} ${number(rate)}`, [optimizer, number(rate)]);
  const all = [...known.values()], alike = new Set(all.map(([, rate]) => rate)).size === 1;
  return alike ? all[0][1] : all.map(([optimizer, rate]) => `${rate} (${optimizer})`).join(" and ");
}

function said(step, told, picked) {
  const own = ([name]) => !step.walking || name === picked.optimizer; // while a weight is followed: of its optimizer alone
  const known = Object.entries(told.rules).filter(own);
  const rules = known.map(([, rule]) => rule), size = (shape) => shape.reduce((all, long) => all * long, 1);
  const many = told.parameters.reduce((sum, one) => sum + size(one.shape), 0);
  const numbers = Object.entries(picked.numbers).map(([name, value]) => `, ${GREEK[name] ?? name} = ${value}`).join("");
  return explained(step.say, {
    plain: [
      ...known.map(([name, rule]) => `${name}: ${rule.plain}`),
      `All ${many.toLocaleString("en")} weights move at once, `
        + `${step.walking ? `this one at the learning rate ${number(picked.rate)}` : `at the learning rate ${ratesOf(told)}`}.`,
      step.walking ? null : movedMost(told),
    ],
    maths: [...rules.map((rule) => rule.formula), `η = ${ratesOf(told)}; ${picked.name} has η = ${number(picked.rate)}${numbers}`],
    code: `${rules.map((rule) => rule.code).join("\n\n")}\n\n`
      + `optimizer.step(rate)                 # rate = ${ratesOf(told)}\noptimizer.zero_grad()`,
  });
}

/** Which parameter moved most, in itself and beside its own size, with both numbers of each. */
function movedMost(told) {
  const far = most(told.parameters, "change"), much = most(told.parameters.filter((one) => Number.isFinite(one.share)), "share");
  const beside = (one) => `which is ${percent(one.share)} of its size, ${number(one.size)}`;
  const both = (one) => `a weight of it by ${number(one.change)}, ${beside(one)}`;
  const usual = "Steps of about a thousandth, 0.1 %, are usual; at the start, and in small networks, they are larger.";
  if (far === much) return `${far.name} moved most, in itself and beside its size: on the whole ${both(far)}. ${usual}`;
  return `In itself ${far.name} moved most: on the whole ${both(far)}. Beside its size ${much.name} moved most: on the whole `
    + `${both(much)}. ${usual}`;
}

const percent = (share) => `${number(100 * share)} %`;

/** Size, gradient and change as roots of mean squares. */
function parametersOf(told, picked, open) {
  const button = ({ name }) => make("button", { "aria-pressed": String(name === picked), onclick: () => open(name) }, name);
  const buttons = told.parameters.map(button);
  const titles = ["parameter", "shape", "moved by", "size of a weight", "of its gradient", "of its change", "change / size"];
  const cells = (one) => [number(one.size), number(one.gradient), number(one.change), percent(one.share)];
  const row = (one, at) => make("tr", {}, make("td", {}, buttons[at]), make("td", { class: "name" }, one.shape.join(" × ")),
    make("td", {}, one.optimizer), cells(one).map((cell) => make("td", { class: "number" }, cell)));
  const head = titles.map((title, at) => make("th", { scope: "col", class: at > 2 ? "number" : null }, title));
  const table = make("table", {}, make("thead", {}, make("tr", {}, head)), make("tbody", {}, told.parameters.map(row)));
  const mark = (name) => buttons.forEach((one) => one.setAttribute("aria-pressed", String(one.textContent === name)));
  return { place: wide(table, "parameters", "low"), mark };
}

/** Some weights of a parameter, each with its gradient and move; more on demand. */
async function entries(step, place, name, by, open, first) {
  const body = make("tbody", {}), more = make("button", {}, "more"), status = make("p", { class: "quiet", role: "status" });
  const choices = Object.entries(ORDERS).map(([value, words]) => make("option", { value, selected: value === by }, words));
  const order = make("select", {
    "aria-label": "order of the weights", onchange: () => entries(step, place, name, order.value, open, false),
  }, choices);
  const titles = ["weight", "old", "gradient", "change", "new"];
  const isOpen = (at) => step.weight?.name === name && step.weight.at === at.join(",");
  const buttons = new Map();
  const mark = () => buttons.forEach((button, at) => button.setAttribute("aria-pressed", String(isOpen(at))));
  const pick = ({ at }) => {
    buttons.set(at, make("button", {
      "aria-label": written(name, at), "aria-pressed": String(isOpen(at)), onclick: () => open(name, at).then(mark),
    }, `[${at.join(",")}]`));
    return buttons.get(at);
  };
  const cells = (one) => [number(one.old), signed(one.gradient), signed(one.change), number(one.new)];
  const row = (one) => make("tr", {},
    make("td", {}, pick(one)), cells(one).map((cell) => make("td", { class: "number" }, cell)));
  let shown = 0;
  async function fill() {
    const told = await step.ask("entries", { name, by, first: shown });
    body.append(...told.entries.map(row));
    shown += told.entries.length;
    status.textContent = `${shown.toLocaleString("en")} of ${told.many.toLocaleString("en")} weights are shown.`;
    more.hidden = shown >= told.many;
    return told;
  }
  more.addEventListener("click", fill);
  const told = await fill();
  const head = titles.map((title, at) => make("th", { scope: "col", class: at ? "number" : null }, title));
  place.replaceChildren(
    make("h2", {}, `Weights of ${name}: click one`), make("div", { class: "controls" }, make("label", {}, "order ", order)),
    wide(make("table", {}, make("thead", {}, make("tr", {}, head)), body), `weights of ${name}`, "low"), status, more);
  if (first && told.entries.length) await open(name, told.entries[0].at).then(mark);
}
