// A search tree and which of its nodes are shown: open or closed, pruned or kept, found or not.

const FEW = 300; // nodes of a tree that is opened whole

class TreeModel {
  constructor() {
    this.nodes = [];
    this.children = [];
    this.open = [];
    this.chosen = new Set();
    this.hidePruned = false;
    this.query = "";
    this.visible = []; // numbers of the rows in order
    this.places = []; // by number: [place among shown siblings from 1, how many there are]
    this.rowOf = new Map();
    this.matches = [];
    this.range = [0, 1];
  }

  /** Take in nodes that are new or changed; parents come before their children. */
  update(nodes) {
    for (const node of nodes) {
      const known = this.nodes[node.index] !== undefined;
      this.nodes[node.index] = node;
      if (known) continue;
      this.children[node.index] = [];
      this.open[node.index] = this.nodes.length <= FEW;
      if (node.parent >= 0) this.children[node.parent].push(node.index);
    }
    let [low, high] = [0, 1];
    for (const { score } of this.nodes) {
      if (score !== null && score < low) low = score;
      if (score !== null && score > high) high = score;
    }
    this.range = [low, high];
    this.arrange();
  }

  /** Mark the way to the node that the answer was taken from, and open it. */
  choose(number) {
    this.chosen = new Set(number === null ? [] : this.way(number));
    for (const at of this.chosen) if (at !== number) this.open[at] = true;
    this.arrange();
  }

  /** Numbers from the problem down to a node. */
  way(number) {
    const way = [];
    for (let at = number; at >= 0; at = this.nodes[at].parent) way.unshift(at);
    return way;
  }

  share(score) {
    const [low, high] = this.range;
    return score === null ? null : (score - low) / (high - low);
  }

  /** A score as text, at a fixed width where all scores lie in [0, 1]. */
  written(score) {
    return this.range[1] > 1 || this.range[0] < 0 ? precise(score) : scored(score);
  }

  isPruned(number) {
    return this.nodes[number].kept === false;
  }

  setOpen(number, open) {
    this.open[number] = open;
    this.arrange();
  }

  setAllOpen(open) {
    this.open = this.nodes.map(() => open);
    this.arrange();
  }

  setHidePruned(hide) {
    this.hidePruned = hide;
    this.arrange();
  }

  setQuery(query) {
    this.query = query.trim().toLowerCase();
    this.arrange();
  }

  /** Open all above a node, so that it has a row where no filter hides it. */
  reveal(number) {
    for (const at of this.way(number).slice(0, -1)) this.open[at] = true;
    this.arrange();
  }

  /** Children of a node that no filter hides. */
  shown(number) {
    const found = this.found;
    return this.children[number].filter(
      (child) =>
        !(this.hidePruned && this.isPruned(child) && !this.chosen.has(child)) &&
        (found === null || found.has(child)),
    );
  }

  isOpen(number) {
    return this.found !== null || this.open[number];
  }

  /** Which nodes match the query, which of them no other filter hides, and all above those. */
  search() {
    this.found = null;
    this.matches = [];
    if (!this.query) return;
    const within = new Set();
    const hidden = [];
    for (const [number, node] of this.nodes.entries()) {
      const pruned = this.hidePruned && this.isPruned(number) && !this.chosen.has(number);
      hidden[number] = pruned || (node.parent >= 0 && hidden[node.parent]);
      if (number === 0 || hidden[number]) continue;
      if (!node.text.toLowerCase().includes(this.query)) continue;
      this.matches.push(number);
      for (let at = number; at >= 0 && !within.has(at); at = this.nodes[at].parent) within.add(at);
    }
    this.found = within;
  }

  /** Number the rows anew. */
  arrange() {
    this.search();
    this.visible = [];
    this.places = [];
    this.rowOf = new Map();
    if (this.nodes.length === 0) return;
    const ahead = this.placed(0);
    while (ahead.length > 0) {
      const number = ahead.pop();
      this.rowOf.set(number, this.visible.length);
      this.visible.push(number);
      if (this.isOpen(number)) for (const child of this.placed(number)) ahead.push(child);
    }
  }

  /** The shown children of a node, last first, with their places noted. */
  placed(number) {
    const children = this.shown(number);
    children.forEach((child, i) => {
      this.places[child] = [i + 1, children.length];
    });
    return children.reverse();
  }
}

const PRUNED = { sign: "✗", word: "pruned" };

/** Sign and word of what became of a node. */
function fate(model, number) {
  const node = model.nodes[number];
  if (model.chosen.has(number)) return { sign: "★", word: "on the chosen path" };
  if (node.kept === false) return PRUNED;
  if (node.end === "answer") return { sign: "✓", word: "answer" };
  if (node.end === "dead") return { sign: "†", word: "dead end" };
  return { sign: "·", word: node.kept === null ? "not judged" : "kept" };
}
