/**
 * Expands the templates of rule labels and annotations. Compiled once, expanded for every active alert; pure, except that `query` needs the
 * engine: `expand` collects what it lacks, and the caller answers and expands again (`expandWithQueries`).
 */
import type { Labels } from '@bellwether/shared';
import { errorMessage, labelsToRecord } from '@bellwether/shared';
import { show } from './format.ts';
import type { TemplateWorld } from './functions.ts';
import { FUNCTION_NAMES, functionNamed, TemplateError } from './functions.ts';
import type { Node, Operand, Pipeline, Term } from './parse.ts';
import { parseTemplate } from './parse.ts';
import type { Value } from './value.ts';
import { isTrue, Sample, Struct } from './value.ts';

/** What one alert puts into its templates. */
export interface TemplateData {
  readonly labels: Labels;
  readonly value: number;
  readonly externalLabels: Readonly<Record<string, string>>;
  readonly externalUrl: string;
}

export interface Template {
  readonly source: string;
  /** The text itself, when there is nothing to expand. */
  readonly constant: string | undefined;
  readonly nodes: readonly Node[];
}

const VARIABLES = ['$labels', '$externalLabels', '$externalURL', '$value'];
const MAX_OUTPUT = 65_536;
const MAX_STEPS = 100_000;
const MAX_QUERIES = 16;

/** Throws AppError CONFIG_INVALID that names the line inside the template and what is wrong. */
export function compileTemplate(source: string): Template {
  const nodes = parseTemplate(source, FUNCTION_NAMES, VARIABLES);
  return { source, nodes, constant: source.includes('{{') ? undefined : source };
}

/** Thrown when a query's answer is not known yet. */
class QueryMissing extends Error {
  readonly expression: string;

  constructor(expression: string) {
    super('query not answered yet');
    this.expression = expression;
  }
}

/**
 * The expanded text. A template that fails gives Prometheus' `<error expanding template: ...>`, never an exception.
 * `ask` answers `query`; it is called outside the expansion, at most 16 times.
 */
export async function expandTemplate(
  template: Template,
  data: TemplateData,
  nowMs: number,
  ask: (expression: string) => Promise<readonly Sample[]>,
): Promise<string> {
  if (template.constant !== undefined) return template.constant;
  const answers = new Map<string, readonly Sample[]>();
  for (;;) {
    try {
      return expand(template, data, nowMs, answers);
    } catch (error) {
      if (!(error instanceof QueryMissing)) return failed(error);
      if (answers.size >= MAX_QUERIES) return failed(new TemplateError(`more than ${MAX_QUERIES} queries in one template`));
      try {
        answers.set(error.expression, await ask(error.expression));
      } catch (cause) {
        return failed(new TemplateError(`query ${JSON.stringify(error.expression)}: ${errorMessage(cause)}`));
      }
    }
  }
}

function failed(error: unknown): string {
  return `<error expanding template: ${errorMessage(error)}>`;
}

function expand(template: Template, data: TemplateData, nowMs: number, answers: ReadonlyMap<string, readonly Sample[]>): string {
  const labels = new Map<string, Value>(Object.entries(labelsToRecord(data.labels)));
  const externalLabels = new Map<string, Value>(Object.entries(data.externalLabels));
  const dot = new Struct(
    'template.AlertTemplateData',
    new Map<string, Value>([
      ['Labels', labels],
      ['ExternalLabels', externalLabels],
      ['ExternalURL', data.externalUrl],
      ['Value', data.value],
    ]),
  );
  const run = new Run({
    nowMs,
    externalUrl: data.externalUrl,
    query(expression) {
      const answer = answers.get(expression);
      if (answer === undefined) throw new QueryMissing(expression);
      return answer;
    },
  });
  const scope: Variable[] = [
    { name: '$', value: dot },
    { name: '$labels', value: labels },
    { name: '$externalLabels', value: externalLabels },
    { name: '$externalURL', value: data.externalUrl },
    { name: '$value', value: data.value },
  ];
  run.nodes(template.nodes, dot, scope);
  return run.output;
}

interface Variable {
  readonly name: string;
  value: Value;
}

class Run {
  output = '';
  #steps = 0;
  readonly #world: TemplateWorld;

  constructor(world: TemplateWorld) {
    this.#world = world;
  }

  nodes(nodes: readonly Node[], dot: Value, scope: Variable[]): void {
    for (const node of nodes) this.#node(node, dot, scope);
  }

  #node(node: Node, dot: Value, scope: Variable[]): void {
    if (++this.#steps > MAX_STEPS) throw new TemplateError('template takes too many steps');
    if (node.kind === 'text') return this.#write(node.text);
    const depth = scope.length;
    if (node.kind === 'action') {
      const value = this.#pipeline(node.pipeline, dot, scope);
      if (node.pipeline.names.length === 0) this.#write(show(value));
      return; // variables of an action live until the end of the enclosing block
    }
    if (node.kind === 'range') this.#range(node, dot, scope);
    else {
      const value = this.#pipeline(node.pipeline, dot, scope);
      if (isTrue(value)) this.nodes(node.body, node.kind === 'with' ? value : dot, scope);
      else this.nodes(node.otherwise, dot, scope);
    }
    scope.length = depth;
  }

