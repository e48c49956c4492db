// The page of a search for duplicates: which images to remove.

const PAGE = 40; // groups
const cards = view.groups.flat();
const keyOf = (card) => `${card.is_other ? "other " : ""}${card.row}`;
const cardOf = new Map(cards.map((card) => [keyOf(card), card]));
const groupOf = new Map(view.groups.flatMap((group) => group.map((card) => [keyOf(card), group])));
const KEY = `curv-issues duplicates ${view.id}${view.is_against ? " against" : ""}`;
const state = { search: "", found: "", status: "all", sort: "similarity", shown: PAGE, current: null };
const changes = new Map(); // key of a card -> whether it is removed, where a person has decided otherwise
const history = [];
let shownGroups = [];

function isRemoved(card) {
  return changes.get(keyOf(card)) ?? (card.file !== null && !card.keep);
}

function keepInBrowser() {
  try {
    localStorage.setItem(KEY, JSON.stringify([...changes]));
  } catch {
    // the list can be saved nevertheless
  }
}

function restore() {
  try {
    for (const [key, removed] of JSON.parse(localStorage.getItem(KEY) || "[]")) {
      if (cardOf.has(key) && cardOf.get(key).file !== null) changes.set(key, removed === true);
    }
  } catch {
    // as if nothing had been decided
  }
}

function decide(card, removed) {
  if (card.file === null) return say(`${about(card)} is not a file that can be removed.`);
  if (removed && !groupOf.get(keyOf(card)).some((other) => other !== card && !isRemoved(other))) {
    return say("One image of each group is kept: keep another one first.");
  }
  history.push([keyOf(card), changes.get(keyOf(card))]);
  changes.set(keyOf(card), removed);
  say(`${about(card)}: ${removed ? "to be removed" : "kept"}.`);
  return changed(card);
}

function undo() {
  if (!history.length) return say("There is nothing to undo.");
  const [key, before] = history.pop();
  if (before === undefined) changes.delete(key);
  else changes.set(key, before);
  say(`${about(cardOf.get(key))}: taken back.`);
  return changed(cardOf.get(key));
}

function changed(card) {
  keepInBrowser();
  const old = document.querySelector(`[data-key="${keyOf(card)}"]`);
  if (old) {
    const hadFocus = old.contains(document.activeElement);
    const made = cardNode(card);
    old.replaceWith(made);
    if (hadFocus) made.focus({ preventScroll: true });
  }
  drawReview();
}

function about(card) {
  return card.path === null ? `row ${card.row}` : visible(card.path);
}

function toRemove() {
  return cards.filter((card) => card.file !== null && isRemoved(card));
}

