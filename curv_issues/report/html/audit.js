// The page of an audit.

const cardOf = new Map(view.cards.map((card) => [card.row, card]));
const classOf = new Map(view.classes.map((name, code) => [name, code]));
const PAGE = 60; // cards or groups
const SVG = "http://www.w3.org/2000/svg";
const QUANTITIES = { loss: "loss", margin: "margin", input_curvature: "curvature" };
const ACTIONS = { keep: "kept", relabel: "relabelled", remove: "to be removed", unsure: "unsure" };

// ---------------------------------------------------------------- elements

function drawn(name, attributes = {}, ...children) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function named(code) {
  return visible(view.classes[code]);
}

// A name for alternative texts and labels, which cannot be cut off by their layout.
function shortName(code) {
  const name = named(code);
  return name.length > 60 ? `${name.slice(0, 57)}...` : name;
}

// ---------------------------------------------------------------- decisions

// Decisions by row of the result. An entry without an action says that a decision was taken back.
const decisions = new Map();
let others = view.other_decisions; // on samples without a card, or of other datasets: kept as they are
const history = [];
const KEY = `curv-issues decisions ${view.id}`;
let isStored = true;
let isSaved = true; // whether no decision exists in this page only

function entryOf(row, action, label) {
  const card = cardOf.get(row);
  const entry = { image_sha256: card.image_sha256, given: view.classes[card.given], action, row };
  if (action === "relabel") entry.label = label;
  if (card.split !== null) entry.split = card.split;
  if (card.path !== null) entry.path = card.path;
  entry.decided_at = new Date().toISOString();
  return entry;
}

function isNewer(entry, than) {
  return than === undefined || (entry.decided_at || "") >= (than.decided_at || "");
}

function isValid(entry) {
  return entry !== null && typeof entry === "object" && typeof entry.image_sha256 === "string" && typeof entry.given === "string"
    && Object.hasOwn(ACTIONS, entry.action) && (entry.action === "relabel") === (typeof entry.label === "string");
}

// Returns the rows of the cards that a decision from a file is about, by content and given label.
const rowsByContent = new Map();
for (const card of view.cards) {
  const key = `${card.image_sha256} ${view.classes[card.given]}`;
  if (!rowsByContent.has(key)) rowsByContent.set(key, []);
  rowsByContent.get(key).push(card.row);
}
function rowsOf(entry) {
  const rows = rowsByContent.get(`${entry.image_sha256} ${entry.given}`) || [];
  if (entry.action !== "remove" || rows.length < 2) return rows;
  return rows.filter((row) => (cardOf.get(row).path !== null && entry.path ? cardOf.get(row).path === entry.path : row === entry.row));
}

function decisionsFile() {
  const made = [...decisions.values()].filter((entry) => entry.action !== null);
  return `${JSON.stringify({ curv_issues_decisions: 1, dataset: view.dataset, decisions: [...others, ...made] }, null, 1)}\n`;
}

function keepInBrowser() {
  try {
    localStorage.setItem(KEY, JSON.stringify([...decisions]));
  } catch {
    isStored = false;
  }
}

function restore() {
  for (const entry of view.decisions) decisions.set(entry.row, entry);
  if (view.server) {
    if (view.server.estimate) showEstimate(view.server.estimate);
    return;
  }
  try {
    for (const [row, entry] of JSON.parse(localStorage.getItem(KEY) || "[]")) {
      const card = cardOf.get(row);
      const fits = card && entry.image_sha256 === card.image_sha256 && entry.given === view.classes[card.given];
      if (fits && isNewer(entry, decisions.get(row))) decisions.set(row, entry);
    }
  } catch {
    isStored = false;
  }
}

function decide(row, action, label, remember = true) {
  const before = decisions.get(row);
  if (remember) history.push([row, before]);
  decisions.set(row, entryOf(row, action, label));
  save(row);
  redraw(row);
  say(action === null ? `Row ${row}: decision taken back.` : `Row ${row}: ${describe(decisions.get(row))}.`);
}

function undo() {
  if (!history.length) return say("There is nothing to undo.");
  const [row, before] = history.pop();
  if (before === undefined || before.action === null) decide(row, null, undefined, false);
  else decide(row, before.action, before.label, false);
  const place = units.flat().indexOf(row);
  if (place >= 0) moveTo(place);
}

