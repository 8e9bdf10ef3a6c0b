/** `/live`: pushes the strip, the visible part of the hosts list, alerts and panel values to the pages that look at them. */
import { type Clock, errorMessage, type Log, labelsToRecord, type Millis, type Stoppable } from '@bellwether/shared';
import type { AlertView, LiveMessage, LiveRequest, StatusStrip } from '@bellwether/shared/api';
import type { WebSocket } from 'ws';
import { z } from 'zod';
import type { QueryEngine } from '../query/index.ts';
import { hostQuery } from './bellwether.ts';
import { type Fleet, queryHosts } from './fleet.ts';

const PUSH_INTERVAL_MS = 1_000;
/** The hosts list is joined from fleet-wide queries, so it moves more slowly than one host's panels. */
const HOSTS_INTERVAL_MS = 2_000;
/** A page that reads more slowly than we write misses pushes beyond this backlog. */
const MAX_BACKLOG_BYTES = 1024 * 1024;
const MAX_REQUEST_BYTES = 256 * 1024;
const MAX_PANELS = 64;
const LIVE_MODE_MS = 15_000;

const request: z.ZodType<LiveRequest> = z.discriminatedUnion('type', [
  z.object({ type: z.literal('status') }),
  z.object({ type: z.literal('hosts'), query: hostQuery.required() }),
  z.object({ type: z.literal('alerts') }),
  z.object({
    type: z.literal('panels'),
    host: z.string().max(100).nullable(),
    panels: z.array(z.object({ id: z.string().max(100), query: z.string().max(4_096) })).max(MAX_PANELS),
  }),
]);

export interface LiveOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly engine: Pick<QueryEngine, 'instant'>;
  readonly fleet: Fleet;
  readonly status: (now: Millis) => Promise<StatusStrip>;
  readonly alerts: () => readonly AlertView[];
  /** Asks a host's agent for readings every second for a while. */
  readonly liveMode: (hostId: string, durationMs: Millis) => void;
}

export interface LiveHub extends Stoppable {
  accept(socket: WebSocket): void;
  readonly counters: { connections: number; pushes: number; skipped: number; rejected: number };
}

interface Viewer {
  readonly socket: WebSocket;
  readonly wants: { [K in LiveRequest['type']]?: Extract<LiveRequest, { type: K }> };
  /** Last text sent per kind, so that only changes are sent. */
  readonly sent: Map<LiveMessage['type'], string>;
}

export function createLiveHub({ clock, log, engine, fleet, status, alerts, liveMode }: LiveOptions): LiveHub {
  const viewers = new Set<Viewer>();
  const counters = { connections: 0, pushes: 0, skipped: 0, rejected: 0 };
  let turn = 0;
  let pushing: Promise<void> | undefined;
  let stopping = false;

  function send(viewer: Viewer, message: LiveMessage): void {
    const text = JSON.stringify(message);
    if (message.type !== 'points' && viewer.sent.get(message.type) === text) return;
    if (viewer.socket.bufferedAmount > MAX_BACKLOG_BYTES) {
      counters.skipped++;
      return;
    }
    viewer.sent.set(message.type, text);
    viewer.socket.send(text);
    counters.pushes++;
  }

  /** One evaluation per distinct query and turn, however many pages show it. */
  function evaluator(now: Millis): (query: string) => Promise<{ labels: Record<string, string>; value: number }[]> {
    const asked = new Map<string, Promise<{ labels: Record<string, string>; value: number }[]>>();
    return (query) => {
      let answer = asked.get(query);
      if (answer === undefined) {
        answer = engine.instant(query, now).then((result) => {
          if (result.kind === 'scalar') return [{ labels: {}, value: result.value }];
          if (result.kind !== 'vector') throw new TypeError(`a panel needs a vector, not a ${result.kind}`);
          return result.samples
            .filter(({ value }) => Number.isFinite(value))
            .map(({ labels, value }) => ({ labels: labelsToRecord(labels), value }));
        });
        asked.set(query, answer);
      }
      return answer;
    };
  }

  async function push(viewer: Viewer, now: Millis, evaluate: ReturnType<typeof evaluator>, withHosts: boolean): Promise<void> {
    const { wants } = viewer;
    if (wants.status !== undefined) send(viewer, { type: 'status', status: await status(now) });
    if (wants.alerts !== undefined) send(viewer, { type: 'alerts', alerts: [...alerts()] });
    if (wants.hosts !== undefined && withHosts) {
      const { query } = wants.hosts;
      send(viewer, { type: 'hosts', query, page: queryHosts(await fleet.rows(now), query) });
    }
    if (wants.panels !== undefined && wants.panels.panels.length > 0) {
      if (wants.panels.host !== null) liveMode(wants.panels.host, LIVE_MODE_MS);
      const panels = [];
      for (const { id, query } of wants.panels.panels) {
        try {
          panels.push({ id, series: await evaluate(query) });
        } catch (error) {
          send(viewer, { type: 'error', message: `panel ${id}: ${errorMessage(error)}` });
        }
      }
      send(viewer, { type: 'points', timeMs: now, panels });
    }
  }

  async function pushAll(): Promise<void> {
    const now = clock.now();
    const evaluate = evaluator(now);
    turn++;
    for (const viewer of viewers)
      await guarded(viewer, () => push(viewer, now, evaluate, (turn * PUSH_INTERVAL_MS) % HOSTS_INTERVAL_MS === 0));
  }

  async function guarded(viewer: Viewer, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      log.warn({ error: errorMessage(error) }, 'live push failed');
      send(viewer, { type: 'error', message: errorMessage(error) });
    }
  }

  const cancel = clock.every(PUSH_INTERVAL_MS, () => {
    if (viewers.size === 0 || pushing !== undefined) return; // a slow turn is not followed by a queue of turns
    pushing = pushAll().finally(() => {
      pushing = undefined;
    });
  });

  return {
    counters,
    accept(socket) {
      if (stopping) return socket.close(1001, 'collector stops');
      const viewer: Viewer = { socket, wants: {}, sent: new Map() };
      viewers.add(viewer);
      counters.connections++;
      socket.on('close', () => viewers.delete(viewer));
      socket.on('error', () => socket.terminate());
      socket.on('message', (data, isBinary) => {
        const wanted = isBinary ? undefined : parseRequest(String(data));
        if (wanted === undefined) {
          counters.rejected++;
          send(viewer, { type: 'error', message: 'not a /live request; see the API description' });
          return;
        }
        Object.assign(viewer.wants, { [wanted.type]: wanted });
        void guarded(viewer, () => push({ ...viewer, wants: { [wanted.type]: wanted } }, clock.now(), evaluator(clock.now()), true));
      });
    },
    async stop() {
      stopping = true;
      cancel();
      for (const { socket } of viewers) socket.close(1001, 'collector stops');
      await pushing;
    },
  };
}

function parseRequest(text: string): LiveRequest | undefined {
  if (text.length > MAX_REQUEST_BYTES) return undefined;
  try {
    return request.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined; // not JSON: answered like any other malformed request
  }
}
