import type { RequestListener } from 'node:http';
import type { Socket } from 'node:net';
import { pem, pemPath } from './certificates.ts';
import { proberWith, Servers, valuesOf } from './servers.ts';

const servers = new Servers();
const probe = proberWith();
const SHORT_MS = 250;
const TRUSTED = { tls_config: { ca: pem('ca') } };

afterAll(() => servers.stop());

const answer =
  (status: number, body = '', headers: Record<string, string> = {}): RequestListener =>
  (_request, response) =>
    response.writeHead(status, headers).end(body);

test('a good answer: every series blackbox_exporter has', async () => {
  const port = await servers.http(answer(200, 'hello', { 'Content-Length': '5', 'Last-Modified': 'Wed, 01 Jan 2025 00:00:00 GMT' }));
  const outcome = await probe('http', `http://127.0.0.1:${port}/`);
  expect(outcome).toMatchObject({ success: true, reason: '' });
  const values = valuesOf(outcome);
  expect(Object.keys(values).sort()).toEqual([
    'probe_dns_lookup_time_seconds',
    'probe_failed_due_to_regex',
    'probe_http_content_length',
    'probe_http_duration_seconds{phase="connect"}',
    'probe_http_duration_seconds{phase="processing"}',
    'probe_http_duration_seconds{phase="resolve"}',
    'probe_http_duration_seconds{phase="tls"}',
    'probe_http_duration_seconds{phase="transfer"}',
    'probe_http_last_modified_timestamp_seconds',
    'probe_http_redirects',
    'probe_http_ssl',
    'probe_http_status_code',
    'probe_http_uncompressed_body_length',
    'probe_http_version',
    'probe_ip_addr_hash',
    'probe_ip_protocol',
  ]);
  expect(values).toMatchObject({
    probe_http_content_length: 5,
    probe_http_last_modified_timestamp_seconds: 1_735_689_600,
    probe_http_redirects: 0,
    probe_http_ssl: 0,
    probe_http_status_code: 200,
    probe_http_uncompressed_body_length: 5,
    probe_http_version: 1.1,
    probe_ip_addr_hash: 3_668_918_509,
    probe_ip_protocol: 4,
  });
  const phases = Object.entries(values).filter(([name]) => name.startsWith('probe_http_duration'));
  const sum = phases.reduce((total, [, value]) => total + value, 0);
  expect(sum).toBeLessThanOrEqual(outcome.durationMs / 1_000);
});