function decisionOn(row) {
  const entry = decisions.get(row);
  return entry && entry.action !== null ? entry : undefined;
}

function describe(entry) {
  return entry.action === "relabel" ? `relabelled to ${visible(entry.label)}` : ACTIONS[entry.action];
}

async function save(row) {
  if (!view.server) {
    isSaved = false;
    keepInBrowser();
    return drawReview();
  }
  const entry = decisions.get(row);
  try {
    const answer = await fetch(view.server.address, {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(entry),
    });
    if (!answer.ok) throw new Error(await answer.text());
    takeOver(await answer.json());
  } catch (error) {
    isSaved = false;
    say(`Row ${row}: NOT saved (${error.message}). Is curv-issues review still running?`);
  }
  drawReview();
}

// Shows what the server has, which another tab may have changed.
function takeOver(state) {
  const rows = new Set([...decisions.keys(), ...state.decisions.map((entry) => entry.row)]);
  const found = new Map(state.decisions.map((entry) => [entry.row, entry]));
  for (const row of rows) {
    const changed = JSON.stringify(decisionOn(row)) !== JSON.stringify(found.get(row));
    if (found.has(row)) decisions.set(row, found.get(row));
    else decisions.delete(row);
    if (changed) redraw(row);
  }
  isSaved = true;
  if (state.estimate) showEstimate(state.estimate);
}

function showEstimate(text) {
  let place = document.getElementById("estimate");
  if (!place) document.querySelector("header").append((place = element("p", { class: "estimate", id: "estimate" })));
  place.textContent = text;
}

async function poll() {
  try {
    const answer = await fetch(view.server.address);
    if (answer.ok) {
      takeOver(await answer.json());
      drawReview();
    }
  } catch {
    // the next decision says that the server is gone
  }
}

function download() {
  saveAs("decisions.json", decisionsFile(), "application/json");
  isSaved = true;
  drawReview();
}

async function readBack(file) {
  let content;
  try {
    content = JSON.parse(await file.text());
    if (content.curv_issues_decisions !== 1 || !Array.isArray(content.decisions) || !content.decisions.every(isValid)) throw new Error();
  } catch {
    return say(`${visible(file.name)} is not a file of decisions.`);
  }
  let matched = 0;
  const unmatched = [];
  for (const entry of content.decisions) {
    const rows = rowsOf(entry).filter((row) => entry.action !== "relabel" || classOf.has(entry.label));
    for (const row of rows) {
      if (isNewer(entry, decisions.get(row))) decisions.set(row, { ...entry, row });
      if (view.server) await save(row);
    }
    if (rows.length) matched += 1;
    else unmatched.push(entry);
  }
  const known = new Set(others.map((entry) => JSON.stringify(entry)));
  others = [...others, ...unmatched.filter((entry) => !known.has(JSON.stringify(entry)))];
  if (!view.server) keepInBrowser();
  drawGallery();
  drawReview();
  say(`${count(matched, "decision")} read; ${unmatched.length} are about samples that this page does not show.`);
}

// ---------------------------------------------------------------- charts

const LEFT = 48; // pixels for the labels of the vertical axis

function axes(width, height, points) {
  const xs = points.map((point) => point[0]);
  const ys = points.map((point) => point[1]);
  const [x0, x1, y0, y1] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  return {
    x: (value) => LEFT + ((value - x0) / (x1 - x0 || 1)) * (width - LEFT - 6),
    y: (value) => height - 16 - ((value - y0) / (y1 - y0 || 1)) * (height - 24),
    limits: [x0, x1, y0, y1],
  };
}

function line(points, scale, style) {
  const place = points.map(([x, y]) => `${scale.x(x).toFixed(1)},${scale.y(y).toFixed(1)}`);
  if (place.length === 1) return drawn("circle", { cx: scale.x(points[0][0]), cy: scale.y(points[0][1]), r: 3, class: `dot-${style}` });
  return drawn("polyline", { points: place.join(" "), class: `line-${style}` });
}

