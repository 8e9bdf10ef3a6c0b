import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { CheckView } from '../../shared/api.ts';
import { pem, pemPath, SERVER_KEY } from '../agent/probes/certificates.ts';
import { startTestAgent, startTestCollector, type TestAgent, type TestCollector, temporaryDir } from '../support/bellwether.ts';
import { eventually, freePort, type RunningProgram, startProgram } from '../support/process.ts';

const NGINX = '/usr/sbin/nginx';
const BLACKBOX = '/usr/bin/prometheus-blackbox-exporter';

/** Debian's nginx with a configuration of its own. */
function nginxAt(port: number): { start(): RunningProgram } {
  const dir = temporaryDir();
  mkdirSync(join(dir, 'html'));
  writeFileSync(join(dir, 'html/index.html'), 'It works.\n');
  const file = join(dir, 'nginx.conf');
  writeFileSync(
    file,
    `${process.getuid?.() === 0 ? 'user root; ' : ''}daemon off; pid ${dir}/nginx.pid; error_log stderr; worker_processes 1;
events {}
http {
  access_log off; client_body_temp_path ${dir}/a; proxy_temp_path ${dir}/b; fastcgi_temp_path ${dir}/c; uwsgi_temp_path ${dir}/d; scgi_temp_path ${dir}/e;
  server { listen 127.0.0.1:${port}; root ${dir}/html; location = /away { return 302 /index.html; } location = /broken { return 503; } }
}
`,
  );
  return { start: () => startProgram(NGINX, ['-c', file, '-p', dir], { cwd: dir }) };
}

async function checkNamed(collector: TestCollector, name: string): Promise<CheckView> {
  const checks = await collector.get<CheckView[]>('/api/bellwether/checks');
  const found = checks.find((check) => check.name === name);
  if (found === undefined) throw new Error(`no check ${name}`);
  return found;
}

(existsSync(NGINX) ? test : test.skip)(
  'nginx stopped and started goes down and up, confirmed by another agent, with reasons and an alert',
  async () => {
    const port = await freePort();
    const nginx = nginxAt(port);
    let server = nginx.start();
    const collector = await startTestCollector({
      config: `checks:
  - {name: shop, probe: http, target: "http://127.0.0.1:${port}/", interval: 2s, timeout: 500ms, labels: {team: web}}
`,
    });
    const agents: TestAgent[] = [];
    try {
      agents.push(await startTestAgent(collector), await startTestAgent(collector));
      const up = await eventually(async () => {
        const check = await checkNamed(collector, 'shop');
        return check.verdict === 'up' ? check : undefined;
      }, 30_000);
      expect(up).toMatchObject({ source: 'file', reason: '', quorum: '', agents: [{ up: true, reason: '' }] });
      const series = await eventually(async () => (await collector.query('probe_success{check="shop"}'))[0], 20_000);
      expect(series.value[1]).toBe('1');
      expect(series.metric).toMatchObject({
        job: 'blackbox',
        instance: `http://127.0.0.1:${port}/`,
        team: 'web',
        agent: up.agents[0]!.host,
      });

      await server.stop();
      const down = await eventually(async () => {
        const check = await checkNamed(collector, 'shop');
        return check.verdict === 'down' ? check : undefined;
      }, 30_000);
      expect(down.reason).toBe('connection refused (2 tries)');
      expect(down.quorum).toMatch(/^confirmed by /);
      const alert = await eventually(async () => {
        const alerts = await collector.get<{ name: string; state: string; labels: Record<string, string> }[]>('/api/bellwether/alerts');
        return alerts.find(({ name }) => name === 'CheckDown');
      }, 30_000);
      expect(alert.labels).toMatchObject({ instance: 'shop' });

      server = nginx.start();
      await eventually(async () => (await checkNamed(collector, 'shop')).verdict === 'up' || undefined, 30_000);
      const uptime = await collector.get<{ rows: { name: string; verdict: string; bars: { reason: string }[] }[] }>(
        '/api/bellwether/uptime?kind=check&filter=shop&from=0&to=9999999999999&bucket=365d',
      );
      expect(uptime.rows).toMatchObject([{ name: 'shop', verdict: 'up' }]);
    } finally {
      for (const agent of agents) await agent.stop();
      await collector.stop();
      await server.stop();
    }
  },
  180_000,
);

(existsSync(NGINX) ? test : test.skip)(
  'a check made through the API runs, moves when its agent is gone, and ends when it is deleted',
  async () => {
    const port = await freePort();
    const server = nginxAt(port).start();
    const collector = await startTestCollector();
    const agents: TestAgent[] = [];
    try {
      agents.push(await startTestAgent(collector), await startTestAgent(collector));
      const body = { name: 'port', probe: 'tcp', target: `127.0.0.1:${port}`, interval: '1s', timeout: '400ms' };
      const made = await collector.post<CheckView>('/api/bellwether/checks', body);
      await expect(collector.post('/api/bellwether/checks', body)).rejects.toThrow(/409 .*Another check is named/);
      const first = await eventually(async () => {
        const check = await checkNamed(collector, 'port');
        return check.verdict === 'up' ? check.agents[0]!.host : undefined;
      }, 30_000);
      const hosts = await eventually(async () => {
        const found = await collector.query('up{job="node"} == 1');
        return found.length === 2 ? found.map(({ metric }) => metric.instance) : undefined;
      }, 30_000);
      const other = hosts.find((host) => host !== first);
      const hostOf = (agent: TestAgent): string =>
        (JSON.parse(readFileSync(join(agent.dir, 'identity.json'), 'utf8')) as { hostname: string }).hostname;
      const gone = agents.findIndex((agent) => hostOf(agent) === first);
      await agents[gone]!.program.stop('SIGKILL');
      await eventually(async () => ((await checkNamed(collector, 'port')).agents[0]?.host === other ? true : undefined), 60_000);
      await eventually(
        async () => ((await collector.query(`probe_success{check="port",agent="${other}"} == 1`)).length > 0 ? true : undefined),
        30_000,
      );
      expect(await checkNamed(collector, 'port')).toMatchObject({ verdict: 'up', reason: '' });

      const headers = { authorization: `Bearer ${collector.token}` };
      const deleted = await fetch(`${collector.url}/api/bellwether/checks/${made.id}`, { method: 'DELETE', headers });
      expect(deleted.status).toBe(204);
      await eventually(
        async () => ((await collector.query(`probe_success{check="port",agent="${other}"}`)).length === 0 ? true : undefined),
        30_000,
      );
    } finally {
      for (const agent of agents) await agent.stop();
      await collector.stop();
      await server.stop();
    }
  },
  180_000,
);

