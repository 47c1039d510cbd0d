// The tokens on a circle of numbered chairs; arcs go from a listener to its speakers, as wide as the measure.

import { draw, make, table } from "../make.js";
import { briefly, number } from "../words.js";
import { plain } from "./names.js";

const MOST = 60; // arcs that are drawn
const LEAST = 0.02; // of the largest that could be, below which no arc is drawn
const FINGERTIP = 12.5; // pixels on the page that a chair can be pressed within, each way, where there is room
const CHAIRS = 256; // that are drawn
const LETTERS = 7; // pixels on the page that the letters beside a chair are high, at least; else only the loudest are named
const ROOM = 520, MIDDLE = ROOM / 2, RADIUS = 188;

/** Every arc that may be drawn, those of the picked listener first, the strongest first. */
function arcsOf({ side, values, listener, most }) {
  const found = [], least = LEAST * most;
  for (let from = 0; from < side; from += 1) for (let to = 0; to <= from; to += 1) {
    const size = values[from * side + to];
    if (Math.abs(size) >= least && size !== 0) found.push([from, to, size]);
  }
  return found.sort((one, other) => (other[0] === listener) - (one[0] === listener) || Math.abs(other[2]) - Math.abs(one[2]));
}

/** `pick` is told (listener, speaker or null). */
export function circle(pick) {
  const svg = draw("svg", {
    class: "drawing table",
    viewBox: `0 0 ${ROOM} ${ROOM}`,
    role: "group",
    "aria-label": "the round table; arrow keys go from chair to chair, Enter lets one listen",
  });
  const sentence = make("p", { class: "sentence", role: "status" }),
    caps = make("p", { class: "quiet" });
  const twin = make("details", {}, make("summary", {}, "The arcs as a table"));
  let chairs = new Map(), drawn = [], now = null, resting = "", due = true;

  function show(data) {
    const focused = [...chairs].find(([, chair]) => chair === document.activeElement)?.[0];
    now = data;
    const { names, listener, speaker, most, signed } = data, arcs = arcsOf(data);
    drawn = arcs.slice(0, MOST);
    const seated = seats(data, drawn),
      count = seated.length,
      each = (2 * Math.PI * RADIUS) / count;
    const size = Math.max(2.5, Math.min(17, each / 2 - 1)),
      high = Math.min(13, each * 0.85),
      zoom = (svg.clientWidth || ROOM) / ROOM,
      named = high * zoom >= LETTERS;
    svg.setAttribute("viewBox", count === 1 ? `0 20 ${ROOM} 140` : `0 0 ${ROOM} ${ROOM}`);
    const place = new Map(seated.map((one, at) => [one, (at / count) * 2 * Math.PI - Math.PI / 2]));
    const at = (one, away) =>
      [MIDDLE + away * Math.cos(place.get(one)), MIDDLE + away * Math.sin(place.get(one))].map((value) =>
        Number(value.toFixed(1)),
      );
    const notable = new Set([
      listener,
      speaker,
      ...drawn
        .filter(([from]) => from === listener)
        .slice(0, 8)
        .map(([, to]) => to),
    ]);
    const paths = drawn
      .toReversed()
      .filter(([from, to]) => place.has(from) && place.has(to))
      .map(([from, to, value]) => {
        const kind = [
          "arc",
          from === listener ? "mine" : null,
          from === listener && to === speaker ? "picked" : null,
          signed ? (value < 0 ? "minus" : "plus") : null,
        ];
        return draw(
          "path",
          {
            d: bow(at, place, from, to, size),
            class: kind.filter(Boolean).join(" "),
            "stroke-width": Math.max(0.75, (Math.abs(value) / most) * 11),
            "data-listener": from,
            "data-speaker": to,
            onclick: () => pick(from, to),
          },
          draw("title", {}, `${from} ${names[from]} listens to ${to} ${names[to]}: ${number(value)}`),
        );
      });
    chairs = new Map(seated.map((one) => [one, chair(one)]));
    svg.replaceChildren(...paths, ...chairs.values());
    if (focused !== undefined) (chairs.get(focused) ?? chairs.get(listener))?.focus();
    resting = said(data);
    sentence.textContent = resting;
    caps.textContent = told(data, arcs, count);
    if (twin.open) fill();
    due = !twin.open;

    function chair(one) {
      const [x, y] = at(one, RADIUS), closed = one > listener, text = label(one);
      const kind = ["seat", one === listener ? "picked" : null, one === speaker ? "speaker" : null, closed ? "closed" : null];
      const [u, v] = at(one, RADIUS + size + 6),
        angle = (place.get(one) * 180) / Math.PI,
        left = Math.cos(place.get(one)) < -1e-9;
      const flat = count <= 20,
        across = Math.abs(Math.cos(place.get(one))) < 0.35;
      const anchor = flat && across ? "middle" : left ? "end" : "start",
        lower = flat ? (across ? (v < MIDDLE ? 0 : 10) : 4) : 4;
      return draw(
        "g",
        {
          class: kind.filter(Boolean).join(" "),
          role: "button",
          tabindex: one === listener ? "0" : "-1",
          "aria-pressed": String(one === listener),
          "aria-label": `place ${one}, ${names[one]}${closed ? `, closed: it comes after place ${listener}` : ""}`,
          "data-place": one,
          onclick: () => pick(one, null),
          onfocus: () => near(one),
          onpointerenter: () => near(one),
          onblur: rest,
          onpointerleave: rest,
        },
        draw("circle", { class: "target", cx: x, cy: y, r: Math.max(size, Math.min(FINGERTIP / zoom, each / 2)) }),
        draw("circle", { class: "ring", cx: x, cy: y, r: size }),
        closed && size >= 4
          ? draw("path", { class: "cross", d: `M${x - size / 1.6},${y + size / 1.6} L${x + size / 1.6},${y - size / 1.6}` })
          : null,
        size >= 8 ? draw("text", { class: "chair", x, y: y + 3.5, "text-anchor": "middle" }, String(one)) : null,
        text
          ? draw(
              "text",
              {
                class: "token",
                x: u,
                y: v + lower,
                "text-anchor": anchor,
                transform: flat || text === "␣" ? null : `rotate(${(left ? angle + 180 : angle).toFixed(1)} ${u} ${v})`,
                style: `font-size: ${(named ? high : 12).toFixed(1)}px`,
              },
              text,
            )
          : null,
      );
    }
    function label(one) {
      if (!named && !notable.has(one)) return "";
      return size >= 8 ? plain(names[one], count <= 20 ? 10 : 8) : `${one} ${plain(names[one], 7)}`;
    }
  }

  /** What a chair that is pointed at says and is told. */
  function near(one) {
    const { names, side, values, listener, measure } = now;
    for (const path of svg.querySelectorAll(".arc"))
      path.classList.toggle("near", Number(path.dataset.listener) === one || Number(path.dataset.speaker) === one);
    const value = values[listener * side + one];
    sentence.textContent =
      one > listener
        ? `Place ${one}, ${names[one]}: its chair is closed for place ${listener}, for it comes later. Enter lets it listen.`
        : `Place ${one}, ${names[one]}: from place ${listener} it gets ${measure.is} ` +
          `${number(value)}.${one === listener ? "" : " Enter lets it listen."}`;
  }
  function rest() {
    for (const path of svg.querySelectorAll(".arc.near")) path.classList.remove("near");
    sentence.textContent = resting;
  }
  function fill() {
    due = false;
    twin.replaceChildren(
      twin.firstChild,
      table(
        ["#place", "listens to", "#place", "", `#${now.measure.is}`],
        drawn.map(([from, to, value]) => [from, plain(now.names[from]), to, plain(now.names[to]), number(value)]),
      ),
    );
  }
  twin.addEventListener("toggle", () => { if (twin.open && now && due) fill(); });
  svg.addEventListener("keydown", (event) => {
    const seated = [...chairs.keys()], here = [...chairs.values()].indexOf(document.activeElement);
    if (here < 0) return;
    const moves = {
      ArrowRight: here + 1,
      ArrowDown: here + 1,
      ArrowLeft: here - 1,
      ArrowUp: here - 1,
      Home: 0,
      End: seated.length - 1,
    };
    if (event.key === "Enter" || event.key === " ") pick(seated[here], null);
    else if (event.key in moves) {
      const next = seated[(moves[event.key] + seated.length) % seated.length];
      chairs.forEach((chair, one) => chair.setAttribute("tabindex", one === next ? "0" : "-1"));
      chairs.get(next).focus();
    } else return;
    event.preventDefault();
  });
  return { place: make("div", { class: "circle" }, svg, sentence, caps, twin), show };
}