function frame(width, height, scale, label) {
  const [x0, x1, y0, y1] = scale.limits;
  return drawn("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": label },
    drawn("path", { d: `M${LEFT} 4V${height - 16}H${width - 4}`, class: "axis" }),
    drawn("text", { x: LEFT - 4, y: 12, "text-anchor": "end" }, number(y1, 2)),
    drawn("text", { x: LEFT - 4, y: height - 18, "text-anchor": "end" }, number(y0, 2)),
    drawn("text", { x: LEFT, y: height - 3 }, `epoch ${x0}`), drawn("text", { x: width - 4, y: height - 3, "text-anchor": "end" }, String(x1)));
}

function curveOfCard(card, quantity) {
  const own = card.curves[quantity] || [];
  const median = (view.class_curves[card.given] || {})[quantity] || [];
  if (!own.length) return null;
  const scale = axes(230, 74, [...own, ...median]);
  const label = `${QUANTITIES[quantity]} over training: ends at ${number(own.at(-1)[1])}; median of the class: ${median.length ? number(median.at(-1)[1]) : "not known"}`;
  const chart = frame(230, 74, scale, label);
  if (median.length) chart.append(line(median, scale, "class"));
  chart.append(line(own, scale, "own"));
  return element("figure", {}, element("figcaption", {}, `${QUANTITIES[quantity]}; dashed: median of the class`), chart);
}

function drawCurves() {
  const place = document.getElementById("charts");
  for (const [quantity, parts] of Object.entries(view.curves)) {
    const all = Object.values(parts).flatMap((part) => [...part.low, ...part.median, ...part.high]);
    if (!all.length) continue;
    const scale = axes(320, 170, all);
    const chart = frame(320, 170, scale, `${QUANTITIES[quantity]} over training, flagged samples against the rest`);
    for (const [name, part] of Object.entries(parts)) {
      const style = name === "flagged" ? "flagged" : "rest";
      const edge = [...part.low, ...part.high.slice().reverse()].map(([x, y]) => `${scale.x(x).toFixed(1)},${scale.y(y).toFixed(1)}`);
      if (part.low.length > 1) chart.append(drawn("polygon", { points: edge.join(" "), class: `band-${style}` }));
      if (part.median.length) chart.append(line(part.median, scale, style));
    }
    const caption = `${QUANTITIES[quantity]} over training, median and quartiles; solid: flagged, dashed: the rest`;
    place.append(element("figure", {}, element("figcaption", {}, caption), chart));
  }
}

function drawHistogram() {
  const { quantity, all, flagged } = view.histogram;
  const [width, height] = [320, 170];
  const high = Math.log10(1 + Math.max(...all, 1));
  const top = (value) => height - 16 - (Math.log10(1 + value) / high) * (height - 24);
  const step = (width - LEFT - 6) / all.length;
  const label = `Histogram of the ${quantity}: ${count(flagged.reduce((a, b) => a + b, 0), "sample")} flagged of ${all.reduce((a, b) => a + b, 0).toLocaleString("en")}`;
  const chart = drawn("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": label },
    drawn("path", { d: `M${LEFT} 4V${height - 16}H${width - 4}`, class: "axis" }),
    drawn("text", { x: LEFT - 4, y: 12, "text-anchor": "end" }, Math.max(...all).toLocaleString("en")), drawn("text", { x: LEFT, y: height - 3 }, "0"),
    drawn("text", { x: width - 4, y: height - 3, "text-anchor": "end" }, `${quantity} 1`));
  for (const [values, style] of [[all, "all"], [flagged, "flagged"]]) {
    values.forEach((value, place) => {
      if (value) chart.append(drawn("rect", { x: LEFT + place * step + 0.5, width: step - 1, y: top(value), height: height - 16 - top(value), class: `bar-${style}` }));
    });
  }
  const caption = `Samples by ${quantity} (logarithmic); dark: flagged (${view.histogram.cut_off})`;
  document.getElementById("charts").prepend(element("figure", { id: "histogram" }, element("figcaption", {}, caption), chart));
}

