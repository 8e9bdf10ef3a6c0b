import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SMTPServer } from 'smtp-server';
import { startTestAgent, startTestCollector, temporaryDir } from '../support/bellwether.ts';
import { eventually } from '../support/process.ts';
import { canMountVolumes, mountVolume } from '../support/volume.ts';

const withVolumes = canMountVolumes() ? test : test.skip;

/** A real SMTP server that keeps what it is given. */
async function startMailSink(): Promise<{ port: number; mails: string[]; stop: () => Promise<void> }> {
  const mails: string[] = [];
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    onData(stream, _session, done) {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        mails.push(Buffer.concat(chunks).toString());
        done();
      });
    },
  });
  const listening = server.listen(0, '127.0.0.1');
  await once(listening, 'listening');
  const address = listening.address();
  if (address === null || typeof address === 'string') throw new TypeError('no port');
  return { port: address.port, mails, stop: () => new Promise((resolve) => server.close(() => resolve())) };
}

withVolumes(
  'a filling disk fires, the mail arrives, and freeing space resolves it',
  async () => {
    const volume = mountVolume(temporaryDir(), 64);
    const sink = await startMailSink();
    const rules = temporaryDir();
    writeFileSync(
      join(rules, 'disk.yml'),
      `groups:
  - name: disk
    interval: 1s
    rules:
      - alert: VolumeFull
        expr: 100 * node_filesystem_avail_bytes{mountpoint="${volume.folder}"} / node_filesystem_size_bytes < 5
        for: 2s
        labels: { severity: critical }
        annotations:
          summary: 'only {{ $value | printf "%.1f" }} % free on {{ $labels.mountpoint }} of {{ $labels.instance }}'
`,
    );
    const collector = await startTestCollector({
      config: `agents:
  interval: 1s
rules:
  files: ['${rules}/*.yml']
  pack: false
alerting:
  smtp:
    host: 127.0.0.1
    port: ${sink.port}
    from: bellwether@example.org
    encryption: none
  receivers:
    - name: operations
      email_configs:
        - to: oncall@example.org
  route:
    receiver: operations
    group_wait: 0s
    group_interval: 1s
`,
    });
    const agent = await startTestAgent(collector, { config: 'interval: 1s\ninputs:\n  filesystem:\n    interval: 1s\n' });
    try {
      await eventually(
        async () => ((await collector.query(`node_filesystem_avail_bytes{mountpoint="${volume.folder}"}`)).length > 0 ? true : undefined),
        30_000,
      );
      expect(sink.mails).toEqual([]);

      volume.fill();
      const firing = await eventually(() => sink.mails.find((mail) => /VolumeFull/.test(mail)), 30_000);
      expect(firing).toMatch(/^To: oncall@example.org/m);
      expect(firing).toMatch(/^Subject: .*VolumeFull/im);

      volume.free();
      const resolved = await eventually(() => sink.mails.find((mail) => /resolved/i.test(/^Subject: .*/im.exec(mail)?.[0] ?? '')), 30_000);
      expect(resolved).toMatch(/VolumeFull/);
      const deliveries = await collector.get<{ outcome: string; status: string }[]>('/api/bellwether/deliveries');
      expect(deliveries.map(({ status, outcome }) => `${status} ${outcome}`)).toEqual(
        expect.arrayContaining(['firing delivered', 'resolved delivered']),
      );
    } finally {
      await agent.stop();
      await collector.stop();
      await sink.stop();
      volume.unmount();
      rmSync(volume.folder, { recursive: true, force: true });
      rmSync(rules, { recursive: true, force: true });
    }
  },
  180_000,
);
