// Any entry on demand: the names there are, and what stands under the one that is picked, as `explain --at` tells it.

import { make } from "../make.js";

export function entries(step, wanted = null) {
  const structure = step.found.structure, parameters = new Set(structure.parameters.map((one) => one.name));
  const [paths, values] = [structure.modules.map((one) => one.path), structure.values.map((one) => one.name)];
  const names = [...paths, ...values, ...parameters, "loss"].filter(Boolean);
  const told = make("div", { role: "status" }), where = wanted ? { ...step.where } : {};
  const field = make("input", {
    list: "names", value: wanted, placeholder: names[0] ?? "loss", "aria-label": "layer, value, parameter or loss",
    onchange: () => show(),
  });
  const flags = ["place", "unit", "head"].map((flag) => make("label", {}, `${flag} `, make("input", {
    type: "number", min: 0, "aria-label": flag, onchange: (event) => { where[flag] = event.target.value; show(); },
  })));
  async function show() {
    if (!field.value) return told.replaceChildren();
    try {
      const query = { at: field.value, ...where, row: parameters.has(field.value) ? null : step.row };
      told.replaceChildren(make("pre", { tabindex: "0" }, (await step.ask("entry", query)).text));
    } catch (error) {
      told.replaceChildren(make("p", { class: "trouble" }, error.message));
    }
  }
  if (wanted) show();
  const list = make("datalist", { id: "names" }, names.map((one) => make("option", { value: one })));
  const place = make("details", { open: Boolean(wanted) }, make("summary", {}, "Any other entry, with its numbers put in"),
    make("div", { class: "controls" }, make("label", {}, "look at ", field), list, ...flags), told);
  return { place };
}