function drawMatrix() {
  const place = document.getElementById("matrix");
  const { classes, counts, num_classes } = view.matrix;
  if (!classes.length) return place.remove();
  const most = Math.max(...counts.flat(), 1);
  const part = classes.length < num_classes ? `, for ${classes.length} of ${num_classes} classes` : "";
  place.append(element("figcaption", {}, `Label issues by given class (rows) and suggested class (columns)${part}. Choose a cell to see its samples.`));
  const head = element("tr", {}, element("th", { scope: "col" }, "given"), ...classes.map((code) => element("th", { scope: "col", title: named(code) }, element("bdi", {}, shortName(code)))));
  const rows = classes.map((given, row) => element("tr", {}, element("th", { scope: "row", title: named(given) }, element("bdi", {}, shortName(given))),
    ...classes.map((suggested, column) => {
      const value = counts[row][column];
      const cell = element("td");
      if (value) {
        cell.style.backgroundColor = `rgba(var(--cell), ${0.08 + 0.35 * (value / most)})`;
        const label = `${count(value, "label issue")}: given ${shortName(given)}, suggested ${shortName(suggested)}`;
        cell.append(element("button", { type: "button", "aria-label": label, onclick: () => choosePair(given, suggested) }, String(value)));
      }
      return cell;
    })));
  place.append(element("table", { class: "matrix" }, element("thead", {}, head), element("tbody", {}, ...rows)));
}

function choosePair(given, suggested) {
  Object.assign(state, { tab: "label_issue", given: String(given), suggested: String(suggested), search: "", status: "all" });
  drawFilters();
  drawGallery();
  document.getElementById("findings").scrollIntoView();
  document.getElementById("findings").focus({ preventScroll: true });
}

// ---------------------------------------------------------------- gallery

const state = { tab: null, given: "", suggested: "", verdict: "", status: "all", search: "", sort: "suspicion", curve: "loss", shown: PAGE, current: -1 };
let units = []; // lists of rows: one row, or the rows of a group
const nodes = new Map(); // row -> its card on the page

const TABS = [
  ["label_issue", "Label issues", () => view.label_issues.map((row) => [row])],
  ["duplicate_conflict", "Conflicting duplicates", () => view.groups],
  ["most_suspect", "Most suspect, flagged or not", () => view.cards.map((card) => [card.row])],
  ["to_check", "A sample to check", () => view.to_check.map((row) => [row])],
];
const ABOUT = {
  label_issue: "Labels that look wrong to the probe, most suspect first.",
  duplicate_conflict: "The same image with different labels. At least one label of each group is wrong; the suspect side is marked.",
  most_suspect: "All samples with a card on this page, most suspect first.",
  to_check: "Samples from all parts of the ranking, most of them from its top. Judge all of them: the estimated number of wrong labels is then corrected by your answers (curv-issues audit --decisions, curv-issues review).",
};

function aboutTab() {
  const kind = view.kinds.find((found) => found.name === state.tab);
  if (!kind) return ABOUT[state.tab];
  const noun = kind.name === "duplicate_conflict" ? "group" : "finding";
  const limits = kind.shown < kind.total ? ` The ${kind.shown.toLocaleString("en")} most suspect of ${count(kind.total, noun)} are shown; all of them are in findings.parquet.` : ` ${count(kind.total, noun)}.`;
  return ABOUT[state.tab] + limits;
}

function matches(card) {
  const decision = decisionOn(card.row);
  if (state.given !== "" && card.given !== Number(state.given)) return false;
  if (state.suggested !== "" && card.suggested !== Number(state.suggested)) return false;
  if (state.verdict !== "" && card.verdict !== state.verdict) return false;
  if (state.status === "open" && decision) return false;
  if (state.status === "decided" && !decision) return false;
  if (Object.hasOwn(ACTIONS, state.status) && (!decision || decision.action !== state.status)) return false;
  const wanted = state.search.trim().toLowerCase();
  if (!wanted) return true;
  if (/^\d+$/.test(wanted) && card.row === Number(wanted)) return true;
  const texts = card.shown.map(([, text]) => text);
  return [...texts, card.path || "", view.classes[card.given], view.classes[card.suggested]].some((text) => text.toLowerCase().includes(wanted));
}

const SORTS = {
  suspicion: (card) => -card.suspicion,
  p_wrong: (card) => -(card.p_wrong ?? -1),
  curvature: (card) => -(card.curvature ?? -1),
  row: (card) => card.row,
  class: (card) => card.given * 1e6 + card.suggested,
};

function chosenUnits() {
  const found = TABS.find(([name]) => name === state.tab)[2]();
  const kept = found.filter((unit) => unit.some((row) => matches(cardOf.get(row))));
  if (state.tab === "duplicate_conflict" && state.sort === "suspicion") return kept; // the most similar groups first
  const key = SORTS[state.sort];
  return kept.map((unit) => [Math.min(...unit.map((row) => key(cardOf.get(row)))), unit]).sort((a, b) => a[0] - b[0]).map(([, unit]) => unit);
}

