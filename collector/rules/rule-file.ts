/** Prometheus rule files: read and checked, every problem with file, line and reason. */
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Millis } from '@bellwether/shared';
import { AppError, errorCode, errorMessage, LABEL_NAME, LEGACY_METRIC_NAME, parseDuration } from '@bellwether/shared';
import { checkYaml } from '@bellwether/shared/schema';
import * as z from 'zod';
import { parse } from '../query/index.ts';
import type { Template } from './template/template.ts';
import { compileTemplate } from './template/template.ts';

export interface RuleGroupConfig {
  /** The file it came from; `pack:host` for shipped ones. */
  readonly file: string;
  readonly name: string;
  /** undefined: the default interval. */
  readonly intervalMs: Millis | undefined;
  /** More results than this fail a rule; 0: no limit. */
  readonly limit: number;
  readonly queryOffsetMs: Millis;
  readonly rules: readonly RuleConfig[];
}
export interface AlertingRuleConfig {
  readonly kind: 'alerting';
  readonly name: string;
  readonly expr: string;
  readonly forMs: Millis;
  readonly keepFiringMs: Millis;
  readonly labels: ReadonlyMap<string, Template>;
  readonly annotations: ReadonlyMap<string, Template>;
}
export interface RecordingRuleConfig {
  readonly kind: 'recording';
  readonly name: string;
  readonly expr: string;
  readonly labels: Readonly<Record<string, string>>;
}
export type RuleConfig = AlertingRuleConfig | RecordingRuleConfig;

const MAX_FILE_BYTES = 16 * 1024 * 1024;

/** Numbers are accepted where Prometheus' own reader takes them for text. */
const scalar = z
  .union([z.string(), z.number(), z.boolean(), z.null()], { error: 'must be text' })
  .transform((value) => (value === null ? '' : String(value)));

function durationText(minMs = 0): z.ZodType<Millis> {
  return z.union([z.string(), z.number()], { error: 'must be a duration such as 30s, 5m or 1h30m' }).transform((value, context) => {
    const parsed = parseDuration(String(value));
    if (parsed !== undefined && parsed >= minMs) return parsed;
    const message =
      parsed === undefined ? `must be a duration such as 30s, 5m or 1h30m; got ${JSON.stringify(value)}` : 'must be longer than 0';
    context.addIssue({ code: 'custom', message });
    return z.NEVER;
  });
}

const labelMap = z.record(z.string(), scalar);

const rule = z
  .strictObject({
    record: z.string().optional(),
    alert: z.string().optional(),
    expr: scalar.optional(),
    for: durationText().optional(),
    keep_firing_for: durationText().optional(),
    labels: labelMap.optional(),
    annotations: labelMap.optional(),
  })
  .superRefine((raw, context) => checkRule(raw, (path, message) => context.addIssue({ code: 'custom', path, message })));

const group = z
  .strictObject({
    name: z.string().min(1),
    interval: durationText(1).optional(),
    limit: z.int().min(0).optional(),
    query_offset: durationText().optional(),
    labels: labelMap.optional(),
    rules: z.array(rule).nullish(),
  })
  .superRefine(({ labels }, context) => {
    for (const [name, value] of Object.entries(labels ?? {})) {
      if (!LABEL_NAME.test(name) || name === '__name__')
        context.addIssue({ code: 'custom', path: ['labels', name], message: 'is not a label name' });
      attempt(
        () => compileTemplate(value),
        ['labels', name],
        (path, message) => context.addIssue({ code: 'custom', path, message }),
      );
    }
  });

const file = z.strictObject({ groups: z.array(group).nullish() }).superRefine(({ groups }, context) => {
  const names = (groups ?? []).map(({ name }) => name);
  for (const [i, name] of names.entries()) {
    if (names.indexOf(name) < i)
      context.addIssue({
        code: 'custom',
        path: ['groups', i, 'name'],
        message: `a group named ${JSON.stringify(name)} is already in this file`,
      });
  }
});

type RawRule = z.infer<typeof rule>;
type Report = (path: string[], message: string) => void;

