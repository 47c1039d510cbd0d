// Elements. Text is always set as text: nothing of a person's data ever becomes markup.

const SVG = "http://www.w3.org/2000/svg";

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

export const make = (name, attributes, ...children) => filled(document.createElement(name), attributes, children);
export const draw = (name, attributes, ...children) => filled(document.createElementNS(SVG, name), attributes, children);

/** A table of rows; columns whose title begins with # hold numbers and stand to the right. */
export function table(titles, rows) {
  const right = titles.map((title) => title.startsWith("#"));
  const cell = (kind, value, at) => {
    const inside = value instanceof Node ? value : String(value);
    return make(kind, { class: right[at] ? "number" : null, scope: kind === "th" ? "col" : null }, inside);
  };
  return make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "table" },
    make("table", {},
      make("thead", {}, make("tr", {}, titles.map((title, at) => cell("th", title.replace(/^#/, ""), at)))),
      make("tbody", {}, rows.map((row) => make("tr", {}, row.map((value, at) => cell("td", value, at)))))));
}