  #range(node: Extract<Node, { kind: 'if' | 'range' | 'with' }>, dot: Value, scope: Variable[]): void {
    const { names, declares } = node.pipeline;
    const value = this.#pipeline({ ...node.pipeline, names: [] }, dot, scope);
    const items = entries(value, node.pipeline);
    for (const [key, item] of items) {
      const depth = scope.length;
      const given: [string, Value][] =
        names.length === 2
          ? [
              [names[0]!, key],
              [names[1]!, item],
            ]
          : names.length === 1
            ? [[names[0]!, item]]
            : [];
      for (const [name, bound] of given) this.#bind(name, bound, declares, scope);
      this.nodes(node.body, item, scope);
      scope.length = depth;
    }
    if (items.length === 0) this.nodes(node.otherwise, dot, scope);
  }

  #pipeline(pipeline: Pipeline, dot: Value, scope: Variable[]): Value {
    let value: Value | undefined;
    for (const command of pipeline.commands) value = this.#command(command, value, dot, scope);
    for (const name of pipeline.names) this.#bind(name, value!, pipeline.declares, scope);
    return value!;
  }

  #bind(name: string, value: Value, declares: boolean, scope: Variable[]): void {
    const known = declares ? undefined : scope.findLast((variable) => variable.name === name);
    if (known === undefined) scope.push({ name, value });
    else known.value = value;
  }

  #command(command: readonly Term[], piped: Value | undefined, dot: Value, scope: Variable[]): Value {
    const [head, ...rest] = command as [Term, ...Term[]];
    if (++this.#steps > MAX_STEPS) throw new TemplateError('template takes too many steps');
    if (head.operand.kind !== 'function') {
      if (rest.length > 0 || piped !== undefined) throw new TemplateError(`can't give argument to non-function ${head.text}`);
      return this.#term(head, dot, scope);
    }
    const value = this.#call(head.operand.name, rest, piped, dot, scope);
    return fields(value, head);
  }

  #call(name: string, terms: readonly Term[], piped: Value | undefined, dot: Value, scope: Variable[]): Value {
    if (name === 'and' || name === 'or') {
      let value: Value | undefined;
      for (const term of terms) {
        value = this.#term(term, dot, scope);
        if (isTrue(value) === (name === 'or')) return value;
      }
      const last = piped ?? value;
      if (last === undefined) throw new TemplateError(`wrong number of args for ${name}: want at least 1 got 0`);
      return last;
    }
    const args = terms.map((term) => this.#term(term, dot, scope));
    if (piped !== undefined) args.push(piped);
    try {
      return functionNamed(name)(args, this.#world);
    } catch (error) {
      if (error instanceof TemplateError) throw new TemplateError(`error calling ${name}: ${error.message}`);
      throw error;
    }
  }

  #term(term: Term, dot: Value, scope: Variable[]): Value {
    return term.operand.kind === 'function'
      ? this.#command([term], undefined, dot, scope)
      : fields(this.#operand(term.operand, dot, scope), term);
  }

  #operand(operand: Exclude<Operand, { kind: 'function' }>, dot: Value, scope: Variable[]): Value {
    switch (operand.kind) {
      case 'constant':
        return operand.value;
      case 'dot':
        return dot;
      case 'variable': {
        const found = scope.findLast((variable) => variable.name === operand.name);
        if (found === undefined) throw new TemplateError(`undefined variable: ${operand.name}`);
        return found.value;
      }
      case 'pipeline': {
        const depth = scope.length;
        const value = this.#pipeline(operand.pipeline, dot, scope);
        scope.length = depth;
        return value;
      }
    }
  }

  #write(text: string): void {
    this.output += text;
    if (this.output.length > MAX_OUTPUT) throw new TemplateError(`template output is longer than ${MAX_OUTPUT} characters`);
  }
}

function fields(value: Value, term: Term): Value {
  for (const name of term.fields) value = field(value, name, term);
  return value;
}

function field(value: Value, name: string, term: Term): Value {
  if (value instanceof Map) return value.get(name) ?? '';
  if (value instanceof Sample && name === 'Labels') return value.labels;
  if (value instanceof Sample && name === 'Value') return value.value;
  const found = value instanceof Struct ? value.fields.get(name) : undefined;
  if (found === undefined)
    throw new TemplateError(`at <${term.text}>: can't evaluate field ${name} in ${value === null ? 'nil data' : show(value)}`);
  return found;
}

function entries(value: Value, pipeline: Pipeline): [Value, Value][] {
  if (Array.isArray(value)) return value.map((item, i): [Value, Value] => [BigInt(i), item]);
  if (value instanceof Map) return [...(value as Map<string, Value>)].sort(([a], [b]) => (a < b ? -1 : 1));
  if (value === null) return [];
  if (typeof value === 'bigint')
    return Array.from({ length: Number(value < 0n ? 0n : value > 10_000n ? 10_000n : value) }, (_, i): [Value, Value] => [
      BigInt(i),
      BigInt(i),
    ]);
  throw new TemplateError(`range can't iterate over ${pipeline.commands[0]?.[0]?.text ?? 'this'}`);
}
