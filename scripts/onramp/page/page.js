"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const PAGE_ROWS = 200;
const beside = ["file:", "http:", "https:"].includes(location.protocol);

function make(tag, attributes = {}, ...content) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value);
  }
  element.append(...content.filter((part) => part !== null && part !== undefined));
  return element;
}

function draw(tag, attributes = {}, ...content) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...content);
  return element;
}

const known = (value) => value !== null && value !== undefined;
const round = (value) => (known(value) ? String(Number(value.toPrecision(3))) : "\u2013");
const fixed = (value, digits) => (known(value) ? value.toFixed(digits) : "\u2013");
const plural = (count, noun) => `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;

function duration(seconds) {
  if (seconds < 120) return `${seconds.toFixed(1)} s`;
  if (seconds < 7200) return `${(seconds / 60).toFixed(1)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}

function jumpRate(row) {
  const jumps = row.jumps;
  if (!jumps || !known(jumps.rate)) return "\u2013";
  return known(jumps.error) ? `${round(jumps.rate)} \u00b1 ${Number(jumps.error.toPrecision(1))}` : round(jumps.rate);
}

const EVERY_COLUMN = [
  { title: "", kind: "picture" },
  { title: "exposure", kind: "name", value: (row) => row.exposure },
  { title: "state", kind: "state", value: (row) => data.order.indexOf(row.state), text: (row) => row.state },
  { title: "instrument", kind: "extra", value: (row) => row.instrument },
  { title: "mode", kind: "extra middle", value: (row) => row.mode },
  { title: "time [s]", kind: "number", value: (row) => row.seconds, text: (row) => fixed(row.seconds, 1) },
  { title: "memory [MB]", kind: "number extra middle", value: (row) => row.peak_mb, text: (row) => fixed(row.peak_mb, 0) },
  { title: "jumps [cm\u207b\u00b2 s\u207b\u00b9]", kind: "number extra", value: (row) => row.jumps?.rate, text: jumpRate },
  { title: "jump rate is", kind: "extra spare", room: true, value: (row) => row.jumps?.verdict },
  { title: "bad pixels", kind: "number extra spare", value: (row) => row.bad_fraction,
    text: (row) => (known(row.bad_fraction) ? `${(100 * row.bad_fraction).toFixed(2)} %` : "\u2013") },
  { title: "spectra", kind: "number extra", some: true, value: (row) => row.spectra?.[0], text: (row) => row.spectra?.[0] },
];
const rows = data.exposures;
const filled = (column) => rows.some((row) => known(column.value(row)));
const crowded = EVERY_COLUMN.some((column) => column.some && filled(column));
const COLUMNS = EVERY_COLUMN.filter((column) => (column.some ? filled(column) : !(column.room && crowded)));
const sorting = { column: COLUMNS.findIndex((column) => column.title === "state"), down: false };
const hidden = new Set();
let shown = [];
let limit = PAGE_ROWS;

function compare(a, b) {
  const value = COLUMNS[sorting.column].value;
  const [x, y] = [value(a), value(b)];
  if (!known(x) || !known(y)) return known(y) - known(x);
  const order = typeof x === "string" ? x.localeCompare(y, "en", { numeric: true }) : x - y;
  return sorting.down ? -order : order;
}

function choose() {
  const words = document.getElementById("filter").value.toLowerCase().split(/\s+/).filter(Boolean);
  shown = rows.filter((row) => {
    if (hidden.has(row.state)) return false;
    const text = [row.exposure, row.state, row.instrument, row.detector, row.mode, row.subarray,
      row.reason, row.jumps?.verdict].join(" ").toLowerCase();
    return words.every((word) => text.includes(word));
  }).sort(compare);
  limit = PAGE_ROWS;
  fill();
}

