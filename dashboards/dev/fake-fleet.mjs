// A made-up fleet whose every number is a pure function of (seed, host, what, time): history and live values agree, and a test can ask for
// the same fleet twice. Two hosts are critical, five warn, three have no data; one has a hole in its history with a known reason.

const SITES = ['fra1', 'nyc2', 'sgp1'];
const ROLES = ['web', 'api', 'db', 'cache', 'queue', 'ci', 'edge'];
const HOUR = 3_600_000;

/** A number in [0, 1) from a text and the seed. */
function hash(seed, text) {
  let state = (2_166_136_261 ^ seed) >>> 0;
  for (let i = 0; i < text.length; i++) state = Math.imul(state ^ text.charCodeAt(i), 16_777_619) >>> 0;
  state = Math.imul(state ^ (state >>> 15), 2_246_822_507) >>> 0;
  state = Math.imul(state ^ (state >>> 13), 3_266_489_909) >>> 0;
  return ((state ^ (state >>> 16)) >>> 0) / 4_294_967_296;
}

/** A wandering value around `base`: slow and fast waves and a little grain, all of it decided by the time. */
function wander(seed, key, timeMs, base, swing) {
  const phase = hash(seed, key) * 2 * Math.PI;
  const t = timeMs / 1000;
  const slow = Math.sin(t / (900 + 600 * hash(seed, `${key}s`)) + phase);
  const middle = Math.sin(t / (97 + 60 * hash(seed, `${key}m`)) + 2 * phase);
  const fast = Math.sin(t / 11 + 3 * phase);
  const grain = hash(seed, `${key}${Math.floor(t / 5)}`) - 0.5;
  return Math.max(0, base + swing * (0.5 * slow + 0.3 * middle + 0.1 * fast + 0.35 * grain));
}