// Only a null character is safe between any paths; most have no character that xargs would change.
function download() {
  const files = toRemove().map((card) => card.file);
  const isPlain = !files.some((file) => /[\s"'\\]/.test(file));
  const name = isPlain ? "files-to-remove.txt" : "files-to-remove0.txt";
  saveAs(name, files.map((file) => file + (isPlain ? "\n" : "\0")).join(""), "text/plain");
  say(`Look at the list. Then: xargs ${isPlain ? "" : "-0 "}rm -- < ${name}`);
}

function sizeOf(bytes) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  const unit = bytes ? Math.min(Math.floor(Math.log10(bytes) / 3), units.length - 1) : 0;
  return `${(bytes / 1000 ** unit).toFixed(unit ? 1 : 0)} ${units[unit]}`;
}

function cardNode(card) {
  const removed = isRemoved(card);
  const role = card.is_other ? "in the other dataset" : removed ? "to remove" : "keep";
  const place = [`row ${card.row}`, card.split && visible(card.split), card.pixels, card.size].filter(Boolean).join(", ");
  const button = (pressed, text, action) => element("button", {
    type: "button", "aria-pressed": String(pressed), "aria-label": `${text} ${about(card).slice(0, 60)}`, onclick: action,
  }, text);
  const node = element("article", { class: `card${removed ? " suspect" : ""}`, tabindex: "0", "data-key": keyOf(card), "data-row": card.row, "aria-label": `${about(card).slice(0, 60)}, ${role}` });
  if (state.current === keyOf(card)) node.classList.add("current");
  return fill(node,
    image(card.image, card.sharp, `Image of ${about(card).slice(0, 60)}`, "shot"),
    card.path === null ? null : element("div", { class: "place" }, element("bdi", { class: "name", title: visible(card.path) }, visible(card.path))),
    element("div", { class: "place" }, place),
    element("div", { class: "badges" },
      element("span", { class: `badge${removed ? " suspect" : ""}` }, role),
      card.similarity === null ? null : element("span", { class: "badge" }, `similarity ${number(card.similarity)}`),
      card.test ? element("span", { class: "badge" }, card.test) : null,
      card.orientation ? element("span", { class: "badge" }, card.orientation) : null),
    card.file === null ? (card.is_other || card.keep ? null : element("div", { class: "more-about" }, "no file of its own that can be removed"))
      : element("div", { class: "decide" }, button(!removed, "Keep", () => decide(card, false)), button(removed, "Remove", () => decide(card, true))));
}

const FOUND = {
  identical: (card) => card.test !== null && card.test.startsWith("identical"),
  near: (card) => card.test === "near",
  turned: (card) => card.orientation !== "",
};
const lowest = (values) => Math.min(...values);
const SORTS = {
  similarity: () => 0, // the order of the table
  size: (group) => -group.filter((card) => !card.keep).reduce((sum, card) => sum + card.bytes, 0),
  images: (group) => -group.length,
  row: (group) => lowest(group.map((card) => card.row)),
};

function matches(group) {
  const wanted = state.search.trim().toLowerCase();
  const isChanged = group.some((card) => changes.has(keyOf(card)));
  if (state.found !== "" && !group.some(FOUND[state.found])) return false;
  if (state.status === "changed" && !isChanged) return false;
  if (state.status === "open" && isChanged) return false;
  return !wanted || group.some((card) => String(card.row) === wanted || (card.path || "").toLowerCase().includes(wanted));
}

function drawGallery() {
  shownGroups = view.groups.filter(matches).map((group) => [SORTS[state.sort](group), group]).sort((a, b) => a[0] - b[0]).map(([, group]) => group);
  const gallery = document.getElementById("gallery");
  gallery.replaceChildren(...shownGroups.slice(0, state.shown).map((group) =>
    element("section", { class: "group", "aria-label": `Group of ${group.length} images` }, element("div", { class: "group-cards" }, ...group.map(cardNode)))));
  if (!shownGroups.length) gallery.append(element("p", {}, view.num_groups ? "Nothing to show with these filters." : "No duplicates."));
  const part = view.groups.length < view.num_groups ? ` The first ${view.groups.length.toLocaleString("en")} of ${count(view.num_groups, "group")} are shown; all of them are in ${view.table}.` : "";
  document.getElementById("about").textContent = (view.is_against ? "Images of the other dataset, and beside each the images that are copies of it." : "Images that show the same, the one to keep first.") + part;
  const more = document.getElementById("more");
  more.hidden = shownGroups.length <= state.shown;
  more.textContent = `Show ${Math.min(PAGE, shownGroups.length - state.shown)} more of ${shownGroups.length.toLocaleString("en")}`;
}

function moveBy(step) {
  const keys = shownGroups.flat().map(keyOf);
  if (!keys.length) return;
  const target = Math.max(0, Math.min(keys.indexOf(state.current) + step, keys.length - 1));
  const place = shownGroups.indexOf(groupOf.get(keys[target]));
  state.current = keys[target];
  if (place >= state.shown) {
    state.shown = PAGE * Math.ceil((place + 1) / PAGE);
    drawGallery();
  }
  document.querySelectorAll(".card.current").forEach((node) => node.classList.remove("current"));
  const node = document.querySelector(`[data-key="${state.current}"]`);
  node.classList.add("current");
  node.focus({ preventScroll: true });
  node.scrollIntoView({ block: "center" });
}

function drawFilters() {
  const choose = (label, name, options) => {
    const made = element("select", { "aria-label": label, "data-filter": name }, ...options.map(([value, text]) => element("option", { value, selected: state[name] === value }, text)));
    made.addEventListener("change", () => {
      Object.assign(state, { [name]: made.value, shown: PAGE });
      drawGallery();
    });
    return element("label", {}, label, made);
  };
  const search = element("input", { type: "search", id: "search", placeholder: "row or file", "aria-label": "Search by row or file" });
  search.addEventListener("input", () => {
    Object.assign(state, { search: search.value, shown: PAGE });
    drawGallery();
  });
  document.getElementById("filters").replaceChildren(search,
    choose("found as", "found", [["", "any"], ["identical", "identical"], ["near", "near"], ["turned", "turned or mirrored"]]),
    choose("decision", "status", [["all", "any"], ["changed", "changed by you"], ["open", "not changed"]]),
    choose("sort by", "sort", [["similarity", "similarity"], ["size", "size of the copies"], ["images", "number of images"], ["row", "row"]]));
}

function drawReview() {
  const removed = toRemove();
  const bytes = removed.reduce((sum, card) => sum + card.bytes, 0);
  const part = view.groups.length < view.num_groups ? " on this page" : "";
  document.getElementById("review").replaceChildren(
    element("span", { id: "count" }, `${count(removed.length, "file")} to remove${part}${bytes ? ` (${sizeOf(bytes)})` : ""}`),
    element("button", { type: "button", id: "download", onclick: download, disabled: removed.length === 0 }, "Save the list of files to remove"),
    element("button", { type: "button", id: "undo", onclick: undo, disabled: !history.length }, "Undo"),
    element("button", { type: "button", onclick: () => document.getElementById("help").showModal() }, "Keys"));
}

const KEYS = [
  [["j", "ArrowRight"], "next image", () => moveBy(1)],
  [["k", "ArrowLeft"], "previous image", () => moveBy(-1)],
  [["g"], "keep the image", (card) => decide(card, false)],
  [["x"], "remove the image", (card) => decide(card, true)],
  [["z"], "undo", undo],
  [["/"], "search", () => document.getElementById("search").focus()],
  [["?"], "show the keys", () => document.getElementById("help").showModal()],
];

function onKey(event) {
  const found = keyPressed(event, KEYS);
  if (!found) return;
  const focused = event.target.closest ? event.target.closest(".card") : null;
  if (focused) state.current = focused.dataset.key;
  act(found, cardOf.get(state.current), () => moveBy(1));
}

restore();
listKeys(KEYS);
document.getElementById("more").addEventListener("click", () => { state.shown += PAGE; drawGallery(); });
document.addEventListener("keydown", onKey);
drawFilters();
drawReview();
drawGallery();