function fill() {
  const body = document.querySelector("#exposures tbody");
  body.replaceChildren(...shown.slice(0, limit).flatMap(lines));
  document.getElementById("count").textContent =
    shown.length === rows.length ? plural(rows.length, "exposure") : `${shown.length} of ${plural(rows.length, "exposure")}`;
  const more = document.getElementById("more");
  more.hidden = shown.length <= limit;
  more.textContent = `Show ${Math.min(PAGE_ROWS, shown.length - limit)} more of ${shown.length - limit}`;
}

function lines(row) {
  const line = make("tr", { class: "exposure", "aria-expanded": "false" }, ...COLUMNS.map((column) => cell(column, row)));
  const found = [line];
  if (row.reason) {
    found.push(make("tr", { class: `reason ${row.state}` }, make("td", { colspan: COLUMNS.length }, row.reason)));
  }
  line.addEventListener("click", () => toggle(line, row));
  return found;
}

function cell(column, row) {
  const box = make("td", { class: column.kind });
  if (column.kind === "picture") {
    if (row.picture) box.append(make("span", {}, make("img", { src: row.picture, loading: "lazy", alt: "" })));
  } else if (column.kind === "name") {
    const [name, folder] = row.exposure.split("/").reverse();
    box.append(make("button", { type: "button" }, folder ? make("small", {}, `${folder}/`) : null, name));
  } else {
    if (column.kind === "state") box.classList.add(row.state);
    const text = column.text ? column.text(row) : column.value(row);
    box.append(text ?? "\u2013");
  }
  return box;
}

function toggle(line, row) {
  const open = line.getAttribute("aria-expanded") === "true";
  line.setAttribute("aria-expanded", String(!open));
  const last = row.reason ? line.nextElementSibling : line;
  if (open) last.nextElementSibling.remove();
  else last.after(make("tr", { class: "detail" }, make("td", { colspan: COLUMNS.length }, detail(row))));
}

function detail(row) {
  const box = make("div");
  if (row.picture) {
    const shows = row.spectra ? "A spectrum, its model and its contamination" : "Rate, jumps and data quality";
    const picture = make("img", { src: row.picture, alt: `${shows} of ${row.exposure}` });
    picture.addEventListener("click", () => view(row.picture));
    box.append(make("figure", { class: "wide" }, picture));
  }
  const facts = make("div", { class: "facts" });
  facts.append(group("Exposure", [
    ["instrument", row.instrument], ["detector", row.detector], ["mode", row.mode],
    ["subarray", row.subarray], ["read pattern", row.readpatt],
    ["shape", row.shape && `${plural(row.shape[0], "integration")}, ${plural(row.shape[1], "group")}, ${row.shape[2]} \u00d7 ${row.shape[3]} pixels`],
    ["log", beside && row.state !== "missing" ? link(`logs/${row.exposure}.log`) : null],
    ["failure", beside && row.state === "failed" ? link(`${row.exposure}_pipecrash.txt`) : null],
  ]));
  if (row.jumps) facts.append(jumpFacts(row.jumps));
  if (row.spectra) {
    const [corrected, fitted, dispersed] = row.spectra;
    facts.append(group("Slitless spectra", [["corrected", corrected], ["fitted", fitted || null], ["predicted", dispersed]]));
  }
  if (row.steps.length) {
    facts.append(group("Time of each step", row.steps.map(([step, seconds]) => [step, `${fixed(seconds, 2)} s`])));
  }
  if (row.references.length) {
    facts.append(group("References", row.references.map((n) => [data.references[n][0], data.references[n][1]])));
  }
  const own = Object.entries(data.own[row.exposure] ?? {});
  if (own.length) facts.append(group("Own parameters", own.map(([name, value]) => [name, JSON.stringify(value)])));
  box.append(facts);
  return box;
}

function link(path) {
  return make("a", { href: path.split("/").map(encodeURIComponent).join("/") }, path);
}

function group(title, pairs) {
  const list = make("dl");
  for (const [name, value] of pairs) if (known(value)) list.append(make("dt", {}, name), make("dd", {}, value));
  return make("div", {}, make("h3", {}, title), list);
}

