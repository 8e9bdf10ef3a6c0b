import { once } from 'node:events';
import { createServer } from 'node:net';
import { SteppedClock } from '@bellwether/shared';
import { reach } from '../../../collector/uptime/index.ts';

const clock = new SteppedClock();

async function listening(): Promise<{ port: number; close: () => Promise<void> }> {
  const server = createServer((socket) => socket.destroy());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new TypeError('no port');
  return { port: address.port, close: () => new Promise((resolve) => server.close(() => resolve())) };
}

test('a port that is open or refused is an answer', async () => {
  const { port, close } = await listening();
  const path = { remote: '127.0.0.1', local: '127.0.0.1' };
  expect(await reach(path, clock, port)).toEqual({ from: 'the collector', answered: true, detail: `127.0.0.1 port ${port} is open` });
  await close();
  expect(await reach(path, clock, port)).toMatchObject({ answered: true, detail: `127.0.0.1 port ${port} refused` });
});

test('another way out than before is none, and nothing is sent', async () => {
  const { port, close } = await listening();
  expect(await reach({ remote: '127.0.0.1', local: '10.9.8.7' }, clock, port)).toMatchObject({
    answered: false,
    detail: `127.0.0.1 port ${port}: no route`,
  });
  await close();
});

test('what is not an address is not tried', async () => {
  expect(await reach({ remote: 'web-1', local: '' }, clock)).toMatchObject({ answered: false });
});