function className(code, style) {
  return element("bdi", { class: `name ${style}`, title: named(code) }, named(code));
}

function near(card) {
  const [given, suggested] = card.near;
  const sides = [[given, card.given], [suggested, card.suggested]].filter(([found]) => found && found.some(([, place]) => place !== null));
  if (!sides.length) return null;
  return element("div", { class: "near" }, ...sides.flatMap(([found, code]) => [
    element("span", {}, "nearest ", element("bdi", {}, shortName(code))),
    element("div", {}, ...found.map(([row, place]) => image(place, card.sharp, `Row ${row}, given ${shortName(code)}`, ""))),
  ]));
}

function cardNode(card, isMember) {
  const decision = decisionOn(card.row);
  const given = shortName(card.given);
  const place = [`row ${card.row}`, card.split && visible(card.split), `${card.width} x ${card.height}`].filter((text) => text && text !== "0 x 0").join(", ");
  const node = element("article", {
    class: `card${isMember && card.is_suspect ? " suspect" : ""}${decision ? " decided" : ""}`, tabindex: "0", "data-row": card.row,
    "aria-label": `Row ${card.row}, given ${given}, suggested ${shortName(card.suggested)}${decision ? `, ${describe(decision)}` : ""}`,
  });
  fill(node,
    element("div", { class: "look" }, image(card.image, card.sharp, `Image of row ${card.row}, given ${given}`, "shot"), near(card)),
    element("h3", {}, className(card.given, "given"), element("span", { "aria-hidden": "true" }, "\u2192 "), className(card.suggested, "suggested")),
    card.shown.length ? element("dl", { class: "shown" }, ...card.shown.flatMap(([column, text]) => [element("dt", {}, element("bdi", {}, visible(column))), element("dd", {}, element("bdi", {}, visible(text)))])) : null,
    element("div", { class: "place" }, place, card.path ? element("bdi", { class: "name", title: visible(card.path) }, visible(card.path)) : null),
    element("div", { class: "badges" },
      isMember && card.is_suspect ? element("span", { class: "badge suspect" }, "suspect side") : null,
      card.verdict ? element("span", { class: "badge" }, card.verdict) : null,
      element("span", { class: "badge" }, `suspicion ${number(card.suspicion)}`),
      card.p_wrong === null || card.p_wrong === undefined ? null : element("span", { class: "badge" }, `wrong with probability ${Number(card.p_wrong).toFixed(2)}`),
      card.kinds.length ? null : element("span", { class: "badge" }, "not flagged")),
    card.evidence.length ? element("ul", { class: "evidence" }, ...card.evidence.map((text) => element("li", {}, element("bdi", {}, visible(text))))) : null,
    card.curvature_rank ? element("div", { class: "more-about" }, `curvature ${number(card.curvature)}: rank ${card.curvature_rank} of its class`) : null,
    curveOfCard(card, state.curve),
    decision ? element("div", { class: "verdict" }, element("bdi", {}, `Decided: ${describe(decision)}`)) : null,
    decideButtons(card, decision));
  if (units.flat()[state.current] === card.row) node.classList.add("current");
  return node;
}

function decideButtons(card, decision) {
  const pressed = (action) => String(Boolean(decision && decision.action === action));
  const other = element("input", { list: "classes", placeholder: "other class", "aria-label": `Right class of row ${card.row}`, autocomplete: "off" });
  other.addEventListener("change", () => {
    if (other.value === "") return;
    if (!classOf.has(other.value)) return say(`There is no class ${visible(other.value).slice(0, 60)}; choose one of the list.`);
    if (classOf.get(other.value) === card.given) decide(card.row, "keep");
    else decide(card.row, "relabel", other.value);
  });
  const button = (action, text, label, act) => element("button", { type: "button", "aria-pressed": pressed(action), "data-action": action, "aria-label": label, onclick: act }, text);
  return element("div", { class: "decide" },
    button("keep", "Keep", `Keep ${shortName(card.given)}, row ${card.row}`, () => decide(card.row, "keep")),
    card.suggested === card.given ? null : button("relabel", `Relabel: ${shortName(card.suggested).slice(0, 18)}`, `Relabel to ${shortName(card.suggested)}, row ${card.row}`,
      () => decide(card.row, "relabel", view.classes[card.suggested])),
    button("remove", "Remove", `Remove row ${card.row}`, () => decide(card.row, "remove")),
    button("unsure", "Unsure", `Unsure about row ${card.row}`, () => decide(card.row, "unsure")),
    other);
}

