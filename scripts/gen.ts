/**
 * Writes what is made from the sources: the registry of inputs (agent/inputs/index.ts) and their reference page. Run by `npm run gen`; a test
 * fails when either is stale.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { formatDuration } from '@bellwether/shared';
import { DEFAULT_INTERVAL_MS } from '../agent/inputs/collect.ts';
import { INPUTS } from '../agent/inputs/index.ts';
import type { InputDefinition, OptionInfo } from '../agent/inputs/input.ts';

export const INPUTS_FOLDER = 'agent/inputs';
export const INPUTS_INDEX = 'agent/inputs/index.ts';
export const INPUTS_REFERENCE = 'docs/reference/inputs.md';

/** Names (without `.ts`) of the files that are inputs, ordered; `files` maps file names to their text. */
export function inputFiles(files: ReadonlyMap<string, string>): string[] {
  const inputs = [...files].filter(([file, text]) => file.endsWith('.ts') && /^export default defineInput\(/m.test(text));
  return inputs.map(([file]) => file.slice(0, -'.ts'.length)).sort();
}

/** agent/inputs/index.ts: a static list, so that the bundle holds every input and looks for none. */
export function renderInputsIndex(inputs: readonly string[]): string {
  const names = inputs.map((file) => file.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase()));
  const imports = inputs.map((file, i) => `import ${names[i]} from './${file}.ts';\n`).sort(byPath);
  return `// Written by \`npm run gen\` from the files of this folder.
${mergeTypeImport(imports).join('')}
export const INPUTS: readonly InputDefinition[] = [
${names.map((name) => `  ${name},\n`).join('')}];
`;
}

/** docs/reference/inputs.md */
export function renderInputsReference(inputs: readonly InputDefinition[]): string {
  const intro = `# Inputs

Written by \`npm run gen\` from the inputs themselves. Names, labels, units and filters are node_exporter's. Every input can be switched off or given
another interval in \`bellwether-agent.yml\`, as \`inputs.NAME.enabled\` and \`inputs.NAME.interval\` (at most 2m; the default is
${formatDuration(DEFAULT_INTERVAL_MS)}); its options stand beside these. A pattern is a regular expression; an empty one matches nothing. What a kernel or device
does not have is absent, never zero. The inputs also report themselves as \`node_scrape_collector_success{collector}\` and
\`node_scrape_collector_duration_seconds{collector}\`, at most every 10 s.
`;
  return [intro, ...inputs.map(renderInput)].join('\n');
}

function renderInput({ name, help, metrics, options, intervalMs, slow, offByDefault }: InputDefinition): string {
  const rhythm = [
    intervalMs === undefined ? '' : `Read every ${formatDuration(intervalMs)} unless told otherwise.`,
    slow === true ? 'Live mode does not read it more often.' : '',
    offByDefault === true ? 'Off unless `enabled: true`.' : '',
  ];
  const lines = [`## ${name}`, '', [help, ...rhythm].filter((text) => text !== '').join(' '), ''];
  const given = Object.entries(options ?? {});
  if (given.length > 0) {
    lines.push('| option | default | meaning |', '| --- | --- | --- |');
    for (const [option, info] of given) lines.push(`| \`${option}\` | ${defaultText(info)} | ${info.help} |`);
    lines.push('');
  }
  lines.push('| metric | type | meaning |', '| --- | --- | --- |');
  for (const [metric, info] of Object.entries(metrics)) lines.push(`| \`${metric}\` | ${info.type} | ${info.help} |`);
  return `${lines.join('\n')}\n`;
}

function defaultText(info: OptionInfo): string {
  if (info.kind === 'duration') return `\`${formatDuration(Number(info.default))}\``;
  return info.default === '' ? 'empty' : `\`${String(info.default).replaceAll('|', '\\|')}\``;
}

import { renderConfigReference } from '../collector/config.ts';
import { rulePackReference } from '../collector/rules/index.ts';

const TYPE_IMPORT = "import type { InputDefinition } from './input.ts';\n";

function mergeTypeImport(imports: readonly string[]): string[] {
  return [...imports, TYPE_IMPORT].sort(byPath);
}

/** The linter's order of imports: by path, ignoring the ending. */
function byPath(a: string, b: string): number {
  const path = (line: string) => /'(.*)\.ts'/.exec(line)![1]!;
  return path(a) < path(b) ? -1 : 1;
}

/** Reads the folder of inputs below `root`, as `inputFiles` wants it. */
export function readInputs(root: string): Map<string, string> {
  const folder = join(root, INPUTS_FOLDER);
  return new Map(readdirSync(folder).map((file) => [file, readFileSync(join(folder, file), 'utf8')]));
}

function writeIfOther(path: string, text: string): boolean {
  if (existsSync(path) && readFileSync(path, 'utf8') === text) return false;
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  console.log(`wrote ${path}`);
  return true;
}

function main(): void {
  const root = join(dirname(fileURLToPath(import.meta.url)), '..');
  const stale = writeIfOther(join(root, INPUTS_INDEX), renderInputsIndex(inputFiles(readInputs(root))));
  // The page is made from the inputs in this very bundle, which was built before the list was written.
  if (stale) console.log('the list of inputs changed: run `npm run gen` once more for the reference page');
  else writeIfOther(join(root, INPUTS_REFERENCE), renderInputsReference(INPUTS));
  writeIfOther(join(root, 'docs/reference/config.md'), renderConfigReference());
  writeIfOther(join(root, 'docs/reference/rules-pack.md'), rulePackReference());
}

if (process.argv[1] !== undefined && /(^|\/)gen\.m?[jt]s$/.test(process.argv[1])) main();
