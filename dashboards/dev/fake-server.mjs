// The collector's HTTP API and /live socket for a made-up fleet: for building the page and for its browser tests, without a collector.
// `node dashboards/dev/fake-server.mjs --hosts 200 --port 8720` serves dist/web too. Sign in as admin with the password "demo demo demo".
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { WebSocketServer } from 'ws';
import { createFleet } from './fake-fleet.mjs';

const CSP = "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.map': 'application/json',
};
const PASSWORD = 'demo demo demo';
const LINK = 'demo-link';

export async function startFakeServer({ hosts = 40, port = 0, seed = 1, allOk = false, startMs = Date.now(), webDir }) {
  const fleet = createFleet({ hosts, seed, startMs, allOk });
  const sessions = new Map();
  const viewers = new Set();
  let refuseLive = false;

  const http = createServer((request, response) => {
    handle(request, response).catch((error) => answer(response, 500, { error: { code: 'INTERNAL', message: String(error) } }));
  });
  const sockets = new WebSocketServer({ noServer: true });
  http.on('upgrade', (request, socket, head) => {
    if (refuseLive || new URL(request.url, 'http://x').pathname !== '/live' || sessionOf(request) === undefined) return socket.destroy();
    sockets.handleUpgrade(request, socket, head, accept);
  });

  function accept(socket) {
    const viewer = { socket, wants: new Map() };
    viewers.add(viewer);
    socket.on('close', () => viewers.delete(viewer));
    socket.on('message', (data) => {
      const request = JSON.parse(String(data));
      viewer.wants.set(request.type, request);
      push(viewer, [request]);
    });
  }

  function push(viewer, requests) {
    const nowMs = Date.now();
    for (const request of requests) {
      if (request.type === 'status') send(viewer, { type: 'status', status: fleet.status(nowMs) });
      else if (request.type === 'alerts') send(viewer, { type: 'alerts', alerts: fleet.alerts(nowMs) });
      else if (request.type === 'hosts') send(viewer, { type: 'hosts', query: request.query, page: fleet.page(request.query, nowMs) });
      else if (request.panels.length > 0) {
        const panels = request.panels.map(({ id, query }) => ({ id, series: fleet.evaluate(query, nowMs) }));
        send(viewer, { type: 'points', timeMs: nowMs, panels });
      }
    }
  }

  function send({ socket }, message) {
    socket.send(JSON.stringify(message));
  }

  const timer = setInterval(() => {
    for (const viewer of viewers) push(viewer, viewer.wants.values());
  }, 1_000);

  function sessionOf(request) {
    return sessions.get(/(?:^|; )session=([^;]+)/.exec(request.headers.cookie ?? '')?.[1]);
  }

  async function handle(request, response) {
    const url = new URL(request.url, 'http://x');
    if (!url.pathname.startsWith('/api/')) return serveFile(url.pathname, response);
    const body = await readJson(request);
    const route = `${request.method} ${url.pathname.replace('/api/bellwether/', '')}`;
    if (route === 'POST session') return signIn(body, response);
    const session = sessionOf(request);
    if (session === undefined) return answer(response, 401, { error: { code: 'UNAUTHENTICATED', message: 'Sign in first.' } });
    const nowMs = Date.now();
    const limit = Number(url.searchParams.get('limit') ?? 100);
    const acknowledge = /^POST alerts\/([^/]+)\/acknowledge$/.exec(route);
    const host = /^GET hosts\/([^/]+)$/.exec(route);
    if (route === 'GET session') return answer(response, 200, session);
    if (route === 'DELETE session') {
      sessions.clear();
      return answer(response, 204);
    }
    if (route === 'POST session/password') {
      session.mustSetPassword = false;
      return answer(response, 200, session);
    }
    if (route === 'GET status') return answer(response, 200, fleet.status(nowMs));
    if (route === 'POST hosts/query') return answer(response, 200, fleet.page(body, nowMs));
    if (route === 'GET alerts')
      return answer(response, 200, url.searchParams.get('state') === 'resolved' ? fleet.resolved() : fleet.alerts(nowMs));
    if (route === 'GET deliveries') return answer(response, 200, fleet.deliveries(limit));
    if (route === 'GET events') return answer(response, 200, fleet.events(url.searchParams.get('host'), limit));
    if (route === 'GET chart') {
      const [start, end] = [Number(url.searchParams.get('start')), Number(url.searchParams.get('end'))];
      return answer(response, 200, fleet.chart(url.searchParams.get('query'), start, end, durationMs(url.searchParams.get('step'))));
    }
    const params = url.searchParams;
    const window = { fromMs: Number(params.get('from')), bucketMs: durationMs(params.get('bucket') ?? '1d') };
    if (route === 'GET uptime')
      return answer(response, 200, fleet.uptime({ ...window, kind: params.get('kind'), filter: params.get('filter') ?? '', limit }, nowMs));
    const [, kind, watchedId] = /^GET uptime\/(\w+)\/([^/]+)$/.exec(route) ?? [];
    const [, deviceId] = /^GET devices\/([^/]+)$/.exec(route) ?? [];
    const found =
      kind !== undefined
        ? fleet.uptimeDetail(kind, decodeURIComponent(watchedId), window, nowMs)
        : deviceId !== undefined
          ? fleet.device(decodeURIComponent(deviceId), nowMs)
          : undefined;
    if (found !== undefined) return answer(response, 200, found);
    if (host !== null) {
      const detail = fleet.detail(decodeURIComponent(host[1]), nowMs);
      if (detail !== undefined) return answer(response, 200, detail);
    }
    if (acknowledge !== null && fleet.acknowledge(acknowledge[1], session.user, body.note, nowMs)) {
      for (const viewer of viewers)
        push(
          viewer,
          [...viewer.wants.values()].filter(({ type }) => type === 'alerts' || type === 'status'),
        );
      return answer(response, 204);
    }
    return answer(response, 404, { error: { code: 'NOT_FOUND', message: `There is nothing at ${url.pathname}.` } });
  }

  function signIn(body, response) {
    const byLink = body.link === LINK;
    if (!byLink && body.password !== PASSWORD) {
      return answer(response, 401, {
        error: { code: 'UNAUTHENTICATED', message: 'User and password do not fit together, or the link was used already.' },
      });
    }
    const id = String(Math.random()).slice(2);
    sessions.set(id, { user: byLink ? 'admin' : body.user, role: body.user === 'viewer' ? 'viewer' : 'admin', mustSetPassword: byLink });
    response.setHeader('set-cookie', `session=${id}; HttpOnly; SameSite=Lax; Path=/`);
    return answer(response, 200, sessions.get(id));
  }

  async function serveFile(path, response) {
    const file = join(webDir, normalize(path));
    const found = await stat(file).catch(() => undefined);
    const real = found?.isFile() ? file : join(webDir, 'index.html');
    response.writeHead(200, { 'content-type': TYPES[extname(real)] ?? 'application/octet-stream', 'content-security-policy': CSP });
    createReadStream(real).pipe(response);
  }

  await new Promise((resolve) => http.listen(port, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${http.address().port}`,
    fleet,
    password: PASSWORD,
    link: LINK,
    /** Cuts every live connection; while `refuse`, none comes back. */
    dropLive(refuse) {
      refuseLive = refuse;
      for (const { socket } of viewers) socket.terminate();
    },
    allowLive() {
      refuseLive = false;
    },
    async stop() {
      clearInterval(timer);
      for (const { socket } of viewers) socket.terminate();
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
    },
  };
}

async function readJson(request) {
  const parts = [];
  for await (const part of request) parts.push(part);
  return parts.length === 0 ? {} : JSON.parse(Buffer.concat(parts).toString());
}

function answer(response, status, body) {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(body === undefined ? undefined : JSON.stringify(body));
}

function durationMs(text) {
  const units = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
  return [...text.matchAll(/(\d+)(ms|s|m|h|d)/g)].reduce((sum, [, count, unit]) => sum + Number(count) * units[unit], 0);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const option = (name, otherwise) => (process.argv.includes(name) ? Number(process.argv[process.argv.indexOf(name) + 1]) : otherwise);
  const webDir = join(fileURLToPath(import.meta.url), '../../../dist/web');
  const server = await startFakeServer({
    hosts: option('--hosts', 40),
    port: option('--port', 8720),
    seed: option('--seed', 1),
    webDir,
    allOk: process.argv.includes('--all-ok'),
  });
  console.log(`${server.url}  user admin, password "${PASSWORD}", or ${server.url}/sign-in#${LINK}`);
}
