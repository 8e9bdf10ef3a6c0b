/** A regular expression as checks write it: JavaScript's, with Go's `(?i)`, `(?s)`, `(?m)` at its start. Throws SyntaxError for anything else. */
export function compilePattern(text: string): RegExp {
  const lead = /^\(\?([ims]+)\)/.exec(text);
  return lead === null ? new RegExp(text) : new RegExp(text.slice(lead[0].length), [...new Set(lead[1])].join(''));
}
