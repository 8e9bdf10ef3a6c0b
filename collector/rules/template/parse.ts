/**
 * Parser of the Go text/template language as rule files use it: text, `{{ pipelines }}`, variables, if / else if / else, range, with, end,
 * comments and trim markers. `define`, `template`, `block`, `break` and `continue` are refused with a clear error.
 */
import { AppError } from '@bellwether/shared';
import type { Value } from './value.ts';

export type Operand =
  | { readonly kind: 'constant'; readonly value: Value }
  | { readonly kind: 'dot' }
  | { readonly kind: 'variable'; readonly name: string }
  | { readonly kind: 'function'; readonly name: string }
  | { readonly kind: 'pipeline'; readonly pipeline: Pipeline };

/** An operand and the fields taken from it: `$labels.job`, `.Value`, `(query "up").Labels`. */
export interface Term {
  readonly operand: Operand;
  readonly fields: readonly string[];
  /** As written, for error messages. */
  readonly text: string;
}
export interface Pipeline {
  readonly names: readonly string[];
  readonly declares: boolean;
  readonly commands: readonly (readonly Term[])[];
}
export type Node =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'action'; readonly pipeline: Pipeline }
  | {
      readonly kind: 'if' | 'range' | 'with';
      readonly pipeline: Pipeline;
      readonly body: readonly Node[];
      readonly otherwise: readonly Node[];
    };

const MAX_DEPTH = 100;
const TOKEN =
  /\s+|"(?:[^"\\\n]|\\.)*"|`[^`]*`|'(?:[^'\\]|\\.)+'|[-+]?(?:0[xX][0-9a-fA-F_]+|\d[\d_]*(?:\.\d*)?(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?)|\$[\p{L}\p{N}_]*|\.[\p{L}_][\p{L}\p{N}_]*|:=|[\p{L}_][\p{L}\p{N}_]*|[().|,=]/uy;
const REFUSED = ['define', 'template', 'block', 'break', 'continue'];

/** Parses `text`; `functions` are the names that may be called, `variables` the ones known from the start. Throws AppError CONFIG_INVALID. */
export function parseTemplate(text: string, functions: ReadonlySet<string>, variables: readonly string[]): readonly Node[] {
  return new Parser(text, functions, variables).parse();
}

class Parser {
  readonly #chunks: { text: string; action: boolean; line: number }[];
  readonly #functions: ReadonlySet<string>;
  readonly #variables: string[];
  #chunk = 0;
  #tokens: string[] = [];
  #at = 0;
  #line = 1;
  #depth = 0;

  constructor(text: string, functions: ReadonlySet<string>, variables: readonly string[]) {
    this.#chunks = split(text);
    this.#functions = functions;
    this.#variables = [...variables];
  }

  parse(): readonly Node[] {
    const { nodes, end } = this.#list();
    if (end !== undefined) this.#fail(`unexpected {{${end}}}`);
    return nodes;
  }

  /** Nodes up to `end`, `else` or the end of the text; says which. The tokens after `else` are left for the caller. */
  #list(): { nodes: Node[]; end: string | undefined } {
    if (++this.#depth > MAX_DEPTH) this.#fail('blocks are nested too deeply');
    const nodes: Node[] = [];
    let end: string | undefined;
    while (end === undefined && this.#chunk < this.#chunks.length) {
      const chunk = this.#chunks[this.#chunk++]!;
      this.#line = chunk.line;
      if (!chunk.action) {
        if (chunk.text !== '') nodes.push({ kind: 'text', text: chunk.text });
        continue;
      }
      this.#tokens = this.#tokenize(chunk.text);
      this.#at = 0;
      const word = this.#peek();
      if (word === 'end' || word === 'else') end = word;
      else nodes.push(this.#action(word));
      if (end !== undefined) this.#at++;
    }
    this.#depth--;
    return { nodes, end };
  }

  #action(word: string | undefined): Node {
    if (word !== undefined && REFUSED.includes(word)) this.#fail(`{{${word}}} is not supported in rule templates`);
    if (word !== 'if' && word !== 'range' && word !== 'with') {
      const pipeline = this.#pipeline();
      this.#finish();
      return { kind: 'action', pipeline };
    }
    this.#at++;
    return this.#block(word);
  }