const SPEAKS: [name: string, reason: string | RegExp, serve: (socket: Socket) => void][] = [
  ['says nothing', 'connected, but no answer in 250 ms', () => {}],
  ['hangs up', 'connection closed without an answer', (socket) => socket.once('data', () => socket.end())],
  ['resets', 'connection reset', (socket) => socket.once('data', () => socket.resetAndDestroy())],
  ['speaks another protocol', 'answer is not HTTP', (socket) => socket.end('220 mail.example ESMTP\r\n')],
  [
    'says a line a second',
    'connected, but no answer in 250 ms',
    (socket) => socket.once('data', () => socket.write('HTTP/1.1 200 OK\r\nA: ')),
  ],
  [
    'stops within the body',
    'answer not finished in 250 ms',
    (socket) => socket.once('data', () => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc')),
  ],
  [
    'promises more than it sends',
    'connection closed after 3 of 9 bytes of the body',
    (socket) => socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc')),
  ],
  [
    'breaks off a chunk',
    'connection closed after 3 bytes of the body',
    (socket) => socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc')),
  ],
  [
    'resets within the body',
    /^connection (closed after \d of 9 bytes of the body|reset)$/,
    (socket) => socket.once('data', () => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc', () => socket.resetAndDestroy())),
  ],
  [
    'sends headers without end',
    'HTTP headers are longer than 16 KB',
    (socket) => socket.write(`HTTP/1.1 200 OK\r\n${'a: b\r\n'.repeat(9_000)}`),
  ],
];

test.each(SPEAKS)('a server that %s', async (_name, reason, serve) => {
  const port = await servers.tcp(serve);
  const outcome = await probe('http', `http://127.0.0.1:${port}/`, {}, SHORT_MS);
  expect(outcome.success).toBe(false);
  expect(outcome.reason).toMatch(reason);
});

test('a body without end meets its limit, or the timeout', async () => {
  const port = await servers.http((_request, response) => {
    const more = (): void => {
      while (!response.destroyed && response.write('x'.repeat(65_536)));
    };
    response.on('drain', more);
    more();
  });
  const limited = await probe('http', `http://127.0.0.1:${port}/`, { body_size_limit: 100_000 });
  expect(limited.reason).toBe('body is longer than 100000 bytes');
  const unlimited = await probe('http', `http://127.0.0.1:${port}/`);
  expect(unlimited.reason).toMatch(/^body is longer than 16777216 bytes|answer not finished in 2 s$/);
});

test('a length that is too short changes nothing', async () => {
  const port = await servers.tcp((socket) => socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcdef')));
  const outcome = await probe('http', `http://127.0.0.1:${port}/`);
  expect([outcome.reason, valuesOf(outcome).probe_http_uncompressed_body_length]).toEqual(['', 3]);
});

test('nothing listens, no such name, no route', async () => {
  const port = await servers.closedPort();
  expect(await probe('http', `http://127.0.0.1:${port}/`)).toMatchObject({ success: false, reason: 'connection refused' });
  const unknown = proberWith({
    resolver: new (await import('../../../agent/probes/resolver.ts')).Resolver(() =>
      Promise.reject(Object.assign(new Error('getaddrinfo ENOTFOUND'), { code: 'ENOTFOUND' })),
    ),
  });
  const outcome = await unknown('http', 'http://nowhere.invalid/');
  expect(outcome.reason).toBe('name not found: nowhere.invalid');
  expect(valuesOf(outcome)).toMatchObject({ probe_ip_protocol: 0, probe_ip_addr_hash: 0, probe_http_status_code: 0 });
});

test('a name server that does not answer', async () => {
  const { Resolver } = await import('../../../agent/probes/resolver.ts');
  const dead = proberWith({ resolver: new Resolver(() => new Promise(() => {})) });
  expect((await dead('http', 'http://a.example/', {}, SHORT_MS)).reason).toBe('name lookup: no answer in 250 ms');
});

const CERTIFICATES: [certificate: string, options: object, reason: string | RegExp][] = [
  ['good', TRUSTED, /^$/],
  ['good', { tls_config: { ca_file: pemPath('ca.pem') } }, /^$/],
  ['good', {}, 'TLS certificate cannot be verified: an intermediate certificate or its authority is missing'],
  ['good', { tls_config: { insecure_skip_verify: true } }, /^$/],
  ['good', { tls_config: { ca_file: '/nowhere.pem' } }, /^tls_config cannot be used on the agent: ENOENT/],
  ['expired', TRUSTED, /^TLS certificate expired \d{4} days ago$/],
  ['future', TRUSTED, /^TLS certificate is valid only in \d+ days$/],
  ['other', TRUSTED, 'TLS certificate is for other.example, www.other.example, not for localhost'],
  ['other', { tls_config: { ca: pem('ca'), server_name: 'www.other.example' } }, /^$/],
  ['self-signed', TRUSTED, 'TLS certificate is self-signed'],
];

test.each(
  CERTIFICATES.map(
    ([certificate, options, reason]) =>
      [certificate, Object.keys({ ...options, ...Object(Object.values(options)[0]) }).join(), options, reason] as const,
  ),
)('certificate %s with %s', async (certificate, _what, options, reason) => {
  const port = await servers.https(certificate, answer(200, 'x'));
  const outcome = await probe('http', `https://localhost:${port}/`, options);
  expect(outcome.reason).toMatch(reason);
  expect(outcome.success).toBe(outcome.reason === '');
  const values = valuesOf(outcome);
  if (certificate === 'expired') expect(values.probe_ssl_earliest_cert_expiry).toBe(Date.UTC(2021, 0, 1) / 1_000);
  if (certificate === 'good' && outcome.success) {
    expect(values).toMatchObject({ probe_http_ssl: 1, 'probe_tls_version_info{version="TLS 1.3"}': 1 });
    expect(values['probe_http_duration_seconds{phase="tls"}']).toBeGreaterThan(0);
    const info = outcome.samples.find(({ name }) => name === 'probe_ssl_last_chain_info');
    expect(info?.labels).toMatchObject({
      subject: 'CN=localhost,O=Example\\, Inc,C=DE',
      issuer: 'CN=Test authority,O=Bellwether tests',
      subjectalternative: 'localhost',
    });
    expect(info?.labels?.fingerprint_sha256).toMatch(/^[0-9a-f]{64}$/);
  }
});

test('a handshake with what is no TLS, with silence, and with nothing in common', async () => {
  const plain = await servers.http(answer(200));
  expect((await probe('http', `https://localhost:${plain}/`)).reason).toBe('TLS handshake failed: the server does not speak TLS here');
  const silent = await servers.tcp(() => {});
  expect((await probe('http', `https://localhost:${silent}/`, {}, SHORT_MS)).reason).toBe('TLS handshake not finished in 250 ms');
  const closing = await servers.tcp((socket) => socket.once('data', () => socket.end()));
  expect((await probe('http', `https://localhost:${closing}/`)).reason).toMatch(/^TLS handshake failed|connection reset/);
  const old = await servers.https('good', answer(200), { maxVersion: 'TLSv1.2' });
  const options = { tls_config: { ca: pem('ca'), min_version: 'TLS13' } };
  expect((await probe('http', `https://localhost:${old}/`, options)).reason).toBe('TLS handshake failed: no TLS version in common');
});

const JUDGED: [status: number, options: object, reason: string][] = [
  [204, {}, ''],
  [503, {}, 'HTTP 503'],
  [404, { valid_status_codes: [404] }, ''],
  [200, { valid_status_codes: [404] }, 'HTTP 200'],
  [304, {}, 'HTTP 304'],
  [200, { valid_http_versions: ['HTTP/1.0'] }, 'answer is HTTP/1.1, not HTTP/1.0'],
  [200, { fail_if_not_ssl: true }, 'answer came without TLS (fail_if_not_ssl)'],
  [200, { fail_if_body_matches_regexp: ['fatal', '(?i)ERROR'] }, 'body matches /(?i)ERROR/'],
  [200, { fail_if_body_not_matches_regexp: ['^an error$'] }, ''],
  [200, { fail_if_body_not_matches_regexp: ['welcome'] }, 'body does not match /welcome/'],
];

test.each(JUDGED)('status %d with %j', async (status, options, reason) => {
  const port = await servers.http(answer(status, status === 200 ? 'an error' : ''));
  const outcome = await probe('http', `127.0.0.1:${port}`, options);
  expect(outcome.reason).toBe(reason);
  expect(valuesOf(outcome).probe_http_status_code).toBe(status);
  expect(valuesOf(outcome).probe_failed_due_to_regex).toBe(reason.startsWith('body') ? 1 : 0);
});

test('fail_if_ssl', async () => {
  const port = await servers.https('good', answer(200));
  expect((await probe('http', `https://localhost:${port}/`, { ...TRUSTED, fail_if_ssl: true })).reason).toBe(
    'answer came over TLS (fail_if_ssl)',
  );
});

test('a pattern that backtracks without end is ended', async () => {
  const port = await servers.http(answer(200, `${'a'.repeat(5_000)}!`));
  const { reason } = await probe('http', `http://127.0.0.1:${port}/`, { fail_if_body_matches_regexp: ['^(a+)+$'] });
  expect(reason).toBe('pattern /^(a+)+$/ takes more than 50 ms on this answer; write a simpler one');
});

test('redirects: followed with their rules, and not for ever', async () => {
  const seen: string[] = [];
  const other = await servers.http((request, response) => {
    seen.push(`${request.method} ${request.headers.authorization ?? 'nobody'}`);
    response.end('there');
  });
  const port = await servers.http((request, response) => {
    seen.push(`${request.method} ${request.url} ${request.headers.authorization ?? 'nobody'}`);
    if (request.url === '/loop') response.writeHead(302, { Location: '/loop' }).end();
    else if (request.url === '/away') response.writeHead(303, { Location: `http://localhost:${other}/` }).end();
    else if (request.url === '/mail') response.writeHead(301, { Location: 'mailto:a@b' }).end();
    else response.writeHead(307, { Location: '/away' }).end();
  });
  const url = `http://127.0.0.1:${port}`;
  const options = { method: 'POST', body: 'x', basic_auth: { username: 'u', password: 'p' } };
  const outcome = await probe('http', url, options);
  expect(outcome.reason).toBe('');
  expect(valuesOf(outcome)).toMatchObject({ probe_http_redirects: 2, probe_http_uncompressed_body_length: 5 });
  expect(seen).toEqual(['POST / Basic dTpw', 'POST /away Basic dTpw', 'GET nobody']);
  expect((await probe('http', `${url}/loop`)).reason).toBe('more than 10 redirects');
  expect((await probe('http', `${url}/mail`)).reason).toBe('redirect to what is not HTTP: mailto:');
  expect((await probe('http', `${url}/away`, { follow_redirects: false })).reason).toBe('HTTP 303');
});

test('headers, method, body and credentials arrive', async () => {
  let seen = '';
  const port = await servers.http((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { host, authorization } = request.headers;
      seen = [request.method, request.url, host, authorization, request.headers['x-a'], Buffer.concat(chunks).toString()].join(' ');
      response.end();
    });
  });
  const options = { method: 'PUT', headers: { 'X-A': 'ü', host: 'shop.example' }, body: 'grün', bearer_token: 't' };
  expect(
    (await probe('http', `http://127.0.0.1:${port}/a?b=c`, { ...options, headers: { 'X-A': 'b', host: 'shop.example' } })).reason,
  ).toBe('');
  expect(seen).toBe('PUT /a?b=c shop.example Bearer t b grün');
  expect((await probe('http', `http://127.0.0.1:${port}/`, { headers: { bad: 'a\nb' } })).reason).toMatch(/ERR_INVALID_CHAR/);
});

test('a target that is no address', async () => {
  expect((await probe('http', 'http://[::1')).reason).toBe('target is not an address: http://[::1');
});
