import type { Socket } from 'node:net';
import { proberWith, Servers } from './servers.ts';

const seed = Number(process.env.FUZZ_SEED ?? 20_261_122);
const ROUNDS = 400;
const PARTS = [
  'HTTP/1.1 200 OK\r\n',
  'HTTP/1.0 503 No\r\n',
  'HTTP/2 200\r\n',
  'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n',
  'HTTP/1.1 100 Continue\r\n\r\n',
  'HTTP/1.1 302 Found\r\nLocation: http://[::1\r\n',
  'Content-Length: 5\r\n',
  'Content-Length: -1\r\n',
  'Content-Length: 99999999999999999999\r\n',
  'Transfer-Encoding: chunked\r\n',
  'Location: //\r\n',
  'a'.repeat(20_000),
  '\r\n',
  '\n\n',
  '5\r\nhello\r\n0\r\n\r\n',
  'ffffffffffffffff\r\n',
  '\0\0\0',
  '\x16\x03\x03\x00\x05hello',
  '220 hello\r\n',
];

/** xorshift32: numbers in 0..2^32-1. */
function randomFrom(start: number): () => number {
  let state = start | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}

test(`servers that speak nonsense: every probe ends in time with a reason, and leaves no socket behind (seed ${seed})`, async () => {
  const random = randomFrom(seed);
  const servers = new Servers();
  const probe = proberWith();
  let script: (string | 'end' | 'reset')[] = [];
  const serve = (socket: Socket): void => {
    const say = (): void => {
      for (const part of script) {
        if (part === 'end') socket.end();
        else if (part === 'reset') socket.resetAndDestroy();
        else if (socket.writable) socket.write(part, 'latin1');
      }
    };
    if (random() % 2 === 0) say();
    else socket.once('data', say);
  };
  const port = await servers.tcp(serve);
  const open = (): number => process.getActiveResourcesInfo().filter((kind) => /TCPSocketWrap|TLSWrap/.test(kind)).length;
  const before = open();
  for (let round = 0; round < ROUNDS; round += 8) {
    script = Array.from({ length: random() % 6 }, () => PARTS[random() % PARTS.length]!);
    const last = random() % 4;
    if (last === 0) script.push('end');
    if (last === 1) script.push('reset');
    const outcomes = await Promise.all(
      Array.from({ length: 8 }, (_, i) => {
        if (i < 4) return probe('http', `http://127.0.0.1:${port}/`, { fail_if_body_matches_regexp: ['(?i)error'] }, 60);
        if (i < 6) return probe('http', `https://127.0.0.1:${port}/`, {}, 60);
        return probe('tcp', `127.0.0.1:${port}`, { tls: i === 6, query_response: [{ expect: '^220', send: 'QUIT' }] }, 60);
      }),
    );
    for (const { success, reason, samples } of outcomes) {
      expect(success).toBe(reason === '');
      expect(reason.length).toBeLessThan(400);
      expect(reason).toMatch(/^[^\p{Cc}]*$/u);
      expect(samples.every(({ value }) => Number.isFinite(value))).toBe(true);
    }
  }
  await servers.stop();
  for (let turn = 0; turn < 1_000 && open() > before; turn++) await new Promise((resolve) => setImmediate(resolve));
  expect(open()).toBeLessThanOrEqual(before);
}, 60_000);
