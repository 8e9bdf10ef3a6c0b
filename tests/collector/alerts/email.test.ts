import type { AddressInfo } from 'node:net';
import { Secret } from '@bellwether/shared/schema';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';
import { composeMail, createEmail, type EmailOptions } from '../../../collector/alerts/channels/email.ts';
import type { Notification } from '../../../collector/alerts/index.ts';

const NOTIFICATION: Notification = {
  groupKey: '{}:{alertname="DiskFull"}',
  receiver: 'ops',
  status: 'firing',
  groupLabels: { alertname: 'DiskFull' },
  commonLabels: { alertname: 'DiskFull', instance: 'web-1' },
  commonAnnotations: {},
  externalUrl: 'https://mon.example',
  reason: 'the group fires and nobody was told yet',
  timeMs: 1_700_000_000_000,
  thread: null,
  alerts: [
    {
      fingerprint: '00000000000000aa',
      status: 'firing',
      labels: { alertname: 'DiskFull', instance: 'web-1', mountpoint: '/<var>' },
      annotations: { summary: 'web-1: /<var> 97 % full', runbook: 'free some space' },
      startsMs: 1_700_000_000_000,
      endsMs: null,
      generatorUrl: 'javascript:alert(1)',
    },
  ],
};
const RESOLVED: Notification = {
  ...NOTIFICATION,
  status: 'resolved',
  timeMs: NOTIFICATION.timeMs + 60_000,
  alerts: [
    { ...NOTIFICATION.alerts[0]!, status: 'resolved', endsMs: NOTIFICATION.timeMs + 60_000, generatorUrl: 'https://mon.example/a?x="1"' },
  ],
};
const FROM = 'Bellwether <alerts@mon.example>';

test('a mail says what, where, since when and why; nothing in it is markup from outside', () => {
  const mail = composeMail(NOTIFICATION, { from: FROM, to: 'ops@example.org' });
  expect(mail.subject).toBe('[FIRING:1] DiskFull on web-1');
  expect(mail.text).toContain('web-1: /<var> 97 % full\n  runbook: free some space\n  since: 2023-11-14 22:13:20 UTC');
  expect(mail.text).toContain('Sent because the group fires and nobody was told yet.');
  expect(mail.html).toContain('web-1: /&lt;var&gt; 97 % full');
  expect(mail.html).not.toContain('<var>');
  expect(mail.html).not.toContain('javascript:');
  expect(mail.html).toContain('href="https://mon.example"');
  expect(mail.messageId).toMatch(/^<bw\.[0-9a-f]{16}\.1700000000000@mon\.example>$/);
  expect(mail.inReplyTo).toBeUndefined();
});

test('the end is a reply in the same thread', () => {
  const mail = composeMail({ ...RESOLVED, thread: '<root@x>' }, { from: FROM, to: 'ops@example.org' });
  expect(mail.subject).toBe('[RESOLVED:1] DiskFull on web-1');
  expect(mail).toMatchObject({ inReplyTo: '<root@x>', references: '<root@x>' });
  expect(mail.text).toContain('ended: 2023-11-14 22:14:20 UTC');
  expect(mail.html).toContain('href="https://mon.example/a?x=&quot;1&quot;"');
});

test('a label cannot break out of the subject', () => {
  const nasty = { ...NOTIFICATION, commonLabels: { alertname: 'A\r\nBcc: all@example.org' } };
  expect(composeMail(nasty, { from: FROM, to: 'x@y' }).subject).not.toMatch(/[\r\n]/);
});

interface Taken {
  mail: string;
  to: string[];
  user: string | undefined;
  secure: boolean;
}
let server: SMTPServer | undefined;
let taken: Taken[];