function drawGallery() {
  units = chosenUnits();
  state.current = Math.min(state.current, units.flat().length - 1);
  nodes.clear();
  const gallery = document.getElementById("gallery");
  gallery.replaceChildren(...units.slice(0, state.shown).map((unit) => {
    const made = unit.map((row) => cardNode(cardOf.get(row), unit.length > 1));
    unit.forEach((row, index) => nodes.set(row, made[index]));
    if (unit.length === 1) return made[0];
    return element("section", { class: "group", "aria-label": `Group of ${unit.length} duplicates` }, element("div", { class: "group-cards" }, ...made));
  }));
  if (!units.length) gallery.append(element("p", {}, "Nothing to show with these filters."));
  document.getElementById("about").textContent = aboutTab();
  const more = document.getElementById("more");
  more.hidden = units.length <= state.shown;
  more.textContent = `Show ${Math.min(PAGE, units.length - state.shown)} more of ${units.length.toLocaleString("en")}`;
  for (const tab of document.querySelectorAll("#tabs button")) tab.setAttribute("aria-pressed", String(tab.dataset.tab === state.tab));
}

function redraw(row) {
  const old = nodes.get(row);
  if (!old) return;
  const made = cardNode(cardOf.get(row), old.parentElement.classList.contains("group-cards"));
  const hadFocus = old.contains(document.activeElement);
  old.replaceWith(made);
  nodes.set(row, made);
  if (hadFocus) made.focus({ preventScroll: true });
}

function moveTo(place) {
  const rows = units.flat();
  if (!rows.length) return;
  const target = Math.max(0, Math.min(place, rows.length - 1));
  const unit = units.findIndex((found) => found.includes(rows[target]));
  if (unit >= state.shown) {
    state.shown = PAGE * Math.ceil((unit + 1) / PAGE);
    drawGallery();
  }
  document.querySelectorAll(".card.current").forEach((node) => node.classList.remove("current"));
  state.current = target;
  const node = nodes.get(rows[target]);
  node.classList.add("current");
  node.focus({ preventScroll: true });
  node.scrollIntoView({ block: "center" });
}

// ---------------------------------------------------------------- controls

function select(label, name, options) {
  const made = element("select", { "aria-label": label, "data-filter": name }, ...options.map(([value, text]) => element("option", { value, selected: state[name] === value }, text)));
  made.addEventListener("change", () => {
    state[name] = made.value;
    state.shown = PAGE;
    drawGallery();
  });
  return element("label", {}, label, made);
}

function classesOf(key) {
  const codes = [...new Set(view.cards.map((card) => card[key]))].sort((a, b) => a - b);
  return [["", "any"], ...codes.map((code) => [String(code), shortName(code)])];
}

function drawFilters() {
  const verdicts = [...new Set(view.cards.map((card) => card.verdict).filter(Boolean))].sort();
  const search = element("input", { type: "search", id: "search", placeholder: "row, file, class or text", "aria-label": "Search by row, file, class or text", value: state.search });
  search.addEventListener("input", () => {
    state.search = search.value;
    state.shown = PAGE;
    drawGallery();
  });
  const curves = Object.keys(view.curves).map((name) => [name, QUANTITIES[name]]);
  document.getElementById("filters").replaceChildren(
    search,
    select("given", "given", classesOf("given")),
    select("suggested", "suggested", classesOf("suggested")),
    select("verdict", "verdict", [["", "any"], ...verdicts.map((name) => [name, name])]),
    select("decision", "status", [["all", "any"], ["open", "not decided"], ["decided", "decided"], ...Object.entries(ACTIONS)]),
    select("sort by", "sort", [["suspicion", "suspicion"], ["p_wrong", "probability"], ["curvature", "curvature"], ["row", "row"], ["class", "class"]]),
    ...(curves.length > 1 ? [select("curve", "curve", curves)] : []));
}