export function createFleet({ hosts: count, seed, startMs, allOk = false }) {
  const hosts = Array.from({ length: count }, (_, i) => makeHost(i));
  const acknowledged = new Map();
  const extra = [];

  function makeHost(i) {
    const role = ROLES[Math.floor(hash(seed, `role${i}`) * ROLES.length)];
    const name = `${role}-${String(i + 1).padStart(count > 999 ? 4 : 3, '0')}.${SITES[i % SITES.length]}`;
    const trouble = allOk ? 'ok' : i < 2 ? 'critical' : i < 7 ? 'warning' : i < 10 ? 'unknown' : 'ok';
    return {
      id: `h${String(i + 1).padStart(5, '0')}`,
      name,
      trouble,
      full: trouble === 'critical' && i === 0,
      sinceMs: startMs - (4 + i * 7) * 60_000,
    };
  }

  function ratio(host, what, timeMs) {
    const base = { cpu: 0.18, memory: 0.46, disk: 0.41 }[what] + 0.3 * (hash(seed, host.id + what) - 0.4);
    if (host.full && what === 'disk') return 0.985;
    if (host.trouble === 'critical' && !host.full && what === 'cpu')
      return Math.min(0.995, wander(seed, host.id + what, timeMs, 0.96, 0.05));
    if (host.trouble === 'warning' && what === 'memory') return Math.min(0.97, wander(seed, host.id + what, timeMs, 0.93, 0.03));
    return Math.min(0.98, wander(seed, host.id + what, timeMs, base, what === 'cpu' ? 0.14 : 0.015));
  }

  function gaps(host) {
    return hosts.indexOf(host) === 0
      ? [{ fromMs: startMs - 7 * 60_000, toMs: startMs - 4 * 60_000, reason: 'network cut between agent and collector', backfilled: false }]
      : [];
  }

  function row(host, nowMs) {
    const lost = host.trouble === 'unknown';
    const value = (what) => (lost ? null : ratio(host, what, nowMs));
    const traffic = (way) => (lost ? null : wander(seed, host.id + way, nowMs, 4e6 * hash(seed, host.id), 2e6));
    const reason = {
      ok: '',
      warning: `memory ${Math.round(100 * ratio(host, 'memory', nowMs))} % in use`,
      critical: host.full ? 'disk /var 98 % full' : 'CPU 96 % busy for 12 min',
      unknown: `no data: connection lost`,
    }[host.trouble];
    return {
      id: host.id,
      name: host.name,
      state: host.trouble,
      reason,
      sinceMs: host.trouble === 'ok' ? null : host.sinceMs,
      cpu: value('cpu'),
      memory: value('memory'),
      disk: value('disk'),
      networkIn: traffic('in'),
      networkOut: traffic('out'),
      load1: lost ? null : 8 * ratio(host, 'cpu', nowMs) + 0.1,
      connected: !lost,
      lastSeenMs: lost ? host.sinceMs : nowMs - 400,
      os: 'Debian GNU/Linux 13',
      agentVersion: '0.1.0',
    };
  }

  const RANK = { critical: 0, warning: 1, unknown: 2, ok: 3 };

  function page(query, nowMs) {
    const terms = query.filter.toLowerCase().split(/\s+/).filter(Boolean);
    const holds = (host, term) => {
      const state = /^state:(!?)(\w+)$/.exec(term);
      return state === null ? host.name.includes(term) : (host.trouble === state[2]) !== (state[1] === '!');
    };
    const rows = hosts.filter((host) => terms.every((term) => holds(host, term))).map((host) => row(host, nowMs));
    const key = query.sort === 'state' ? (a) => RANK[a.state] : (a) => a[query.sort] ?? Number.NEGATIVE_INFINITY;
    const sign = query.descending ? -1 : 1;
    rows.sort(
      (a, b) => sign * (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0) || RANK[a.state] - RANK[b.state] || (a.name < b.name ? -1 : 1),
    );
    return { total: hosts.length, matching: rows.length, rows: rows.slice(query.offset, query.offset + query.limit) };
  }

  function detail(id, nowMs) {
    const host = hosts.find((known) => known.id === id);
    if (host === undefined) return undefined;
    return {
      ...row(host, nowMs),
      firstSeenMs: startMs - 41 * 24 * HOUR,
      bootMs: startMs - 41 * 24 * HOUR,
      clockOffsetMs: -3.2,
      agentCpuRatio: 0.004,
      agentRssBytes: 47 * 1024 * 1024,
      queuedBatches: 0,
      droppedSamples: 0,
      kernel: '6.12.9-amd64',
      cpus: 8,
      memoryBytes: 32 * 1024 ** 3,
      alerts: alerts(nowMs).filter(({ labels }) => labels.instance === host.name),
      gaps: gaps(host),
    };
  }

  function alerts(nowMs) {
    const open = hosts.filter(({ trouble }) => trouble === 'critical' || trouble === 'warning');
    return [...extra, ...open.map((host, i) => alertOf(host, i, nowMs))];
  }

  function alertOf(host, i, nowMs) {
    const critical = host.trouble === 'critical';
    const name = critical ? (host.full ? 'HostDiskFull' : 'HostCpuSaturated') : 'HostMemoryHigh';
    const pending = !critical && i === 6;
    const fingerprint = `${host.id}${name}`.toLowerCase();
    const ack = acknowledged.get(fingerprint);
    return {
      fingerprint,
      name,
      severity: host.trouble,
      state: pending ? 'pending' : 'firing',
      labels: { alertname: name, instance: host.name, job: 'node', severity: host.trouble, ...(host.full ? { mountpoint: '/var' } : {}) },
      annotations: {
        summary: critical
          ? host.full
            ? `Disk /var on ${host.name} is 98 % full`
            : `CPU of ${host.name} is saturated`
          : `Memory of ${host.name} is nearly used up`,
        description: 'The value has been beyond its threshold for the whole waiting time of the rule.',
        runbook: 'See which process grew last; free space or memory; raise the limit only if the growth is meant.',
      },
      activeMs: host.sinceMs,
      firedMs: pending ? null : host.sinceMs + 60_000,
      resolvedMs: null,
      value: ratio(host, host.full ? 'disk' : critical ? 'cpu' : 'memory', nowMs),
      expression: host.full
        ? '1 - node_filesystem_avail_bytes / node_filesystem_size_bytes > 0.95'
        : '1 - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes > 0.9',
      acknowledgedBy: ack?.user ?? null,
      acknowledgedMs: ack?.timeMs ?? null,
      acknowledgeNote: ack?.note ?? '',
      trace: [
        { timeMs: host.sinceMs, stage: 'rule', text: 'the condition became true; waits 1 min' },
        ...(pending
          ? []
          : [
              { timeMs: host.sinceMs + 60_000, stage: 'rule', text: 'held for 1 min: fires' },
              {
                timeMs: host.sinceMs + 60_010,
                stage: 'route',
                text: `severity="${host.trouble}" goes to ${critical ? 'ops-pager' : 'ops-mail'}`,
              },
              {
                timeMs: host.sinceMs + 90_000,
                stage: 'send',
                text: critical ? 'webhook https://pager.example delivered (202)' : 'e-mail to ops@example.org delivered',
              },
            ]),
        ...(ack === undefined
          ? []
          : [
              {
                timeMs: ack.timeMs,
                stage: 'acknowledge',
                text: `${ack.user} took it${ack.note === '' ? '' : `: ${ack.note}`}; repeats are held`,
              },
            ]),
      ],
    };
  }

  function resolved() {
    return hosts.slice(10, 14).map((host, i) => ({
      ...alertOf({ ...host, trouble: 'warning' }, 0, startMs),
      fingerprint: `old${host.id}`,
      state: 'resolved',
      activeMs: startMs - (3 + i) * HOUR,
      firedMs: startMs - (3 + i) * HOUR + 60_000,
      resolvedMs: startMs - (2 + i) * HOUR,
    }));
  }

  function status(nowMs) {
    const counts = { ok: 0, warning: 0, critical: 0, unknown: 0 };
    for (const { trouble } of hosts) counts[trouble]++;
    const firing = alerts(nowMs).filter(({ state }) => state === 'firing');
    const critical = firing.filter(({ severity }) => severity === 'critical');
    const worst = (critical.length > 0 ? critical : firing).toSorted((a, b) => a.activeMs - b.activeMs)[0];
    return {
      hosts: counts,
      critical: critical.length,
      warning: firing.filter(({ severity }) => severity === 'warning').length,
      pending: alerts(nowMs).length - firing.length,
      worst:
        worst === undefined
          ? null
          : { name: worst.name, target: worst.labels.instance ?? '', sinceMs: worst.activeMs, owner: worst.acknowledgedBy },
      quietSinceMs: worst === undefined ? startMs - 26 * HOUR : null,
      samplesPerSecond: hosts.length * 62.4,
      series: hosts.length * 624,
      nowMs,
    };
  }

  function events(hostId, limit) {
    const kinds = [
      ['agent-connected', 'agent 0.1.0 connected, nothing to back-fill'],
      ['reboot', 'booted after 2 min off; goodbye said: shutting down'],
      ['connection-lost', 'connection lost without a goodbye'],
      ['clock-jump', 'the clock was stepped by +340 ms'],
      ['agent-updated', 'agent 0.0.9 became 0.1.0'],
    ];
    const all = Array.from({ length: Math.min(400, hosts.length * 3) }, (_, i) => {
      const host = hosts[Math.floor(hash(seed, `event${i}`) * hosts.length)];
      const [kind, text] = kinds[Math.floor(hash(seed, `kind${i}`) * kinds.length)];
      return { timeMs: startMs - i * 7 * 60_000 - Math.floor(hash(seed, `at${i}`) * 300_000), host: host.id, kind, text };
    });
    return all
      .filter(({ host }) => hostId === null || host === hostId)
      .sort((a, b) => b.timeMs - a.timeMs)
      .slice(0, limit);
  }

  function deliveries(limit) {
    return Array.from({ length: Math.min(limit, hosts.length === 0 || allOk ? 0 : 14) }, (_, i) => ({
      id: 14 - i,
      timeMs: startMs - i * 11 * 60_000,
      receiver: i % 3 === 0 ? 'ops-pager' : 'ops-mail',
      channel: i % 3 === 0 ? 'webhook' : 'email',
      status: i % 4 === 3 ? 'resolved' : 'firing',
      alerts: [['HostDiskFull', 'HostMemoryHigh', 'HostCpuSaturated'][i % 3]],
      outcome: i === 1 ? 'retrying' : i === 5 ? 'failed' : 'delivered',
      attempts: i === 1 ? 3 : i === 5 ? 8 : 1,
      detail:
        i === 1
          ? '503 Service Unavailable, next attempt in 20 s'
          : i === 5
            ? '401 Unauthorized: the token is not valid'
            : i % 3 === 0
              ? '202 Accepted'
              : '250 2.0.0 queued',
    }));
  }

  // ------------------------------------------------ uptime: spans of [hours ago, verdict seen, reason, verdict proven, reason by now]

  function watched() {
    const all = hosts.map((host) => ({ kind: 'host', id: host.id, name: host.name, spans: hostSpans(host) }));
    if (count === 0) return all;
    const up = (hoursAgo) => [hoursAgo, 'up', '', 'up', ''];
    const shop = [up(700), [210, 'down', 'HTTP 503; confirmed by web-2', 'down', 'HTTP 503; confirmed by web-2'], up(209.4)];
    const mail = [up(2_000), ...(allOk ? [] : [[0.4, 'down', 'no answer in 5 s', 'down', 'no answer in 5 s']])];
    const access = [up(1_500), [400, 'unknown', 'no agent reads it', 'unknown', 'no agent reads it'], up(398)];
    return [
      ...all,
      { kind: 'check', id: 'c1', name: 'shop front page', spans: shop },
      { kind: 'check', id: 'c2', name: 'mail', spans: mail },
      { kind: 'device', id: 'd1', name: 'core-switch.fra1', spans: [up(2_100)] },
      { kind: 'device', id: 'd2', name: 'access-switch-12.nyc2', spans: access },
    ];
  }

  function hostSpans(host) {
    const i = hosts.indexOf(host);
    const spans = [[300 + 2_000 * hash(seed, `age${i}`), 'up', '', 'up', '']];
    const later = 'unreachable from here, host up, its readings came later';
    if (i % 3 === 0) spans.push([240, 'unknown', 'no heartbeat; unreachable from here', 'up', later], [239.2, 'up', '', 'up', '']);
    if (i % 7 === 1) {
      spans.push([72.5, 'unknown', 'connection lost', 'down', 'host rebooted']);
      spans.push([72.4, 'unknown', 'connection lost', 'up', 'host rebooted; up again, its agent was not connected yet']);
      spans.push([72.35, 'up', '', 'up', '']);
    }
    if (i === 0) spans.push([20, 'down', 'host shutting down', 'down', 'host shut down'], [16.5, 'up', '', 'up', '']);
    spans.push(
      [10, 'unknown', 'collector was off', 'up', 'collector was off; host up, its readings came later'],
      [9.8, 'up', '', 'up', ''],
    );
    const lost = 'no heartbeat; unreachable from here (10.0.0.7 port 22: no answer in 2 s)';
    if (host.trouble === 'unknown') spans.push([(startMs - host.sinceMs) / HOUR, 'unknown', lost, 'unknown', lost]);
    return spans;
  }

  function spansOf({ spans }) {
    return spans.map(([hoursAgo, seen, seenReason, proven, reason], i) => {
      const next = spans[i + 1];
      const toMs = next === undefined ? null : Math.round(startMs - next[0] * HOUR);
      return { fromMs: Math.round(startMs - hoursAgo * HOUR), toMs, seen, seenReason, proven, reason };
    });
  }

  function uptimeRow(thing, fromMs, bucketMs, nowMs) {
    const spans = spansOf(thing);
    const newest = spans.at(-1);
    const share = (basis, from, to) => {
      const ms = { up: 0, down: 0, unknown: 0 };
      for (const span of spans) ms[span[basis]] += Math.max(0, Math.min(to, span.toMs ?? to) - Math.max(from, span.fromMs));
      const known = ms.up + ms.down;
      return { upMs: ms.up, downMs: ms.down, unknownMs: ms.unknown, ratio: known === 0 ? null : ms.up / known };
    };
    const bars = [];
    for (let at = fromMs; at < nowMs; ) {
      const end = Math.min(nowMs, (Math.floor(at / bucketMs) + 1) * bucketMs);
      const bad = spans.find((span) => (span.seen !== 'up' || span.proven !== 'up') && span.fromMs < end && (span.toMs ?? nowMs) > at);
      bars.push({ fromMs: at, toMs: end, seen: share('seen', at, end), proven: share('proven', at, end), reason: bad?.reason ?? '' });
      at = end;
    }
    const { kind, id, name } = thing;
    const now = { verdict: newest.seen, reason: newest.seenReason, sinceMs: newest.fromMs };
    return { kind, id, name, ...now, seen: share('seen', fromMs, nowMs), proven: share('proven', fromMs, nowMs), bars };
  }

  function uptime({ kind, filter, fromMs, bucketMs, limit }, nowMs) {
    const rank = { down: 0, unknown: 1, up: 2 };
    const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
    const rows = watched()
      .filter((thing) => (kind === null || thing.kind === kind) && words.every((word) => thing.name.toLowerCase().includes(word)))
      .map((thing) => uptimeRow(thing, fromMs, bucketMs, nowMs))
      .sort((a, b) => rank[a.verdict] - rank[b.verdict] || (a.name < b.name ? -1 : 1));
    const counts = { up: 0, down: 0, unknown: 0 };
    for (const { verdict } of rows) counts[verdict]++;
    return { fromMs, toMs: nowMs, bucketMs, total: rows.length, counts, rows: rows.slice(0, limit) };
  }

  function uptimeDetail(kind, id, { fromMs, bucketMs }, nowMs) {
    const thing = watched().find((known) => known.kind === kind && known.id === id);
    if (thing === undefined) return undefined;
    const spans = spansOf(thing).filter(({ toMs }) => toMs === null || toMs > fromMs);
    return { ...uptimeRow(thing, fromMs, bucketMs, nowMs), fromMs, toMs: nowMs, spans: spans.reverse() };
  }

  function device(id, nowMs) {
    const known = watched().find((thing) => thing.kind === 'device' && thing.id === id);
    if (known === undefined) return undefined;
    const ports = Array.from({ length: id === 'd1' ? 48 : 0 }, (_, i) => {
      const works = i !== 6 && hash(seed, `port${i}`) > 0.25;
      const speedBits = i < 4 ? 10e9 : 1e9;
      const flow = (way) =>
        works ? wander(seed, `port${i}${way}`, nowMs, 0.2 * speedBits * hash(seed, `port${i}${way}`), 0.02 * speedBits) : 0;
      return {
        ifIndex: i + 1,
        name: `Gi1/0/${i + 1}`,
        description: `GigabitEthernet1/0/${i + 1}`,
        alias: i < 4 ? `uplink ${i + 1}` : i === 6 ? 'db-003' : '',
        speedBits,
        adminUp: works || i === 6,
        operUp: works,
        inBps: flow('in'),
        outBps: flow('out'),
        errorsPerS: i === 2 ? 0.8 : 0,
      };
    });
    const { spans, name } = known;
    const state = spans.at(-1)[1];
    return {
      device: {
        id,
        source: 'file',
        name,
        address: '10.20.0.1',
        port: 161,
        agent: null,
        readBy: hosts[0].name,
        intervalMs: 60_000,
        timeoutMs: 2_000,
        retries: 2,
        labels: {},
        snmp: { community: '***' },
        state,
        reason: '',
        sinceMs: startMs - spans.at(-1)[0] * HOUR,
        reportedMs: nowMs - 12_000,
      },
      state,
      reason: '',
      facts: {
        name,
        description: 'Cisco IOS Software, C3750E',
        location: 'Frankfurt, row 4',
        contact: 'noc@example.org',
        objectId: '1.3.6.1.4.1.9.1.1',
        uptimeSeconds: 7_500_000,
      },
      ports,
    };
  }

  /** The series a page's query would give at one time: [{labels, value}]. Knows the queries of dashboards/src/panels.ts by their metric names. */
  function evaluate(query, timeMs) {
    const host = hosts.find(({ name }) => query.includes(`instance="${name}"`));
    const quiet = host !== undefined && gaps(host).some(({ fromMs, toMs }) => timeMs > fromMs && timeMs < toMs);
    if (host === undefined || quiet || (host.trouble === 'unknown' && timeMs > host.sinceMs)) return [];
    const cpu = ratio(host, 'cpu', timeMs);
    const part = (values) => Object.entries(values).map(([name, value]) => ({ labels: { part: name }, value }));
    const flow = (what, base) => wander(seed, host.id + what, timeMs, base * (0.3 + hash(seed, host.id + what)), base * 0.5);
    if (query.includes('node_cpu_seconds_total')) {
      const shares = { user: 0.62, system: 0.24, iowait: 0.08, irq: 0, softirq: 0.04, nice: 0.01, steal: 0.01 };
      return Object.entries(shares).map(([mode, share]) => ({ labels: { mode }, value: cpu * share }));
    }
    if (query.includes('node_memory_')) return part({ memory: ratio(host, 'memory', timeMs), swap: 0.04 });
    if (query.includes('node_filesystem_')) {
      return ['/', '/var', '/home', '/srv/data'].map((mountpoint, i) => ({
        labels: { mountpoint },
        value: mountpoint === '/var' ? ratio(host, 'disk', timeMs) : 0.15 + 0.13 * i * hash(seed, host.id + mountpoint),
      }));
    }
    if (query.includes('node_network_')) return part({ in: flow('in', 4e6), out: flow('out', 1.4e6) });
    if (query.includes('node_disk_read_bytes')) return part({ read: flow('read', 2e6), written: flow('written', 9e6) });
    if (query.includes('node_disk_io_time'))
      return ['nvme0n1', 'sda'].map((device) => ({ labels: { device }, value: Math.min(1, flow(device, 0.12)) }));
    if (query.includes('node_load1'))
      return part({ 1: 8 * cpu + 0.1, 5: 8 * ratio(host, 'cpu', timeMs - 120_000), 15: 8 * ratio(host, 'cpu', timeMs - 400_000) });
    if (query.includes('node_pressure_')) return part({ cpu: 0.3 * cpu * cpu, memory: 0.002, io: Math.min(1, flow('psi', 0.02)) });
    return [];
  }

  function chart(query, startAtMs, endMs, stepMs) {
    const times = [];
    for (let at = startAtMs; at <= endMs && times.length < 11_000; at += stepMs) times.push(at);
    const series = new Map();
    for (const [i, at] of times.entries()) {
      for (const { labels, value } of evaluate(query, at)) {
        const key = JSON.stringify(labels);
        if (!series.has(key)) series.set(key, { labels, values: times.map(() => null) });
        series.get(key).values[i] = value;
      }
    }
    return { times, series: [...series.values()], warnings: [], infos: [] };
  }

  return {
    hosts,
    page,
    detail,
    alerts,
    resolved,
    status,
    events,
    deliveries,
    uptime,
    uptimeDetail,
    device,
    evaluate,
    chart,
    acknowledge(fingerprint, user, note, timeMs) {
      const known = alerts(timeMs).some((alert) => alert.fingerprint === fingerprint);
      if (known) acknowledged.set(fingerprint, { user, note, timeMs });
      return known;
    },
    /** Lets a new critical alert fire on a host. */
    fire(index, nowMs) {
      const host = hosts[index];
      extra.push({ ...alertOf({ ...host, trouble: 'critical', sinceMs: nowMs }, 0, nowMs), fingerprint: `new${host.id}` });
    },
    /** Gives a host another state. */
    setState(index, state, nowMs) {
      Object.assign(hosts[index], { trouble: state, sinceMs: nowMs });
    },
  };
}
