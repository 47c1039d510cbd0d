// Every parameter at one look, grouped by the module it belongs to, or sorted by a column.

import { go } from "../address.js";
import { make } from "../make.js";
import { number } from "../words.js";
import { inOrder, marked, rested } from "./measures.js";

const EVERY = [
  ["name", "parameter"],
  ["weight", "length"],
  ["gradient", "gradient"],
  ["change", "change / weight"],
  ["dead", "dead units"],
];

export function tree(state, measures, choose) {
  const names = inOrder([
    ...new Set(
      Object.keys(measures.numbers)
        .filter((name) => /^(weight|gradient)\//.test(name))
        .map((name) => name.slice(name.indexOf("/") + 1)),
    ),
  ]);
  const steps = measures.form.steps,
    title = make("h2", {}),
    body = make("tbody", {});
  const columns = EVERY.filter(([id]) => id !== "dead" || names.some((name) => deadOf(name, measures.numbers)));
  let [sort, down] = sorted(state.sort),
    picked = null,
    look = steps.at(-1);
  const heads = columns.map(([id, words]) =>
    make("th", { scope: "col", class: id === "name" ? null : "number" }, make("button", { onclick: () => by(id) }, words)),
  );
  const place = make(
    "section",
    {},
    title,
    make(
      "p",
      { class: "quiet" },
      "Click a name to open it above, or a title to sort. Length is √Σ w²; dead units, where they were looked for, are " +
        "those of the layer it belongs to.",
    ),
    make(
      "div",
      { class: "scroll", tabindex: "0", role: "region", "aria-label": "parameters" },
      make("table", { class: "tree" }, make("thead", {}, make("tr", {}, heads)), body),
    ),
  );

  function by(id) {
    down = id === sort ? !down : id !== "name";
    sort = id;
    state.sort = `${sort}${down ? "-" : "+"}`;
    go({ sort: state.sort }, { quietly: true });
    fill();
  }
  function value(name, what) {
    const at = what === "dead" ? deadOf(name, measures.numbers) : `${what}/${name}`;
    return measures.numbers[at]?.[steps.indexOf(look)] ?? null;
  }
  function row(name, group = "") {
    const cells = columns.slice(1).map(([what]) => {
      const found = value(name, what),
        word = what === "weight" ? "" : marked(what, found, look, rested(measures, steps.indexOf(look)));
      return make(
        "td",
        { class: "number" },
        found === null ? "-" : number(found),
        word ? make("small", { class: "mark" }, ` ${word}`) : null,
      );
    });
    return make(
      "tr",
      { class: name === picked ? "picked" : null },
      make(
        "td",
        { class: group ? "in" : null },
        make(
          "button",
          { "aria-pressed": String(name === picked), title: name, onclick: () => choose(name, look) },
          group && group !== name ? name.slice(group.length + 1) : name,
        ),
      ),
      cells,
    );
  }
  function fill() {
    heads.forEach((head, each) =>
      head.setAttribute("aria-sort", columns[each][0] !== sort ? "none" : down ? "descending" : "ascending"),
    );
    title.textContent = look ? `Every parameter after step ${look}` : "Every parameter before any update";
    if (sort === "name") {
      const ordered = down ? [...names].reverse() : names, rows = [];
      let group = null;
      for (const name of ordered) {
        const module = moduleOf(name);
        if (module !== group)
          rows.push(make("tr", { class: "group" }, make("th", { colspan: columns.length, scope: "colgroup" }, module)));
        group = module;
        rows.push(row(name, group));
      }
      return body.replaceChildren(...rows);
    }
    const size = (name) => value(name, sort) ?? -1;
    body.replaceChildren(
      ...[...names].sort((one, other) => (down ? size(other) - size(one) : size(one) - size(other))).map((name) => row(name)),
    );
  }
  fill();
  return {
    place,
    mark(name, step) {
      [picked, look] = [name, step];
      const focused = place.contains(document.activeElement) ? document.activeElement.title : null;
      fill();
      if (focused) [...place.querySelectorAll("button")].find((one) => one.title === focused)?.focus();
    },
  };
}

const sorted = (written) => {
  const [, id, way] = /^(\w+)([+-])$/.exec(written ?? "") ?? [];
  return EVERY.some(([one]) => one === id) ? [id, way === "-"] : ["name", false];
};

/** layers.3 of what is in a layer; else the module itself. */
const moduleOf = (name) => /^[a-z_]+\.\d+(?=\.)/.exec(name)?.[0] ?? name.slice(0, Math.max(0, name.lastIndexOf("."))) ?? name;

/** Where the dead units of the layer that a parameter belongs to are measured. */
function deadOf(name, numbers) {
  const [, layer] = /^layers\.(\d+)\.(weight|bias)$/.exec(name) ?? [], [inside] = /^.*feed_forward/.exec(name) ?? [];
  const at = inside ? `dead/${inside}.activation` : `dead/activations.${layer}`;
  return at in numbers ? at : null;
}