function drawReview() {
  const made = [...decisions.values()].filter((entry) => entry.action !== null);
  const judged = made.filter((entry) => entry.action === "keep" || entry.action === "relabel");
  const wrong = judged.filter((entry) => entry.action === "relabel").length;
  const decided = `${count(made.length, "decision")}${judged.length ? `; ${wrong} of ${count(judged.length, "judged label")} wrong` : ""}`;
  const file = element("input", { type: "file", id: "read-back", class: "file", accept: ".json,application/json", "aria-label": "Read decisions.json", tabindex: "-1" });
  file.addEventListener("change", () => file.files.length && readBack(file.files[0]));
  const bar = document.getElementById("review");
  bar.replaceChildren();
  fill(bar,
    element("span", { id: "count" }, decided),
    view.server ? element("span", {}, isSaved ? "saved" : "NOT saved") : element("button", { type: "button", id: "download", onclick: download, disabled: made.length + others.length === 0 }, "Download decisions.json"),
    element("button", { type: "button", onclick: () => file.click() }, "Read decisions.json"), file,
    element("button", { type: "button", id: "undo", onclick: undo, disabled: !history.length }, "Undo"),
    element("button", { type: "button", onclick: () => document.getElementById("help").showModal() }, "Keys"),
    isStored ? null : element("span", {}, "This browser does not keep decisions: download them before you close the page."));
}

function drawExtremes() {
  if (!view.extremes.length || !view.has_images) return;
  document.getElementById("extremes").hidden = false;
  const row = (title, found) => [element("h4", {}, title), element("div", { class: "row" }, ...found.filter(([, place]) => place !== null).map(([number_, place, value]) =>
    element("figure", {}, image(place, false, `Row ${number_}, curvature ${number(value)}`, ""), element("figcaption", {}, `${number(value, 2)}`))))];
  document.getElementById("extremes-list").replaceChildren(...view.extremes.map((found) =>
    element("details", { class: "panel", open: view.extremes.length <= 12 }, element("summary", {}, element("bdi", { class: "name" }, named(found.class))),
      ...row("Lowest curvature", found.lowest), ...row("Highest curvature", found.highest))));
}

const KEYS = [
  [["j", "ArrowRight"], "next sample", () => moveTo(state.current + 1)],
  [["k", "ArrowLeft"], "previous sample", () => moveTo(state.current - 1)],
  [["g"], "keep the given label", (card) => decide(card.row, "keep")],
  [["r"], "relabel to the suggested class", (card) => card.suggested !== card.given && decide(card.row, "relabel", view.classes[card.suggested])],
  [["c"], "choose another class", (card) => nodes.get(card.row).querySelector(".decide input").focus()],
  [["x"], "remove the sample", (card) => decide(card.row, "remove")],
  [["u"], "unsure", (card) => decide(card.row, "unsure")],
  [["z"], "undo", undo],
  [["/"], "search", () => document.getElementById("search").focus()],
  [["?"], "show the keys", () => document.getElementById("help").showModal()],
];

function onKey(event) {
  const found = keyPressed(event, KEYS);
  if (!found) return;
  const focused = event.target.closest ? event.target.closest(".card") : null;
  if (focused) state.current = units.flat().indexOf(Number(focused.dataset.row));
  act(found, cardOf.get(units.flat()[state.current]), () => moveTo(0));
}

function start() {
  restore();
  const first = TABS.find(([, , made]) => made().length) || TABS[2];
  state.tab = first[0];
  document.getElementById("classes").append(...view.classes.map((name) => element("option", { value: name })));
  document.getElementById("tabs").append(...TABS.filter(([, , made]) => made().length).map(([name, title, made]) =>
    element("button", { type: "button", "data-tab": name, onclick: () => { Object.assign(state, { tab: name, shown: PAGE, current: -1 }); drawGallery(); } }, `${title} (${made().length.toLocaleString("en")})`)));
  listKeys(KEYS);
  document.getElementById("more").addEventListener("click", () => { state.shown += PAGE; drawGallery(); });
  document.addEventListener("keydown", onKey);
  window.addEventListener("beforeunload", (event) => { if (!isSaved && (!isStored || view.server)) event.preventDefault(); });
  drawHistogram();
  drawCurves();
  drawMatrix();
  drawFilters();
  drawReview();
  drawGallery();
  drawExtremes();
  if (view.server) setInterval(poll, 3000);
}

start();
