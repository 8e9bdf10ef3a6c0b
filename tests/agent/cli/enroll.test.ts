import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { enroll } from '../../../agent/cli/enroll.ts';
import { readIdentity } from '../../../agent/identity.ts';
import { AGENT_VERSION } from '../../../agent/version.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'bellwether-enroll-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

/** Enrols against a server that answers like this; gives back what it was sent. */
async function enrollAgainst(status: number, body: string, dataDir = join(dir, 'agent')) {
  const seen: unknown[] = [];
  const server = createServer((request, response) => {
    let text = '';
    request.on('data', (chunk) => {
      text += chunk;
    });
    request.on('end', () => {
      seen.push([request.method, request.url, JSON.parse(text)]);
      response.writeHead(status, { 'content-type': 'application/json' }).end(body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  try {
    return { identity: await enroll({ url: `${url}/`, token: 'join', dataDir, version: '9', hostname: 'web-1' }), seen, url };
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

const GOOD = JSON.stringify({ agentId: 'a1', key: 'secret', hostname: 'web-1-2' });

test('a join token becomes an identity that only its owner reads', async () => {
  const { identity, seen, url } = await enrollAgainst(200, GOOD);
  expect(identity).toEqual({ agentId: 'a1', key: 'secret', hostname: 'web-1-2', url });
  expect(seen).toEqual([
    [
      'POST',
      '/api/bellwether/enroll',
      { token: 'join', hostname: 'web-1', os: expect.any(String), arch: expect.any(String), agentVersion: '9' },
    ],
  ]);
  expect(await readIdentity(join(dir, 'agent'))).toEqual(identity);
  expect((await stat(join(dir, 'agent/identity.json'))).mode & 0o777).toBe(0o600);
});

test.each([
  [
    401,
    '{"error":{"code":"UNAUTHENTICATED","message":"Token used up."}}',
    'UNAUTHENTICATED',
    /refused the join token: .*: Token used up\.$/,
  ],
  [500, 'oops', 'BAD_REQUEST', /answered with status 500\.$/],
  [200, '<html>', 'BAD_REQUEST', /is not a Bellwether collector/],
  [200, '{"agentId":7}', 'BAD_REQUEST', /is not a Bellwether collector/],
])('%i %s', async (status, body, code, message) => {
  await expect(enrollAgainst(status, body)).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
});

test('nobody there', async () => {
  await expect(enroll({ url: 'http://127.0.0.1:1', token: 't', dataDir: dir, version: '1' })).rejects.toThrow(
    /No collector answers at .*ECONNREFUSED|bad port/,
  );
});

test('a folder that cannot be written', async () => {
  await writeFile(join(dir, 'file'), '');
  await expect(enrollAgainst(200, GOOD, join(dir, 'file'))).rejects.toMatchObject({ code: 'DATA_DIR_UNUSABLE' });
});

test.each([
  ['missing', undefined, /identity\.json is missing or not JSON; enrol this host with `bellwether-agent enroll/],
  ['broken', '{', /is missing or not JSON/],
  ['short of a key', '{"agentId":"a","hostname":"h"}', /lacks agentId, key or hostname/],
])('an identity that is %s says how to get one', async (_name, text, message) => {
  if (text !== undefined) await writeFile(join(dir, 'identity.json'), text);
  await expect(readIdentity(dir)).rejects.toThrow(message);
});

test('the version is that of the release', async () => {
  const { version } = JSON.parse(await readFile(new URL('../../../package.json', import.meta.url), 'utf8'));
  expect(AGENT_VERSION).toBe(version);
});
