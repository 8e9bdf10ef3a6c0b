import type { Log } from '@bellwether/shared';
import type { Assignments } from '@bellwether/shared/assignments';
import { WIRE_LIMITS } from '@bellwether/shared/wire';
import { createAssigner } from '../../collector/assignments.ts';

const NONE: Assignments = { checks: [], devices: [] };
const check = (id: string, size = 0): Assignments['checks'][number] => ({
  id,
  name: id,
  probe: 'tcp',
  target: 'a:1',
  intervalMs: 1,
  timeoutMs: 1,
  attempts: 1,
  options: { padding: 'x'.repeat(size) },
  labels: {},
});

function assigner(of: Record<string, Assignments>) {
  const sent: string[] = [];
  const sizes: number[] = [];
  const errors: object[] = [];
  const log: Log = { debug() {}, info() {}, warn() {}, error: (fields) => void errors.push(fields) };
  const made = createAssigner({
    log,
    assignmentsOf: (agentId) => of[agentId] ?? NONE,
    send: (agentId, version, json) => {
      const { checks } = JSON.parse(json) as Assignments;
      sent.push(
        `${agentId} ${version} ${checks
          .map(({ id }) => id)
          .slice(0, 3)
          .join()}`,
      );
      sizes.push(Buffer.byteLength(json));
    },
  });
  return { made, sent, sizes, errors };
}

test('an agent is told everything when it comes, also nothing, and afterwards what changed', () => {
  const of: Record<string, Assignments> = {};
  const { made, sent } = assigner(of);
  made.changed(['a']);
  made.welcomed('old', ['live']);
  made.changed(['old']);
  made.welcomed('a', ['checks']);
  made.changed(['a']);
  of.a = { ...NONE, checks: [check('c')] };
  made.changed(['a', 'b']);
  made.changed(['a']);
  made.gone('a');
  made.changed(['a']);
  made.welcomed('a', ['checks']);
  expect(sent).toEqual(['a 1 ', 'a 2 c', 'a 3 c']);
});

test('more than one message holds is cut, and said', () => {
  const many = Array.from({ length: 30 }, (_, i) => check(`c${i}`, 100_000));
  const { made, sent, sizes, errors } = assigner({ a: { ...NONE, checks: many } });
  made.welcomed('a', ['checks']);
  expect(sent).toEqual(['a 1 c0,c1,c2']);
  expect(sizes[0]).toBeLessThanOrEqual(WIRE_LIMITS.assignmentsBytes);
  expect(errors).toEqual([{ agent: 'a', checks: 30, sent: 7 }]);
});
