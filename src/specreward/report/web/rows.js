// The tree on the screen: only the rows in sight are elements, however many nodes there are.

const ROW = 30; // height of a row in px; the style says the same
const SPARE = 8; // rows kept beyond both edges
const STEP = 18; // px of one level, less where the tree is deep
const COLUMNS = ["sr", "rc", "reward", "value", "likelihood", "good"];
const HEADS = { sr: "SR", rc: "RC" };

class TreeRows {
  /** A view of a model; `onactive` is told the number of the row that the user is on. */
  constructor(model, onactive) {
    this.model = model;
    this.onactive = onactive;
    this.active = null;
    this.columns = [];
    this.slots = [];
    this.head = el("div", { class: "row heads", "aria-hidden": "true" });
    this.space = el("div", { class: "space", role: "presentation" });
    this.tree = el(
      "div",
      { class: "tree", role: "tree", tabindex: "0", "aria-label": "Search tree" },
      this.head,
      this.space,
    );
    this.none = el("p", { class: "none", role: "status" });
    this.element = el("div", { class: "treebox" }, this.tree, this.none);
    this.tree.addEventListener("scroll", () => this.render(), { passive: true });
    this.tree.addEventListener("keydown", (event) => this.key(event));
    this.tree.addEventListener("click", (event) => this.click(event));
    this.sized = new ResizeObserver(() => this.render());
    this.sized.observe(this.tree);
  }

  close() {
    this.sized.disconnect();
  }

  /** Draw after a change of the model; what the user looks at keeps its place. */
  refresh() {
    const { model, tree } = this;
    this.columns = COLUMNS.filter((name) => model.nodes.some((node) => name in node.details));
    this.columns = this.columns.slice(0, 3);
    this.element.style.setProperty("--columns", this.columns.length + 2);
    const heads = [...this.columns.map((name) => HEADS[name] ?? name), "tokens", "so far"];
    this.head.replaceChildren(
      el("span", { class: "step" }, "step"),
      ...heads.map((name) => el("span", { class: "num" }, name)),
    );
    const depth = model.visible.reduce((most, at) => Math.max(most, level(model, at)), 1);
    this.indent = Math.min(STEP, (0.35 * tree.clientWidth) / depth);
    if (this.active !== null && !model.rowOf.has(this.active)) this.activate(this.above());
    this.space.style.height = `${model.visible.length * ROW}px`;
    this.none.textContent = this.model.visible.length ? "" : this.emptiness();
    this.keepPlace();
    for (const slot of this.slots) slot.number = null;
    this.render();
  }

  /** The first row in sight that is still shown stays where it was. */
  keepPlace() {
    if (this.anchor === undefined) return;
    const { rows, first, scrolled } = this.anchor;
    for (let was = first; was < rows.length; was += 1) {
      const row = this.model.rowOf.get(rows[was]);
      if (row === undefined) continue;
      this.tree.scrollTop = scrolled + (row - was) * ROW;
      return;
    }
  }

  emptiness() {
    if (this.model.query) return "No step has this text.";
    return this.model.nodes.length > 1 ? "All steps are pruned." : "No step has been judged.";
  }

  /** The nearest node above the active one that has a row. */
  above() {
    const rows = this.model.rowOf;
    return this.model.way(this.active).reverse().find((at) => rows.has(at)) ?? null;
  }

  /** Put elements where rows are in sight. */
  render() {
    const { model, tree, slots } = this;
    const many = Math.ceil(tree.clientHeight / ROW) + 2 * SPARE;
    const furthest = model.visible.length - many; // the browser may not have noticed the end yet
    const first = Math.max(0, Math.min(Math.floor(tree.scrollTop / ROW) - SPARE, furthest));
    const last = Math.min(model.visible.length, first + many);
    while (slots.length < last - first) {
      const row = el("div", { role: "treeitem", class: "row" });
      slots.push({ row, number: null, at: null });
      this.space.append(row);
    }
    while (slots.length > last - first) slots.pop().row.remove();
    for (let at = first; at < last; at += 1) {
      const slot = slots[at % slots.length];
      const number = model.visible[at];
      if (slot.number !== number) this.fill(slot.row, number);
      if (slot.at !== at) slot.row.style.transform = `translateY(${at * ROW}px)`;
      slot.number = number;
      slot.at = at;
    }
    const scrolled = tree.scrollTop;
    this.anchor = { rows: model.visible, first: Math.floor(scrolled / ROW), scrolled };
    this.point();
  }

  /** Say which row is the active one, where it is in sight. */
  point() {
    for (const { row, number } of this.slots) {
      row.setAttribute("aria-selected", String(number === this.active));
      row.classList.toggle("active", number === this.active);
    }
    const there = this.slots.some((slot) => slot.number === this.active);
    if (there) this.tree.setAttribute("aria-activedescendant", `row-${this.active}`);
    else this.tree.removeAttribute("aria-activedescendant");
  }