/** The groups of one file. Throws AppError CONFIG_INVALID with a line for each problem: `file:line:col: groups[0].rules[1].expr: reason`. */
export function parseRuleFile(text: string, fileName: string): RuleGroupConfig[] {
  if (text.length > MAX_FILE_BYTES)
    throw new AppError('CONFIG_INVALID', `${fileName}: rule files may have at most ${MAX_FILE_BYTES} bytes.`);
  if (text.split('\n').every((line) => /^\s*(#.*)?$/.test(line))) return [];
  const result = checkYaml(text, file, { file: fileName });
  if ('problems' in result) throw new AppError('CONFIG_INVALID', result.problems.join('\n'));
  return (result.value.groups ?? []).map(({ name, interval, limit, query_offset, labels, rules }) => ({
    file: fileName,
    name,
    intervalMs: interval,
    limit: limit ?? 0,
    queryOffsetMs: query_offset ?? 0,
    rules: (rules ?? []).map((raw) => buildRule(raw, labels ?? {})),
  }));
}

/** Reads every file the globs name. A glob that names nothing is fine; a path without wildcards must exist. Throws AppError CONFIG_INVALID with all problems. */
export async function loadRuleFiles(globs: readonly string[]): Promise<RuleGroupConfig[]> {
  const problems: string[] = [];
  const groups: RuleGroupConfig[] = [];
  for (const path of await filesOf(globs)) {
    try {
      groups.push(...parseRuleFile(await readFile(path, 'utf8'), path));
    } catch (error) {
      problems.push(errorCode(error) === 'CONFIG_INVALID' ? errorMessage(error) : `${path}: cannot be read: ${errorMessage(error)}`);
    }
  }
  if (problems.length > 0) throw new AppError('CONFIG_INVALID', problems.join('\n'));
  return groups;
}

async function filesOf(globs: readonly string[]): Promise<string[]> {
  const files = new Set<string>();
  for (const pattern of globs) {
    if (!/[*?[]/.test(pattern)) files.add(pattern);
    else for (const path of await expandGlob(pattern)) files.add(path);
  }
  return [...files].sort();
}

/** `*`, `?` and `[...]` within path segments, as Prometheus' globs. */
async function expandGlob(pattern: string): Promise<string[]> {
  const folder = dirname(pattern);
  const name = pattern.slice(folder === '/' ? 1 : folder === '.' && !pattern.startsWith('./') ? 0 : folder.length + 1);
  const folders = /[*?[]/.test(folder) ? await expandGlob(folder) : [folder];
  const wanted = segmentPattern(name);
  const found = await Promise.all(
    folders.map(async (one) => {
      const names = await filesIn(one);
      return names
        .filter((entry) => wanted.test(entry) && (name.startsWith('.') || !entry.startsWith('.')))
        .map((entry) => join(one, entry));
    }),
  );
  return found.flat();
}

/** A folder that is not there holds no rule files; one that cannot be read is an error. */
async function filesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(errorCode(error) ?? '')) return [];
    throw new AppError('CONFIG_INVALID', `${folder}: cannot be read: ${errorMessage(error)}`, { cause: error });
  }
}

function segmentPattern(segment: string): RegExp {
  const source = segment.replace(/\[(!|\^)?([^\]]*)\]|[\\^$.|+(){}[\]*?]/g, (whole, not?: string, inside?: string) => {
    if (inside !== undefined && inside !== '') return `[${not === undefined ? '' : '^'}${inside.replaceAll('\\', '\\\\')}]`;
    return whole === '*' ? '[^/]*' : whole === '?' ? '[^/]' : `\\${whole}`;
  });
  try {
    return new RegExp(`^${source}$`, 's');
  } catch (cause) {
    throw new AppError('CONFIG_INVALID', `${JSON.stringify(segment)} is not a file pattern; use *, ? and [abc].`, { cause });
  }
}

function checkRule(raw: RawRule, report: Report): void {
  const isAlert = raw.alert !== undefined;
  if (isAlert && raw.record !== undefined) return report(['record'], 'a rule has either record or alert, not both');
  if (!isAlert && raw.record === undefined) return report([], 'a rule needs a name: alert or record');
  if (isAlert && raw.alert === '') report(['alert'], 'must not be empty');
  if (!isAlert) checkRecording(raw, report);
  const { expr } = raw;
  if (expr === undefined) report(['expr'], 'is missing');
  else if (expr.trim() === '') report(['expr'], 'must not be empty');
  else attempt(() => parse(expr), ['expr'], report);
  for (const [name, value] of Object.entries(raw.labels ?? {})) {
    if (!LABEL_NAME.test(name) || name === '__name__') report(['labels', name], 'is not a label name');
    if (isAlert) attempt(() => compileTemplate(value), ['labels', name], report);
  }
  for (const [name, value] of Object.entries(raw.annotations ?? {})) {
    if (!LABEL_NAME.test(name)) report(['annotations', name], 'is not an annotation name');
    attempt(() => compileTemplate(value), ['annotations', name], report);
  }
}

function checkRecording(raw: RawRule, report: Report): void {
  if (!LEGACY_METRIC_NAME.test(raw.record!)) report(['record'], `is not a metric name: ${JSON.stringify(raw.record)}`);
  if (raw.for !== undefined) report(['for'], 'belongs to alerting rules');
  if (raw.keep_firing_for !== undefined) report(['keep_firing_for'], 'belongs to alerting rules');
  if (raw.annotations !== undefined) report(['annotations'], 'belong to alerting rules');
}

function attempt(run: () => unknown, path: string[], report: Report): void {
  try {
    run();
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    report(
      path,
      error.message.replace(/^([A-Z])/, (letter) => letter.toLowerCase()),
    );
  }
}

function buildRule(raw: RawRule, groupLabels: Readonly<Record<string, string>>): RuleConfig {
  const labels = { ...groupLabels, ...raw.labels };
  const expr = raw.expr ?? '';
  if (raw.alert === undefined) return { kind: 'recording', name: raw.record!, expr, labels };
  return {
    kind: 'alerting',
    name: raw.alert,
    expr,
    forMs: raw.for ?? 0,
    keepFiringMs: raw.keep_firing_for ?? 0,
    labels: templates(labels),
    annotations: templates(raw.annotations ?? {}),
  };
}

function templates(texts: Readonly<Record<string, string>>): ReadonlyMap<string, Template> {
  return new Map(Object.entries(texts).map(([name, text]) => [name, compileTemplate(text)]));
}
