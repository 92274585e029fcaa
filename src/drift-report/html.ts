/** Text of a page that is already HTML, so that it is not escaped again. Only `html` and `trusted` make it. */
export class Html {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** What a place in a template takes: text is escaped, HTML is not, lists are joined, and what is not there leaves nothing. */
export type Content = string | number | Html | readonly Content[] | undefined;

/**
 * Makes HTML. Whatever is put into a place is escaped, for text as for attributes in double quotes, so that a name that
 * holds tags stays a name.
 */
export function html(parts: TemplateStringsArray, ...places: readonly Content[]): Html {
  return new Html(parts.reduce((text, part, i) => text + textOf(places[i - 1]) + part));
}

/** HTML that the program itself wrote, such as a style sheet; never anything that comes from data. */
export function trusted(text: string): Html {
  return new Html(text);
}

function textOf(content: Content): string {
  if (content === undefined) return '';
  if (content instanceof Html) return content.text;
  return typeof content === 'object' ? content.map(textOf).join('') : escapeHtml(String(content));
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
// Control characters are not allowed in HTML; the others reorder what stands around them, or break a line unseen.
const UNSAFE = /[\p{Cc}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

/** Text that shows as it is, between tags and in attributes. Invisible characters that could mislead become `\u{202e}`. */
export function escapeHtml(text: string): string {
  return text
    .toWellFormed()
    .replaceAll(UNSAFE, (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`)
    .replaceAll(/[&<>"']/g, (character) => ENTITIES[character]!);
}
