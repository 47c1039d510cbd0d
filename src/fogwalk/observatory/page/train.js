// A training begun from the page: on a sample, or on a file under the folder that the page was started in.

import { go } from "./address.js";
import { make } from "./make.js";
import { ask, tell } from "./server.js";

const WHAT = {
  "sample:python-docs": "English prose, as the demo reads",
  "sample:python-source": "Python's own source",
  "sample:handbook": "what Fogwalk says of itself",
  "sample:digits": "images of digits",
};
const TOYS = ["sample:moons", "sample:circles", "sample:xor", "sample:spirals"];

const kindOf = (name) => (TOYS.includes(name) ? "two columns, two classes" : WHAT[name] ?? "a table");

/** What can be learned from, under its heading; nothing where there is none. */
function group(label, names) {
  const option = (name) => make("option", { value: name }, name.startsWith("sample:") ? `${name} (${kindOf(name)})` : name);
  return names.length ? [make("optgroup", { label }, names.map(option))] : [];
}

/** The form; what is offered is asked for first. */
export async function train() {
  const offered = await ask("trainings");
  const named = (words, field) => make("label", { class: "field" }, make("span", {}, words), field);
  const another = make("option", { value: "" }, "another file or folder …");
  const data = make("select", { name: "data", "aria-label": "data" }, group("samples", offered.samples),
    group("tables and texts here", offered.files), group("folders of images here", offered.folders),
    group("code here", offered.code), another);
  const path = make("input", { "aria-label": "its path", placeholder: "path below the folder" }), typed = named("its path", path);
  typed.hidden = true;
  typed.classList.add("path");
  data.addEventListener("change", () => { typed.hidden = data.value !== ""; });
  const minutes = make("input", { type: "number", min: 0.1, step: "any", value: 2, "aria-label": "minutes" });
  const known = Object.entries(offered.settings).filter(([key]) => key !== "minutes");
  const more = known.sort(([one], [other]) => (other === "data.target") - (one === "data.target")).map(([key, help]) => {
    const field = make("input", { name: key, "aria-label": key, placeholder: "chosen by itself", title: help });
    return [key, field, make("li", {}, named(make("code", {}, key), field), make("span", { class: "quiet" }, help))];
  });
  const target = more[0][1]; // of a table; the rest stands below
  target.placeholder = "of a table only";
  const rest = more.slice(1).map(([, , line]) => line);
  const unnamed = offered.left_out ? `, of which ${offered.left_out.toLocaleString("en")} are not in the list` : "";
  const said = make("p", { role: "status" }), begin = make("button", { class: "main" }, "Train");

  async function start(event) {
    event.preventDefault();
    begin.disabled = true;
    [said.className, said.textContent] = ["quiet", "Starting: a process of its own, which reads the data first …"];
    const given = more.map(([key, field]) => [key, field.value.trim()]).filter(([, value]) => value);
    const settings = Object.fromEntries(given);
    if (minutes.value && !("training.steps" in settings)) settings.minutes = Number(minutes.value);
    try {
      const { name } = await tell("trainings", { data: data.value || path.value.trim(), settings });
      go({ run: name, view: "live" }, { base: {} });
    } catch (error) {
      [said.className, said.textContent] = ["trouble", error.message];
      begin.disabled = false;
    }
  }
  return make("form", { class: "train", onsubmit: start },
    make("div", { class: "fields" },
      named("learn from", data), typed, named("column to predict", target), named("for about so many minutes", minutes), begin), said,
    make("details", {}, make("summary", {}, "More to choose"), make("ul", { class: "choices" }, rest)),
    make("p", { class: "quiet" }, `Files are those under ${offered.folder}${unnamed}; a training goes on when this page is closed.`));
}
