import type { Socket } from 'node:net';
import { createSecureContext, TLSSocket } from 'node:tls';
import { hostAndPort } from '../../../agent/probes/tcp.ts';
import { pem, SERVER_KEY } from './certificates.ts';
import { proberWith, Servers, valuesOf } from './servers.ts';

const servers = new Servers();
const probe = proberWith();
afterAll(() => servers.stop());

/** Answers lines by a table; what is not in it gets `?`. */
function speaker(greeting: string, answers: Record<string, string>): (socket: Socket) => void {
  return (socket) => {
    socket.write(greeting);
    socket.on('data', (chunk) => {
      for (const line of chunk.toString().split('\n').slice(0, -1)) socket.write(answers[line] ?? '?\n');
    });
  };
}

test('an open port, a closed one, a silent host', async () => {
  const port = await servers.tcp(() => {});
  const outcome = await probe('tcp', `127.0.0.1:${port}`);
  expect(outcome).toMatchObject({ success: true, reason: '' });
  expect(Object.keys(valuesOf(outcome)).sort()).toEqual([
    'probe_dns_lookup_time_seconds',
    'probe_failed_due_to_regex',
    'probe_ip_addr_hash',
    'probe_ip_protocol',
  ]);
  expect((await probe('tcp', `127.0.0.1:${await servers.closedPort()}`)).reason).toBe('connection refused');
});

const TALKS: [name: string, steps: object[], reason: string | RegExp][] = [
  ['a greeting', [{ expect: '^220 ' }], ''],
  ['a greeting after other lines', [{ expect: 'ready$' }], ''],
  ['groups of what was said', [{ expect: '^220 (\\S+) (\\S+)', send: 'HELO $2 ${1}' }, { expect: '^250 done' }], ''],
  ['another greeting', [{ expect: '^SSH-' }, {}], /^connected, but no answer in 300 ms$/],
  ['an answer that does not come', [{ send: 'nonsense' }, { expect: '^250' }], 'connected, but no answer in 300 ms'],
  [
    'the end of the conversation',
    [{ send: 'QUIT' }, { expect: '^250' }],
    'connection closed before a line matched /^250/: the last line was "221 bye"',
  ],
];

test.each(TALKS)('a conversation: %s', async (_name, steps, reason) => {
  const talk = speaker('# hello\r\n220 mail ready\r\n', { 'HELO ready mail': '250 done\r\n' });
  const port = await servers.tcp((socket) => {
    talk(socket);
    socket.on('data', (chunk) => chunk.toString() === 'QUIT\n' && socket.end('221 bye\r\n'));
  });
  const outcome = await probe('tcp', `127.0.0.1:${port}`, { query_response: steps }, 300);
  expect(outcome.reason).toMatch(reason === '' ? /^$/ : reason);
  expect(outcome.success).toBe(reason === '');
  expect(valuesOf(outcome).probe_failed_due_to_regex).toBe(reason === '' ? 0 : 1);
});

test('a line without end', async () => {
  const port = await servers.tcp((socket) => socket.write('x'.repeat(200_000)));
  const { reason } = await probe('tcp', `127.0.0.1:${port}`, { query_response: [{ expect: 'y' }] });
  expect(reason).toBe('server says more than a conversation in lines should hold');
});

test('TLS from the start, and in the middle', async () => {
  const tls = await servers.tls('good', (socket) => socket.write('hello\n'));
  const options = { tls: true, tls_config: { ca: pem('ca') }, query_response: [{ expect: '^hello$' }] };
  const outcome = await probe('tcp', `localhost:${tls}`, options);
  expect(outcome.reason).toBe('');
  expect(valuesOf(outcome)['probe_tls_version_info{version="TLS 1.3"}']).toBe(1);
  expect((await probe('tcp', `localhost:${tls}`, { tls: true })).reason).toMatch(/^TLS certificate cannot be verified/);

  const mail = await servers.tcp((socket) => {
    socket.write('220 mail\n');
    socket.once('data', () => {
      socket.write('220 go ahead\n');
      const secure = new TLSSocket(socket, {
        isServer: true,
        secureContext: createSecureContext({ key: SERVER_KEY, cert: pem('expired') }),
      });
      secure.on('error', () => {});
      secure.on('data', () => secure.write('250 secret\n'));
    });
  });
  const steps = [
    { expect: '^220' },
    { send: 'STARTTLS' },
    { expect: '^220' },
    { starttls: true },
    { send: 'EHLO a' },
    { expect: '^250 secret' },
  ];
  const started = await probe('tcp', `localhost:${mail}`, { query_response: steps, tls_config: { insecure_skip_verify: true } });
  expect(started.reason).toBe('');
  expect(valuesOf(started).probe_ssl_earliest_cert_expiry).toBe(Date.UTC(2021, 0, 1) / 1_000);
});

test('targets', () => {
  expect(hostAndPort('[::1]:22')).toEqual({ host: '::1', port: 22 });
  expect(hostAndPort('db.example:5432')).toEqual({ host: 'db.example', port: 5432 });
  for (const bad of ['a', 'a:', 'a:99999', '::1:22', '[a]:22', ':22']) expect(() => hostAndPort(bad)).toThrow(/is not host:port/);
});