/** Who is seated: all, or of very many the listener and whoever stands in the strongest arcs. */
function seats({ side, listener, speaker, values }, drawn) {
  const every = Array.from({ length: side }, (_, place) => place);
  if (side <= CHAIRS) return every;
  const loud = every.toSorted(
    (one, other) => Math.abs(values[listener * side + other]) - Math.abs(values[listener * side + one]),
  );
  const kept = [
    ...new Set([listener, ...(speaker === null ? [] : [speaker]), ...drawn.flatMap(([from, to]) => [from, to]), ...loud]),
  ];
  return kept.slice(0, CHAIRS).sort((one, other) => one - other);
}

/** From a chair over the table to another; to itself a loop. */
function bow(at, place, from, to, size) {
  const [x, y] = at(from, RADIUS - size), [u, v] = at(to, RADIUS - size);
  if (from === to) {
    const turn = place.get(from),
      point = (angle) =>
        [MIDDLE + (RADIUS - size - 46) * Math.cos(turn + angle), MIDDLE + (RADIUS - size - 46) * Math.sin(turn + angle)].map(
          (value) => value.toFixed(1),
        );
    return `M${x},${y} C${point(0.16)} ${point(-0.16)} ${x},${y}`;
  }
  const [p, q] = [x + u, y + v].map((sum) => (MIDDLE + ((sum / 2 - MIDDLE) * 0.45)).toFixed(1));
  return `M${x},${y} Q${p},${q} ${u},${v}`;
}