const MODULES = `modules:
  http_2xx: {prober: http, timeout: 5s, http: {preferred_ip_protocol: ip4}}
  http_ca: {prober: http, timeout: 5s, http: {preferred_ip_protocol: ip4, tls_config: {ca_file: ${pemPath('ca.pem')}}}}
  tcp_connect: {prober: tcp, timeout: 5s, tcp: {preferred_ip_protocol: ip4}}
  icmp: {prober: icmp, timeout: 5s, icmp: {preferred_ip_protocol: ip4}}
`;

/** Names with labels, and values, of a text exposition. */
function parseText(text: string): Map<string, number> {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]));
}

(existsSync(NGINX) && existsSync(BLACKBOX) ? test : test.skip)(
  'series agree with blackbox_exporter on the same targets',
  async () => {
    const port = await freePort();
    const exporterPort = await freePort();
    const server = nginxAt(port).start();
    const dir = temporaryDir();
    writeFileSync(join(dir, 'blackbox.yml'), MODULES);
    const exporter = startProgram(BLACKBOX, [`--config.file=${dir}/blackbox.yml`, `--web.listen-address=127.0.0.1:${exporterPort}`], {
      cwd: dir,
    });
    const base = `http://127.0.0.1:${port}`;
    const secure = createServer({ key: SERVER_KEY, cert: `${pem('good')}${pem('ca')}` }, (_request, response) => response.end('hello'));
    await new Promise<void>((resolve) => secure.listen(0, '127.0.0.1', resolve));
    const targets = [
      ['http', `${base}/`, 'http_2xx'],
      ['http', `${base}/away`, 'http_2xx'],
      ['http', `${base}/broken`, 'http_2xx'],
      ['http', `${base}/missing`, 'http_2xx'],
      ['http', `http://127.0.0.1:${await freePort()}/`, 'http_2xx'],
      ['http', `https://localhost:${(secure.address() as AddressInfo).port}/`, 'http_ca'],
      ['tcp', `127.0.0.1:${port}`, 'tcp_connect'],
      ['tcp', `127.0.0.1:${await freePort()}`, 'tcp_connect'],
      ...(existsSync('/usr/bin/fping') ? [['icmp', '127.0.0.1', 'icmp'] as const] : []),
    ] as const;
    const collector = await startTestCollector({
      config: `checks:\n${targets
        .map(([probe, target, module], i) => {
          const options = module === 'http_ca' ? `, http: {preferred_ip_protocol: ip4, tls_config: {ca_file: ${pemPath('ca.pem')}}}` : '';
          return `  - {name: "c${i}", probe: ${probe}, target: "${target}", interval: 5s, timeout: 2s, attempts: 1${options}}\n`;
        })
        .join('')}`,
    });
    const agent = await startTestAgent(collector);
    try {
      for (const [i, [, target, module]] of targets.entries()) {
        const theirs = await eventually(async () => {
          const response = await fetch(`http://127.0.0.1:${exporterPort}/probe?target=${encodeURIComponent(target)}&module=${module}`);
          return response.ok ? parseText(await response.text()) : undefined;
        }, 30_000);
        const ours = await eventually(async () => {
          const found = await collector.query(`{job="blackbox",check="c${i}"}`);
          return found.length > 0 ? found : undefined;
        }, 30_000);
        const values = new Map(
          ours.map(({ metric, value }) => {
            const { __name__: name, job, instance, check, agent, ...labels } = metric;
            const pairs = Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1));
            const text = pairs.map(([label, content]) => `${label}=${JSON.stringify(content)}`).join(',');
            return [text === '' ? name! : `${name}{${text}}`, Number(value[1])];
          }),
        );
        for (const [name, value] of theirs) {
          if (name === 'probe_icmp_reply_hop_limit') continue; // no ping program says it in a form that all have
          expect([target, name, values.has(name)]).toEqual([target, name, true]);
          const isTime = /_seconds|_time_/.test(name);
          if (!isTime || /timestamp/.test(name)) expect([target, name, values.get(name)]).toEqual([target, name, value]);
          else expect(Math.abs(values.get(name)! - value)).toBeLessThan(1);
        }
        // Ours, and one that later versions of theirs have.
        const only = [...values.keys()].filter((name) => !theirs.has(name) && !name.startsWith('probe_tls_cipher_info'));
        expect(only).toEqual(['probe_attempts']);
      }
    } finally {
      await agent.stop();
      await collector.stop();
      await exporter.stop();
      secure.closeAllConnections();
      secure.close();
      await server.stop();
    }
  },
  180_000,
);