function jumpFacts(jumps) {
  const expected = jumps.expected.every(known) ? `${jumps.expected[0]} to ${jumps.expected[1]} cm\u207b\u00b2 s\u207b\u00b9` : null;
  const box = group("Jumps", [
    ["rate", known(jumps.rate) ? `${jumpRate({ jumps })} cm\u207b\u00b2 s\u207b\u00b9` : null],
    ["expected", expected], ["verdict", jumps.verdict], ["events", known(jumps.events) ? String(jumps.events) : null],
    ["median charge", known(jumps.median_size) ? `${round(jumps.median_size)} e\u207b` : null],
    ["flagged samples", known(jumps.flagged_rate) ? `${round(jumps.flagged_rate)} cm\u207b\u00b2 s\u207b\u00b9` : null],
    ...jumps.remarks.map((remark) => ["remark", remark]),
  ]);
  for (const [name, values] of [["by group", jumps.groups], ["by amplifier", jumps.amplifiers]]) {
    if (values.filter(known).length > 1) box.append(make("h3", {}, name), small(values));
  }
  return box;
}

function small(values) {
  const highest = Math.max(...values.filter(known), 1e-9);
  const width = 240 / values.length;
  return draw("svg", { viewBox: "0 0 240 36", role: "img" }, ...values.map((value, n) => {
    const height = known(value) ? (34 * value) / highest : 0;
    return draw("rect", { class: "bar", x: n * width, y: 35 - height, width: Math.max(width - 1, 0.5), height },
      draw("title", {}, `${n + 1}: ${round(value)}`));
  }), draw("line", { class: "axis", x1: 0, x2: 240, y1: 35.5, y2: 35.5 }));
}

function view(picture) {
  const viewer = document.getElementById("viewer");
  viewer.querySelector("img").src = picture;
  viewer.showModal();
}

function histogram(title, unit, values) {
  const bins = 24;
  const [low, high] = values.reduce(([a, b], value) => [Math.min(a, value), Math.max(b, value)], [Infinity, -Infinity]);
  const span = high - low || Math.abs(high) || 1;
  const counts = new Array(bins).fill(0);
  for (const value of values) counts[Math.min(bins - 1, Math.floor(((value - low) / span) * bins))] += 1;
  const highest = Math.max(...counts);
  const bars = counts.map((count, n) => {
    const from = low + (n * span) / bins;
    return draw("rect", { class: "bar", x: n * 12.5, y: 80 - (72 * count) / highest, width: 11, height: (72 * count) / highest },
      draw("title", {}, `${round(from)} to ${round(from + span / bins)} ${unit}: ${plural(count, "exposure")}`));
  });
  const end = draw("text", { x: 300, y: 96, "text-anchor": "end" }, `${round(high)} ${unit}`);
  const svg = draw("svg", { viewBox: "0 0 300 100", role: "img", "aria-label": title }, ...bars,
    draw("line", { class: "axis", x1: 0, x2: 300, y1: 80.5, y2: 80.5 }),
    draw("text", { x: 0, y: 96 }, `${round(low)}`), end);
  return make("figure", {}, make("h3", {}, title), svg);
}

function charts() {
  const box = document.getElementById("charts");
  const wanted = [
    ["Time of an exposure", "s", (row) => row.seconds],
    ["Peak memory", "MB", (row) => row.peak_mb],
    ["Jump events", "cm\u207b\u00b2 s\u207b\u00b9", (row) => row.jumps?.rate],
  ];
  for (const [title, unit, value] of wanted) {
    const values = rows.map(value).filter(known);
    if (values.length > 1) box.append(histogram(title, unit, values));
  }
  box.hidden = !box.children.length;
}

