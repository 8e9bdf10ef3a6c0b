import type { Command } from 'commander';
import { type ConfigFlags, configured, loadGiven, type Terminal } from './context.ts';
import { createClient } from './http-client.ts';
import { table, timeText } from './table.ts';

type Point = [number, string];

/** What /api/v1/query answers. */
export interface QueryAnswer {
  readonly data:
    | { readonly resultType: 'vector'; readonly result: readonly { metric: Record<string, string>; value: Point }[] }
    | { readonly resultType: 'matrix'; readonly result: readonly { metric: Record<string, string>; values: Point[] }[] }
    | { readonly resultType: 'scalar' | 'string'; readonly result: Point };
  readonly warnings?: readonly string[];
  readonly infos?: readonly string[];
}

export function queryCommand(program: Command, terminal: Terminal): void {
  configured(program.command('query').description('ask a running collector in PromQL').argument('<expression>'))
    .option('--url <url>', 'collector to ask (default: the local one)')
    .option('--token <token>', "API token (default: BELLWETHER_TOKEN, then the data directory's)")
    .option('--time <time>', 'RFC 3339 or seconds since the epoch (default: now)')
    .option('--json', 'print the answer as it came')
    .action(async (expression: string, flags: ConfigFlags & { url?: string; token?: string; time?: string; json?: boolean }) => {
      const { config } = await loadGiven(flags, terminal);
      const client = await createClient({ config, env: terminal.env, url: flags.url, token: flags.token });
      const parameters = new URLSearchParams({ query: expression, ...(flags.time === undefined ? {} : { time: flags.time }) });
      const answer = await client.call<QueryAnswer>('GET', `/api/v1/query?${parameters}`);
      for (const note of [...(answer.warnings ?? []), ...(answer.infos ?? [])]) terminal.writeError(`${note}\n`);
      terminal.write(flags.json === true ? `${JSON.stringify(answer)}\n` : answerText(answer));
    });
}

/** The answer as a table: one row a series (or a sample, for ranges), its name and the labels that not all share. */
export function answerText({ data }: QueryAnswer): string {
  if (data.resultType === 'vector') {
    if (data.result.length === 0) return 'no data\n';
    return seriesTable(
      data.result.map(({ metric, value }) => ({ metric, cells: [value[1]] })),
      ['VALUE'],
    );
  }
  if (data.resultType === 'matrix') {
    if (data.result.length === 0) return 'no data\n';
    const rows = data.result.flatMap(({ metric, values }) =>
      values.map(([time, value]) => ({ metric, cells: [timeText(time * 1_000), value] })),
    );
    return seriesTable(rows, ['TIME', 'VALUE']);
  }
  return `${data.result[1]}\n`;
}

function seriesTable(rows: readonly { metric: Record<string, string>; cells: string[] }[], headings: readonly string[]): string {
  const names = [...new Set(rows.flatMap(({ metric }) => Object.keys(metric)))].sort((a, b) =>
    a === '__name__' ? -1 : b === '__name__' ? 1 : a < b ? -1 : 1,
  );
  const title = (name: string): string => (name === '__name__' ? 'METRIC' : name);
  return table(
    [...names.map(title), ...headings],
    rows.map(({ metric, cells }) => [...names.map((name) => metric[name] ?? ''), ...cells]),
  );
}