  #block(kind: 'if' | 'range' | 'with'): Node {
    const scope = this.#variables.length;
    const pipeline = this.#pipeline();
    if (pipeline.names.length > 1 && kind !== 'range') this.#fail('too many declarations');
    this.#finish();
    const { nodes: body, end } = this.#list();
    let otherwise: readonly Node[] = [];
    if (end === 'else') {
      const again = this.#peek();
      if (again === 'if' || again === 'with') {
        this.#at++;
        otherwise = [this.#block(again)];
        this.#variables.length = scope;
        return { kind, pipeline, body, otherwise };
      }
      this.#finish();
      const rest = this.#list();
      otherwise = rest.nodes;
      if (rest.end !== 'end')
        this.#fail(rest.end === undefined ? 'unexpected end of the text: an {{end}} is missing' : 'unexpected {{else}}');
    } else if (end === undefined) this.#fail('unexpected end of the text: an {{end}} is missing');
    this.#finish();
    this.#variables.length = scope;
    return { kind, pipeline, body, otherwise };
  }

  #pipeline(): Pipeline {
    this.#skip();
    const names = this.#declaration();
    const commands: Term[][] = [];
    do commands.push(this.#command());
    while (this.#take('|'));
    for (const command of commands.slice(1))
      if (command[0]!.operand.kind === 'constant') this.#fail(`non executable command in pipeline: ${command[0]!.text}`);
    if (names.declares) this.#variables.push(...names.names);
    else for (const name of names.names) this.#known(name);
    return { ...names, commands };
  }

  /** `$x :=`, `$x =`, `$i, $x :=` in front of a pipeline, if it is there. */
  #declaration(): { names: string[]; declares: boolean } {
    const start = this.#at;
    const names: string[] = [];
    while (this.#peek()?.startsWith('$') === true) {
      names.push(this.#tokens[this.#at++]!);
      if (this.#take(':=')) return { names, declares: true };
      if (this.#take('=')) return { names, declares: false };
      if (!this.#take(',') || names.length === 2) break;
    }
    this.#at = start;
    return { names: [], declares: false };
  }

  #command(): Term[] {
    const terms: Term[] = [];
    for (let token = this.#peek(); token !== undefined && token !== '|' && token !== ')'; token = this.#peek())
      terms.push(this.#term(token));
    if (terms.length === 0) this.#fail('missing value for command');
    return terms;
  }

  #term(token: string): Term {
    const start = this.#at++;
    const operand = this.#operand(token);
    const fields: string[] = [];
    if (token.startsWith('.') && token.length > 1 && !/^\.\d/.test(token)) fields.push(token.slice(1));
    while (/^\.[\p{L}_]/u.test(this.#tokens[this.#at] ?? '')) fields.push(this.#tokens[this.#at++]!.slice(1));
    if (fields.length > 0 && operand.kind === 'constant') this.#fail(`unexpected . after ${token}`);
    const after = this.#tokens[this.#at];
    if (after !== undefined && !/^[\s|),]/.test(after) && !(operand.kind === 'function' && after === '('))
      this.#fail(`unexpected ${JSON.stringify(after)} after ${token}`);
    return { operand, fields, text: this.#tokens.slice(start, this.#at).join('') };
  }

  #operand(token: string): Operand {
    if (token === '(') {
      if (++this.#depth > MAX_DEPTH) this.#fail('parentheses are nested too deeply');
      const pipeline = this.#pipeline();
      if (!this.#take(')')) this.#fail('unclosed left parenthesis');
      this.#depth--;
      return { kind: 'pipeline', pipeline };
    }
    if (token.startsWith('$')) return { kind: 'variable', name: this.#known(token) };
    if (/^[-+]?\.?\d/.test(token)) return { kind: 'constant', value: this.#number(token) };
    if (token.startsWith('.')) return { kind: 'dot' };
    if (token.startsWith('"')) return { kind: 'constant', value: this.#string(token) };
    if (token.startsWith('`')) return { kind: 'constant', value: token.slice(1, -1) };
    if (token.startsWith("'"))
      return { kind: 'constant', value: BigInt(this.#string(`"${token.slice(1, -1).replace('"', '\\"')}"`).codePointAt(0) ?? 0) };
    if (token === 'true' || token === 'false') return { kind: 'constant', value: token === 'true' };
    if (token === 'nil') return { kind: 'constant', value: null };
    if (!/^[\p{L}_]/u.test(token)) this.#fail(`unexpected ${JSON.stringify(token)}`);
    if (!this.#functions.has(token)) this.#fail(`function ${JSON.stringify(token)} not defined`);
    return { kind: 'function', name: token };
  }

  #number(token: string): Value {
    const plain = token.replaceAll('_', '');
    if (/^[-+]?(0[xX][0-9a-fA-F]+|\d+)$/.test(plain)) {
      const size = BigInt(plain.replace(/^[-+]/, ''));
      return plain.startsWith('-') ? -size : size;
    }
    const value = Number(plain);
    if (Number.isNaN(value)) this.#fail(`bad number syntax: ${token}`);
    return value;
  }

  #string(token: string): string {
    return token.slice(1, -1).replace(/\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{3}|.)/gs, (_, sequence: string) => {
      const simple = { n: '\n', t: '\t', r: '\r', a: '\x07', b: '\b', f: '\f', v: '\v', '\\': '\\', '"': '"', "'": "'" }[sequence];
      if (simple !== undefined) return simple;
      const code = /^[xuU]/.test(sequence) ? Number.parseInt(sequence.slice(1), 16) : Number.parseInt(sequence, 8);
      if (Number.isNaN(code) || code > 0x10ffff || sequence.length === 1) this.#fail(`unknown escape \\${sequence} in ${token}`);
      return String.fromCodePoint(code);
    });
  }

  #known(name: string): string {
    if (name !== '$' && !this.#variables.includes(name)) this.#fail(`undefined variable ${JSON.stringify(name)}`);
    return name;
  }

  #tokenize(text: string): string[] {
    const tokens: string[] = [];
    TOKEN.lastIndex = 0;
    while (TOKEN.lastIndex < text.length) {
      const at = TOKEN.lastIndex;
      const match = TOKEN.exec(text);
      if (match === null) this.#fail(`unexpected ${JSON.stringify(text.slice(at, at + 1))} in {{${text}}}`);
      tokens.push(match![0]);
    }
    return tokens;
  }

  #skip(): void {
    while (/^\s/.test(this.#tokens[this.#at] ?? '')) this.#at++;
  }

  #peek(): string | undefined {
    this.#skip();
    return this.#tokens[this.#at];
  }

  #take(token: string): boolean {
    if (this.#peek() !== token) return false;
    this.#at++;
    return true;
  }

  #finish(): void {
    const rest = this.#peek();
    if (rest !== undefined) this.#fail(`unexpected ${JSON.stringify(rest)}`);
  }

  #fail(what: string): never {
    throw new AppError('CONFIG_INVALID', `template line ${this.#line}: ${what}`);
  }
}

/** Cuts the text at `{{` and `}}`; trims white space at `{{-` and `-}}`; drops comments. */
function split(text: string): { text: string; action: boolean; line: number }[] {
  const chunks: { text: string; action: boolean; line: number }[] = [];
  let at = 0;
  let line = 1;
  let trimNext = false;
  for (;;) {
    const open = text.indexOf('{{', at);
    const raw = text.slice(at, open < 0 ? undefined : open);
    const trimThis = open >= 0 && /^-\s/.test(text.slice(open + 2, open + 4));
    let piece = trimNext ? raw.trimStart() : raw;
    if (trimThis) piece = piece.trimEnd();
    chunks.push({ text: piece, action: false, line });
    line += raw.split('\n').length - 1;
    if (open < 0) return chunks;
    const inside = open + (trimThis ? 3 : 2);
    const close = actionEnd(text, inside);
    if (close < 0) throw new AppError('CONFIG_INVALID', `template line ${line}: unclosed action`);
    const body = text.slice(inside, close);
    trimNext = /\s-$/.test(body);
    const action = trimNext ? body.slice(0, -1) : body;
    const comment = action.trim();
    if (comment.startsWith('/*')) {
      if (!comment.endsWith('*/') || comment.length < 4)
        throw new AppError('CONFIG_INVALID', `template line ${line}: comment ends before closing delimiter`);
    } else chunks.push({ text: action, action: true, line });
    line += body.split('\n').length - 1;
    at = close + 2;
  }
}

/** Where the `}}` of an action is; quotes and comments may hold braces. */
function actionEnd(text: string, from: number): number {
  for (let i = from; i < text.length; i++) {
    if (text.startsWith('}}', i)) return i;
    if (text.startsWith('/*', i)) {
      const end = text.indexOf('*/', i + 2);
      if (end < 0) return -1;
      i = end + 1;
      continue;
    }
    const quote = text[i];
    if (quote !== '"' && quote !== '`' && quote !== "'") continue;
    for (i++; i < text.length && text[i] !== quote; i++) if (text[i] === '\\' && quote !== '`') i++;
  }
  return -1;
}
