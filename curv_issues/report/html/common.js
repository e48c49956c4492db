"use strict";
// What all pages share. Text from the dataset is only ever set as text, never as HTML.

const view = JSON.parse(document.getElementById("view").textContent);

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value === true) made.setAttribute(key, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(key, value);
  }
  return fill(made, ...children);
}

// Appends children to an element, without missing ones.
function fill(parent, ...children) {
  parent.append(...children.filter((child) => child !== null && child !== undefined));
  return parent;
}

// Characters that control a terminal or reorder text are shown as their codes.
function visible(text) {
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, (character) =>
    `\\u${character.codePointAt(0).toString(16).padStart(4, "0")}`);
}

function number(value, digits = 3) {
  return value === null || value === undefined ? "not measured" : Number(value).toPrecision(digits).replace(/(\.\d*?)0+(e|$)/, "$1$2").replace(/\.(e|$)/, "$1");
}

function count(total, one, many = `${one}s`) {
  return `${total.toLocaleString("en")} ${total === 1 ? one : many}`;
}

// Returns an image of the page by its index; null if there is none.
function image(index, sharp, alternative, name) {
  if (index === null || index === undefined) return null;
  const missing = (event) => event.target.replaceWith(element("span", { class: "missing" }, `${alternative}: cannot be shown; it was moved or changed after the audit`));
  return element("img", {
    src: view.images[index], alt: alternative, class: `${name}${sharp ? " sharp" : ""}`, decoding: "async", loading: view.server ? "lazy" : null, onerror: missing,
  });
}

function say(text) {
  document.getElementById("status").textContent = text;
}

function saveAs(name, content, type) {
  const address = URL.createObjectURL(new Blob([content], { type }));
  const link = element("a", { href: address, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  URL.revokeObjectURL(address);
}

// Returns the entry of a table of keys, [keys, text, action], that an event is about, if it is not about a field.
function keyPressed(event, table) {
  if (event.ctrlKey || event.metaKey || event.altKey || document.getElementById("help").open) return undefined;
  if (event.target.matches("input, select, textarea")) {
    if (event.key === "Escape") event.target.blur();
    return undefined;
  }
  const found = table.find(([keys]) => keys.includes(event.key));
  if (found) event.preventDefault();
  return found;
}

// Runs the action of a key, on the current card if it takes one; without a current card, goes to the first.
function act([, , action], card, goToFirst) {
  if (action.length === 0) action();
  else if (card) action(card);
  else goToFirst();
}

function listKeys(table) {
  document.querySelector("#keys tbody").append(...table.map(([keys, text]) => element("tr", {}, element("td", {}, ...keys.flatMap((key, index) => [index ? " or " : "", element("kbd", {}, key)])), element("td", {}, text))));
  document.getElementById("help-close").addEventListener("click", () => document.getElementById("help").close());
}