  fill(row, number) {
    const { model } = this;
    const node = model.nodes[number];
    const { sign, word } = fate(model, number);
    const [place, many] = model.places[number];
    const parent = model.shown(number).length > 0;
    row.id = `row-${number}`;
    row.dataset.number = number;
    row.className = "row";
    row.classList.toggle("pruned", node.kept === false);
    row.classList.toggle("chosen", model.chosen.has(number));
    row.setAttribute("aria-level", level(model, number));
    row.setAttribute("aria-posinset", place);
    row.setAttribute("aria-setsize", many);
    if (parent) row.setAttribute("aria-expanded", String(model.isOpen(number)));
    else row.removeAttribute("aria-expanded");
    const indent = `${(level(model, number) - 1) * this.indent}px`;
    const step = el(
      "span",
      { class: "step" },
      el("span", { class: "twist", "aria-hidden": "true" }, parent ? twist(model, number) : ""),
      el("span", { class: "sign", role: "img", "aria-label": word, title: word }, sign),
      scoreChip(model, number),
      el("span", { class: "text" }, marked(node.text, model.query)),
      node.count > 1 ? el("span", { class: "count", title: drawn(node) }, `×${node.count}`) : null,
    );
    step.style.paddingLeft = indent;
    const numbers = this.columns.map((name) => aligned(node.details[name]));
    numbers.push(short(node.tokens), short(node.spent));
    row.replaceChildren(step, ...numbers.map((text) => el("span", { class: "num" }, text)));
  }

  // ---------------------------------------------------------------- the user's place

  activate(number) {
    this.active = number;
    if (number !== null) this.onactive(number);
  }

  /** Go to a node, open what is above it, and bring its row into sight. */
  go(number) {
    this.model.reveal(number);
    this.activate(number);
    this.refresh();
    this.show(number);
  }

  show(number) {
    const { tree, model } = this;
    const row = model.rowOf.get(number);
    if (row === undefined) return;
    const room = tree.clientHeight - ROW; // the head stays on top
    const bottom = (row + 1) * ROW;
    if (row * ROW < tree.scrollTop) tree.scrollTop = row * ROW;
    else if (bottom > tree.scrollTop + room) tree.scrollTop = bottom - room;
    this.render();
  }

  move(row) {
    const { visible } = this.model;
    if (visible.length === 0) return;
    this.activate(visible[Math.min(Math.max(row, 0), visible.length - 1)]);
    this.show(this.active);
    this.point();
  }

  toggle(number, open) {
    if (this.model.shown(number).length === 0) return;
    this.model.setOpen(number, open);
    this.refresh();
  }

  click(event) {
    const row = event.target.closest(".row");
    if (row === null) return;
    const number = Number(row.dataset.number);
    this.activate(number);
    this.point();
    if (event.target.closest(".twist")) this.toggle(number, !this.model.isOpen(number));
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const at = this.model.rowOf.get(this.active) ?? -1;
    const page = Math.max(1, Math.floor(this.tree.clientHeight / ROW) - 1);
    const moves = {
      ArrowDown: at + 1,
      ArrowUp: at - 1,
      Home: 0,
      End: this.model.visible.length - 1,
      PageDown: at + page,
      PageUp: at - page,
    };
    if (event.key in moves) this.move(moves[event.key]);
    else if (at < 0) return;
    else if (event.key === "ArrowRight") this.right(at);
    else if (event.key === "ArrowLeft") this.left();
    else if (event.key === "Enter" || event.key === " ")
      this.toggle(this.active, !this.model.isOpen(this.active));
    else return;
    event.preventDefault();
  }

  /** Open, or go to the first child. */
  right(at) {
    if (this.model.shown(this.active).length === 0) return;
    if (this.model.isOpen(this.active)) this.move(at + 1);
    else this.toggle(this.active, true);
  }

  /** Close, or go to the parent. */
  left() {
    const { model, active } = this;
    if (!model.query && model.open[active] && model.shown(active).length > 0) {
      this.toggle(active, false);
    } else if (model.rowOf.has(model.nodes[active].parent)) {
      this.move(model.rowOf.get(model.nodes[active].parent));
    }
  }
}

/** Levels below the problem, whose children are on level 1; a level may be several steps. */
function level(model, number) {
  const node = model.nodes[number];
  node.level ??= node.parent < 0 ? 0 : level(model, node.parent) + 1;
  return node.level;
}

function twist(model, number) {
  return model.isOpen(number) ? "▾" : "▸";
}

function drawn(node) {
  return `drawn ${node.count} times`;
}

/** The score as a number beside a swatch whose color goes from the lowest to the highest. */
function scoreChip(model, number) {
  const { score } = model.nodes[number];
  const swatch = el("span", { class: "swatch", "aria-hidden": "true" });
  const share = model.share(score);
  if (share === null) swatch.classList.add("unknown");
  else swatch.style.setProperty("--share", `${(100 * share).toFixed(1)}%`);
  return el("span", { class: "score", title: "score" }, swatch, model.written(score));
}
