/**
 * Markdown to DOM nodes. The lexer is marked's; the nodes are made here, one by one, so that nothing a model writes is
 * ever parsed as HTML: tags show as text, links open only http(s) and mailto, images become links.
 */
import type { Token, Tokens } from "marked";
import { codeBlock, highlightIn, updateCodeBlock } from "./code-block.ts";
import { h } from "./dom.ts";
import { GrowingMarkdown } from "./markdown-blocks.ts";

/** Shows a growing text in `target`; blocks that did not change keep their nodes, selection included. */
export class MarkdownView {
  readonly #target: HTMLElement;
  readonly #source = new GrowingMarkdown();
  #blocks: { raw: string; node: Node; token: Token }[] = [];
  /** Code in the blocks before this one is complete, and highlighted. */
  #highlighted = 0;

  constructor(target: HTMLElement) {
    this.#target = target;
  }

  /** `final` = no more text follows; until then an unfinished construct at the end is shown as it will look. */
  render(text: string, final: boolean): void {
    const { kept: settled, tokens } = this.#source.read(text, final);
    let read = 0;
    while (read < tokens.length && this.#blocks[settled + read]?.raw === tokens[read]!.raw) read++;
    const grown = this.#blocks[settled + read];
    const first = tokens[read];
    if (grown?.token.type === "code" && first?.type === "code" && grown.node instanceof HTMLElement) {
      // A code block that grows line by line keeps its node, so that its button and scroll position survive.
      updateCodeBlock(grown.node, (first as Tokens.Code).text, (first as Tokens.Code).lang ?? "");
      this.#blocks[settled + read] = { raw: first.raw, node: grown.node, token: first };
      this.#highlighted = Math.min(this.#highlighted, settled + read);
      read++;
    }
    for (const { node } of this.#blocks.splice(settled + read)) this.#target.removeChild(node);
    this.#highlighted = Math.min(this.#highlighted, this.#blocks.length);
    for (const token of tokens.slice(read)) {
      const node = block(token);
      this.#target.append(node);
      this.#blocks.push({ raw: token.raw, node, token });
    }
    const complete = this.#blocks.length - (final ? 0 : 1);
    for (; this.#highlighted < complete; this.#highlighted++)
      highlightIn(this.#blocks[this.#highlighted]!.node);
  }
}

function block(token: Token): Node {
  switch (token.type) {
    case "heading": {
      // The page has its own h1 and h2.
      const level = Math.min(6, (token as Tokens.Heading).depth + 2) as 3 | 4 | 5 | 6;
      return h(`h${level}`, {}, ...inlines((token as Tokens.Heading).tokens));
    }
    case "code":
      return codeBlock((token as Tokens.Code).text, (token as Tokens.Code).lang ?? "");
    case "hr":
      return h("hr");
    case "blockquote":
      return h("blockquote", {}, ...blocks((token as Tokens.Blockquote).tokens));
    case "list":
      return list(token as Tokens.List);
    case "table":
      return table(token as Tokens.Table);
    case "paragraph":
      return h("p", {}, ...inlines((token as Tokens.Paragraph).tokens));
    case "text":
      return h("p", {}, ...inlines((token as Tokens.Text).tokens ?? [token]));
    default:
      return h("p", {}, token.raw);
  }
}

function blocks(tokens: readonly Token[]): Node[] {
  return tokens.filter(token => token.type !== "space" && token.type !== "def").map(block);
}

function list(token: Tokens.List): HTMLElement {
  const items = token.items.map(item => {
    const tokens = item.tokens.filter(({ type }) => type !== "checkbox");
    const content = tokens.flatMap(child =>
      child.type === "text" && !item.loose
        ? inlines((child as Tokens.Text).tokens ?? [child])
        : blocks([child]),
    );
    const box =
      item.task &&
      h("input", { type: "checkbox", disabled: true, checked: item.checked, "aria-label": "Task" });
    return h("li", item.task ? { class: "task" } : {}, box, ...content);
  });
  if (!token.ordered) return h("ul", {}, ...items);
  return h("ol", { start: token.start === "" || token.start === 1 ? null : token.start }, ...items);
}

function table(token: Tokens.Table): HTMLElement {
  const cell = (tag: "th" | "td", { tokens, align }: Tokens.TableCell) =>
    h(tag, { class: align ? `align-${align}` : null }, ...inlines(tokens));
  const head = h("tr", {}, ...token.header.map(header => cell("th", header)));
  const body = token.rows.map(row => h("tr", {}, ...row.map(data => cell("td", data))));
  // Wide tables scroll by themselves; tabindex lets the keyboard reach them.
  return h(
    "div",
    { class: "table-scroller", tabindex: 0, role: "group", "aria-label": "Table" },
    h("table", {}, h("thead", {}, head), h("tbody", {}, ...body)),
  );
}

function inlines(tokens: readonly Token[]): Node[] {
  return tokens.flatMap(inline);
}

function inline(token: Token): Node[] {
  switch (token.type) {
    case "strong":
    case "em":
    case "del":
      return [h(token.type, {}, ...inlines((token as Tokens.Strong).tokens))];
    case "codespan":
      return [h("code", {}, (token as Tokens.Codespan).text)];
    case "br":
      return [h("br")];
    case "escape":
      return [document.createTextNode((token as Tokens.Escape).text)];
    case "link":
      return link((token as Tokens.Link).href, inlines((token as Tokens.Link).tokens));
    case "image": {
      const { href, text } = token as Tokens.Image;
      return link(href, [document.createTextNode(text || href)]);
    }
    case "checkbox":
      return [];
    case "text": {
      const inner = (token as Tokens.Text).tokens;
      return inner ? inlines(inner) : [document.createTextNode(entities((token as Tokens.Text).text))];
    }
    default:
      return [document.createTextNode(token.raw)];
  }
}

/** A link that cannot run anything here and tells nobody where it was clicked; any other scheme stays text. */
function link(href: string, content: Node[]): Node[] {
  if (!/^(https?:\/\/|mailto:)/i.test(href)) return content;
  return [h("a", { href, target: "_blank", rel: "noopener noreferrer nofollow", title: href }, ...content)];
}

const NAMED: Readonly<Record<string, string>> = {
  amp: "&",
  lt: "<",
  gt: ">",
  quot: '"',
  apos: "'",
  nbsp: "\u00a0",
};

/** The character references that models write; the others stay as they are. */
function entities(text: string): string {
  return text.replace(
    /&(?:(amp|lt|gt|quot|apos|nbsp)|#(\d{1,6}));/g,
    (all, name: string | undefined, code: string | undefined) => {
      if (name !== undefined) return NAMED[name]!;
      const point = Number(code);
      return point > 0 && point <= 0x10ffff ? String.fromCodePoint(point) : all;
    },
  );
}