function said({ names, side, values, listener, signed, measure }) {
  const row = Array.from({ length: listener + 1 }, (_, to) => [to, values[listener * side + to]]).sort(
    (one, other) => Math.abs(other[1]) - Math.abs(one[1]),
  );
  const some = row
    .slice(0, 3)
    .map(([to, value]) => `place ${to}, ${names[to]} (${signed && value > 0 ? "+" : ""}${number(value)})`);
  const rest = row.slice(3).reduce((sum, [, value]) => sum + value, 0);
  if (row.length === 1) return `Place ${listener}, ${names[listener]}, can hear itself alone: ${number(row[0][1])}.`;
  const verb = signed ? "has most added by" : "listens most to", others = row.length - 3;
  return `Place ${listener}, ${names[listener]}, ${verb} ` +
    `${some.join(", then ")}${others > 0 ? `; the other ${others} together: ${measure.is} ${number(rest)}` : ""}.`;
}

function told({ side, listener, most }, arcs, count) {
  const drawn = Math.min(MOST, arcs.length),
    open = (side * (side + 1)) / 2,
    closed = side - 1 - listener;
  const all =
    arcs.length > MOST
      ? `the strongest ${drawn} of ${arcs.length.toLocaleString("en")} arcs are drawn, those of place ${listener} first`
      : `${drawn === 1 ? "1 arc is" : `${drawn} arcs are`} drawn`;
  const small =
    open - arcs.length ? `; ${(open - arcs.length).toLocaleString("en")} below ${briefly(LEAST * most)} are not` : "";
  const shut = closed
    ? ` ${closed === 1 ? "1 chair is" : `${closed} chairs are`} closed for place ${listener}, struck through: they come later.`
    : "";
  const few = count < side ? ` ${count} of ${side} chairs are drawn.` : "";
  return `At most ${MOST} arcs: ${all}${small}. Strong colour: place ${listener} listens; faint: the others.${shut}${few}`;
}
