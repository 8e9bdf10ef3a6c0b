import { execFileSync } from 'node:child_process';
import { chmodSync, renameSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { SteppedClock, silentLog } from '@bellwether/shared';
import { runOnce } from '../../../agent/cli/once.ts';
import { createCollector } from '../../../agent/inputs/collect.ts';
import { parseExposition } from '../../../agent/inputs/exposition.ts';
import textfile, { assemble } from '../../../agent/inputs/textfile.ts';
import { rowOf, TempTree } from './support.ts';

let tree: TempTree;
beforeEach(() => {
  tree = new TempTree();
});
afterEach(() => tree.cleanUp());

function reader(baseLabels: Record<string, string> = {}, folders = ['a', 'b']) {
  const collector = createCollector({
    paths: tree.paths,
    baseLabels,
    clock: new SteppedClock(0),
    log: silentLog,
    definitions: [textfile],
    inputs: { textfile: { options: { directories: folders.map((folder) => join(tree.root, folder)) } } },
  });
  let timeMs = 0;
  return async () => {
    timeMs += 10_000;
    const { readings } = await collector.collect(timeMs);
    const row = rowOf(readings.find(({ group }) => group === 'textfile'));
    return Object.fromEntries(Object.entries(row).map(([name, value]) => [name.replaceAll(`${tree.root}/`, ''), value]));
  };
}

/** Writes as programs should: into another file that is then renamed. */
function put(path: string, text: string, seconds = 1_700_000_000): void {
  tree.write(`${path}.new`, text);
  utimesSync(join(tree.root, `${path}.new`), seconds, seconds);
  renameSync(join(tree.root, `${path}.new`), join(tree.root, path));
}

test('without folders only says that nothing went wrong', async () => {
  expect(await reader({}, [])()).toEqual({ node_textfile_scrape_error: 0 });
});

test('files come, change and go', async () => {
  put('a/one.prom', 'x{k="v"} 1\n');
  put('b/two.prom', '# TYPE y counter\ny 2\n', 1_600_000_000.5);
  put('a/not-for-us.txt', 'z 1\n');
  const read = reader();
  expect(await read()).toEqual({
    'x{k=v}': 1,
    y: 2,
    'node_textfile_mtime_seconds{file=a/one.prom}': 1_700_000_000,
    'node_textfile_mtime_seconds{file=b/two.prom}': 1_600_000_000.5,
    node_textfile_scrape_error: 0,
  });
  put('a/one.prom', 'x{k="v"} 5\n', 1_700_000_060);
  tree.remove('b/two.prom');
  expect(await read()).toEqual({
    'x{k=v}': 5,
    'node_textfile_mtime_seconds{file=a/one.prom}': 1_700_000_060,
    node_textfile_scrape_error: 0,
  });
});

test.each([
  ['half a line', 'x 1', 'middle of a line'],
  ['times of its own', 'x 1 1234\n', 'times of its own'],
  ['a series twice', 'x{a="1",b="2"} 1\nx{b="2",a="1"} 1\n', 'twice'],
  ['a series of another file', 'good 2\n', 'another file'],
  ['not UTF-8', Uint8Array.from([0x78, 0x20, 0xff, 0x0a]), 'not valid'],
  ['too large', '#'.repeat(1_100_000), 'larger'],
  ['a value no wire takes', `x{a="${'é'.repeat(4000)}"} 1\n`, 'longer'],
])('a file with %s is left out whole, the others stay', async (_, content, reason) => {
  put('a/good.prom', 'good 1\n');
  tree.write('b/bad.prom', content);
  const { good, node_textfile_scrape_error: error, ...rest } = await reader()();
  expect([good, error]).toEqual([1, 1]);
  const [about] = Object.keys(rest).filter((name) => name.startsWith('node_textfile_error_info'));
  expect(about).toContain('b/bad.prom');
  expect(about).toContain(reason);
});

test('a pipe is not waited for', async () => {
  put('a/good.prom', 'good 1\n');
  execFileSync('mkfifo', [join(tree.root, 'a/pipe.prom')]);
  expect(await reader({}, ['a'])()).toMatchObject({
    good: 1,
    'node_textfile_error_info{error=not a file,file=a/pipe.prom}': 1,
    node_textfile_scrape_error: 1,
  });
});

test('a folder that is not there is an error', async () => {
  put('a/good.prom', 'good 1\n');
  expect(await reader({}, ['a', 'nowhere'])()).toMatchObject({ good: 1, node_textfile_scrape_error: 1 });
});

test('a file that may not be read is an error', async () => {
  put('a/good.prom', 'good 1\n');
  put('b/secret.prom', 'x 1\n');
  chmodSync(join(tree.root, 'b/secret.prom'), 0);
  const row = await reader()();
  expect(row.node_textfile_scrape_error).toBe(process.getuid?.() === 0 ? 0 : 1);
});

test('labels that the agent sets itself are renamed', async () => {
  put('a/one.prom', 'x{job="mine",exported_job="theirs",site="a"} 1\n');
  expect(await reader({ job: 'node', instance: 'h', site: 'b' }, ['a'])()).toMatchObject({
    'x{exported_exported_job=mine,exported_job=theirs,exported_site=a,instance=h,job=node,site=b}': 1,
  });
});

test('histograms and summaries are printed as they were written', async () => {
  const text = `# HELP h Time.
# TYPE h histogram
h_bucket{le="+Inf"} 2
h_count 2
h_sum 3
# HELP s Size.
# TYPE s summary
s{quantile="0.5"} 1
s_count 4
s_sum 9
`;
  put('a/one.prom', text);
  const printed = await runOnce({ paths: tree.paths, inputs: { textfile: { options: { directories: [join(tree.root, 'a')] } } } });
  const ours = printed.split('\n').filter((line) => /^(# \w+ )?[hs](_\w+)?(\{.*\})? /.test(line));
  expect(ours.sort()).toEqual(text.trimEnd().split('\n').sort());
  expect(parseExposition(printed).length).toBeGreaterThan(2);
});

test('series beyond the bound leave out the files that bring them', () => {
  const file = (path: string, count: number) => ({
    path,
    mtimeMs: 1000,
    families: [
      {
        name: path,
        type: 'gauge' as const,
        help: '',
        samples: Array.from({ length: count }, (_, i) => ({ name: path, labels: { i: String(i) }, value: i })),
      },
    ],
  });
  const cells = assemble([file('a', 6_000), file('b', 6_000), file('c', 4_000)], []);
  expect(cells.filter(([{ name }]) => name === 'a').length).toBe(6_000);
  expect(cells.some(([{ name }]) => name === 'b')).toBe(false);
  expect(cells.filter(([{ name }]) => name === 'c').length).toBe(4_000);
  expect(cells.at(-1)).toMatchObject([{ name: 'node_textfile_scrape_error' }, 1]);
});