function totals() {
  const list = document.getElementById("totals");
  const add = (number, what, kind) => list.append(make("li", { class: kind }, make("b", {}, number), what));
  for (const state of data.order) {
    const count = rows.filter((row) => row.state === state).length;
    if (count) add(count.toLocaleString("en"), state, state);
  }
  const seconds = rows.map((row) => row.seconds).filter(known);
  if (!seconds.length) return;
  const odd = rows.filter((row) => known(row.jumps?.verdict) && /^(high|low)/.test(row.jumps.verdict)).length;
  add(duration(seconds.reduce((a, b) => a + b, 0)), "time of all exposures");
  add(`${rows.reduce((most, row) => Math.max(most, row.peak_mb ?? 0), 0).toFixed(0)} MB`, "largest memory");
  if (odd) add(String(odd), "with an odd jump rate");
}

function table(heads, lines) {
  return make("table", {}, make("thead", {}, make("tr", {}, ...heads.map((head) => make("th", {}, head)))),
    make("tbody", {}, ...lines));
}

function fold(title, content, open = false) {
  return make("details", { open: open ? "" : null }, make("summary", {}, title), make("div", {}, content));
}

function aboutRun() {
  const box = document.getElementById("run");
  if (data.parameters.length) {
    const changed = (line) => JSON.stringify(line[2]) !== JSON.stringify(line[3]);
    const row = (line) => make("tr", { class: changed(line) ? "changed" : null },
      make("td", {}, `${line[0]}.${line[1]}`), make("td", {}, JSON.stringify(line[2])), make("td", {}, JSON.stringify(line[3])));
    const lines = [...data.parameters].sort((a, b) => changed(b) - changed(a));
    const count = lines.filter(changed).length;
    box.append(fold(`Parameters: ${count ? `${count} other than the default` : "all at their defaults"}`,
      table(["parameter", "value", "default"], lines.map(row))));
    box.append(fold("Options of the run", table(["option", "value"], Object.entries(data.options).map(([name, value]) =>
      make("tr", {}, make("td", {}, name), make("td", {}, JSON.stringify(value)))))));
  }
  if (data.references.length) {
    const uses = new Array(data.references.length).fill(0);
    for (const row of rows) for (const n of row.references) uses[n] += 1;
    box.append(fold(`Reference files: ${data.references.length}`, table(["type", "file", "exposures", "sha256"],
      data.references.map(([kind, name, digest], n) => make("tr", {}, make("td", {}, kind), make("td", {}, name),
        make("td", { class: "number" }, String(uses[n])), make("td", {}, make("code", {}, digest)))))));
  }
}

function heads() {
  const line = make("tr");
  COLUMNS.forEach((column, n) => {
    const head = make("th", { class: column.kind, scope: "col" });
    if (column.value) {
      const button = make("button", { type: "button" }, column.title);
      button.addEventListener("click", () => {
        sorting.down = sorting.column === n ? !sorting.down : column.kind.startsWith("number");
        sorting.column = n;
        mark();
        choose();
      });
      head.append(button);
    }
    line.append(head);
  });
  document.querySelector("#exposures thead").append(line);
  mark();
}

function mark() {
  document.querySelectorAll("#exposures thead th").forEach((head, n) => {
    if (n === sorting.column) head.setAttribute("aria-sort", sorting.down ? "descending" : "ascending");
    else head.removeAttribute("aria-sort");
  });
}

function states() {
  const box = document.getElementById("states");
  const present = data.order.filter((state) => rows.some((row) => row.state === state));
  if (present.length < 2) return;
  for (const state of present) {
    const button = make("button", { type: "button", class: state, "aria-pressed": "true" }, state);
    button.addEventListener("click", () => {
      if (!hidden.delete(state)) hidden.add(state);
      button.setAttribute("aria-pressed", String(!hidden.has(state)));
      choose();
    });
    box.append(button);
  }
}

document.getElementById("title").textContent = `Exposures in ${data.folder}`;
document.getElementById("made").textContent = `onramp ${data.version}, ${data.made}`;
document.getElementById("filter").addEventListener("input", choose);
document.getElementById("more").addEventListener("click", () => { limit += PAGE_ROWS; fill(); });
document.querySelector("#viewer").addEventListener("click", (event) => event.currentTarget.close());
totals();
charts();
heads();
states();
aboutRun();
choose();