async function listen(options: SMTPServerOptions = {}): Promise<EmailOptions> {
  server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    logger: false,
    closeTimeout: 100,
    onAuth: ({ username, password }, _, done) =>
      password === 'right' ? done(null, { user: username }) : done(new Error('wrong password for right')),
    onData: (stream, session, done) => {
      let mail = '';
      stream.on('data', (chunk: Buffer) => {
        mail += chunk.toString();
      });
      stream.on('end', () => {
        taken.push({ mail, to: session.envelope.rcptTo.map(({ address }) => address), user: session.user, secure: session.secure });
        done(null, 'queued as 42');
      });
    },
    ...options,
  });
  server.on('error', () => {}); // a client that gives up in the middle of TLS is a case below
  await new Promise<void>((resolve) => server!.listen(0, '127.0.0.1', resolve));
  const { port } = server.server.address() as AddressInfo;
  return {
    to: 'ops@example.org, chief@example.org',
    from: FROM,
    host: '127.0.0.1',
    port,
    encryption: 'none',
    verifyCertificate: true,
    timeoutMs: 5_000,
    sendResolved: true,
  };
}

beforeEach(() => {
  taken = [];
});
afterEach(async () => {
  const closing = server;
  server = undefined;
  await new Promise<void>((resolve) => (closing === undefined ? resolve() : closing.close(() => resolve())));
});

const NEVER = new AbortController().signal;

test('delivers text and HTML to every address, and hands back the thread', async () => {
  const email = createEmail(await listen());
  const first = await email.send(NOTIFICATION, NEVER);
  const { messageId } = composeMail(NOTIFICATION, { from: FROM, to: '' });
  expect(first).toMatchObject({ outcome: 'delivered', thread: messageId, detail: expect.stringContaining('queued as 42') });
  await email.send({ ...RESOLVED, thread: messageId }, NEVER);
  expect(taken[0]!.to).toEqual(['ops@example.org', 'chief@example.org']);
  expect(taken[0]!.mail).toContain(`Message-ID: ${messageId}`);
  expect(taken[0]!.mail).toContain('text/plain');
  expect(taken[0]!.mail).toContain('text/html');
  expect(taken[1]!.mail).toContain(`In-Reply-To: ${messageId}`);
  expect(taken[1]!.mail).toContain('Subject: [RESOLVED:1] DiskFull on web-1');
});

test('signs in; a wrong password is final and is not shown', async () => {
  const options = await listen();
  expect(await createEmail({ ...options, username: 'me', password: new Secret('right') }).send(NOTIFICATION, NEVER)).toMatchObject({
    outcome: 'delivered',
  });
  expect(taken[0]!.user).toBe('me');
  const wrong = await createEmail({ ...options, username: 'me', password: new Secret('hunter22') }).send(NOTIFICATION, NEVER);
  expect(wrong).toMatchObject({ outcome: 'failed', retry: false });
  expect(wrong.detail).toContain('EAUTH');
  expect(wrong.detail).not.toContain('hunter22');
});

test('starttls insists, and checks the certificate unless told otherwise', async () => {
  const options = await listen({ disabledCommands: [] });
  const insisting = { ...options, encryption: 'starttls' as const };
  expect(await createEmail(insisting).send(NOTIFICATION, NEVER)).toMatchObject({ outcome: 'failed', retry: true });
  expect(await createEmail({ ...insisting, verifyCertificate: false }).send(NOTIFICATION, NEVER)).toMatchObject({ outcome: 'delivered' });
  expect(taken.map(({ secure }) => secure)).toEqual([true]);
});

test('starttls against a server without it fails instead of sending in the clear', async () => {
  const options = await listen();
  expect(await createEmail({ ...options, encryption: 'starttls' }).send(NOTIFICATION, NEVER)).toMatchObject({ outcome: 'failed' });
  expect(taken).toEqual([]);
});

test.each([
  [451, true],
  [550, false],
])('a refusal with %i: retry %p', async (responseCode, retry) => {
  const options = await listen({ onRcptTo: (_, __, done) => done(Object.assign(new Error('not now'), { responseCode })) });
  const result = await createEmail(options).send(NOTIFICATION, NEVER);
  expect(result).toMatchObject({ outcome: 'failed', retry, detail: expect.stringContaining('not now') });
});

test('a closed port is worth another try', async () => {
  const options = await listen();
  await new Promise<void>((resolve) => server!.close(() => resolve()));
  server = undefined;
  expect(await createEmail(options).send(NOTIFICATION, NEVER)).toMatchObject({
    outcome: 'failed',
    retry: true,
    detail: expect.stringContaining('ECONNREFUSED'),
  });
});
