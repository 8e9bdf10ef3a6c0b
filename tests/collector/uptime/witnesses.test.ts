import { SteppedClock, silentLog } from '@bellwether/shared';
import { createWitnesses } from '../../../collector/uptime/index.ts';
import { netOf } from '../../../collector/uptime/witnesses.ts';

test.each([
  ['10.1.2.3', '10.1.2'],
  ['2001:db8:1:2:a:b:c:d', '2001:db8:1:2'],
  ['2001:db8::1', undefined],
  ['fe80::1', undefined],
  ['127.0.0.1', undefined],
  ['::1', undefined],
  ['', undefined],
])('the net of %j is %s', (address, net) => expect(netOf(address)).toBe(net));

test('only neighbours that saw a host up are asked whether it still is', async () => {
  const clock = new SteppedClock();
  /** `agent address` of what is reached, and of agents that say nothing. */
  const reached = new Set<string>();
  const mute = new Set<string>();
  const tried: string[] = [];
  const witnesses = createWitnesses({
    clock,
    log: silentLog,
    probe: async (agentId, address) => {
      tried.push(`${agentId} ${address}`);
      return mute.has(agentId) ? undefined : { answered: reached.has(`${agentId} ${address}`), detail: 'port 22' };
    },
  });
  reached.add('b 10.0.0.1').add('c 10.0.0.1').add('far 10.0.0.1');
  witnesses.learn('b', 'web-b', '10.0.0.2');
  witnesses.learn('c', 'web-c', '10.0.0.3');
  witnesses.learn('blind', 'web-blind', '10.0.0.4');
  witnesses.learn('far', 'web-far', '10.9.0.5');
  await clock.advance(20_000);
  tried.length = 0;
  witnesses.learn('a', 'web-a', '10.0.0.1');
  expect(await witnesses.ask('a', '10.0.0.1')).toEqual([]); // nobody has seen it up yet
  await clock.advance(20_000);
  expect(tried).toEqual(['b 10.0.0.1', 'c 10.0.0.1']);

  reached.clear();
  reached.add('c 10.0.0.1');
  expect(await witnesses.ask('a', '10.0.0.1')).toEqual([
    { from: 'web-b', answered: false, detail: 'port 22' },
    { from: 'web-c', answered: true, detail: 'port 22' },
  ]);
  mute.add('b');
  expect(await witnesses.ask('a', '10.0.0.1')).toHaveLength(1);
  expect(await witnesses.ask('a', '10.0.0.9')).toEqual([]); // another address than it was seen at
  expect(await witnesses.ask('unheard-of', '10.0.0.1')).toEqual([]);
  await witnesses.stop();
});
