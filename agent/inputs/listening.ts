import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Cell, cellsFor, showCells } from './cells.ts';
import { defineInput, gauge, type HostPaths } from './input.ts';
import { isAbsence } from './kept-file.ts';
import { ProcessFiles } from './process-files.ts';
import { slowReading } from './slow-reading.ts';
import { addressText, readSocketTable, type SocketLine } from './socket-table.ts';

const METRICS = {
  node_listening_socket_info: gauge('A socket that waits for connections or datagrams, and the process that holds it; always 1.'),
  node_listening_sockets: gauge('How many there are, those that are not listed included.'),
};
const cell = cellsFor(METRICS);
const FILES = ['tcp', 'tcp6', 'udp', 'udp6'] as const;
const LISTENING = 10;
const UNCONNECTED = 7;
const MAX_SOCKETS = 512;
/** Looking through every process for the owner of a socket is dear; one nobody seems to own is looked for again this much later. */
const LOOK_AGAIN_MS = 600_000;

export default defineInput({
  name: 'listening',
  help: `Sockets that listen and who holds them, from /proc/net and /proc/PID/fd. UDP ports of the range the kernel gives to clients are left out; at most ${MAX_SOCKETS} are listed. Other users’ processes are seen by root only.`,
  metrics: METRICS,
  intervalMs: 120_000,
  slow: true,
  priority: 'extra',
  create({ paths, frame }) {
    const owners = new SocketOwners(new ProcessFiles(paths.procfs));
    return slowReading({
      show: (cells: readonly Cell[]) => showCells(frame, cells),
      async run(timeMs) {
        const sockets = await listeningSockets(paths);
        const processes = await owners.of(
          sockets.map(({ inode }) => inode),
          timeMs,
        );
        return cellsOf(sockets, processes);
      },
    });
  },
});

export interface ListeningSocket {
  readonly proto: 'tcp' | 'udp';
  readonly address: string;
  readonly port: number;
  readonly inode: number;
}

async function listeningSockets({ procfs }: HostPaths): Promise<ListeningSocket[]> {
  const [firstClient, lastClient] = clientPorts(procfs);
  const sockets: ListeningSocket[] = [];
  let found = 0;
  for (const file of FILES) {
    const proto = file.startsWith('tcp') ? 'tcp' : 'udp';
    const visit = ({ state, port, remotePort, address, inode }: SocketLine) => {
      // The kernel lists TCP sockets that listen before all others.
      if (proto === 'tcp' && state !== LISTENING) return false;
      const isClient = proto === 'udp' && (state !== UNCONNECTED || remotePort !== 0 || (port >= firstClient && port <= lastClient));
      if (!isClient) sockets.push({ proto, address: addressText(address), port, inode });
      return true;
    };
    try {
      await readSocketTable(join(procfs, 'net', file), visit);
      found++;
    } catch (error) {
      if (!isAbsence(error)) throw error;
    }
  }
  if (found === 0) throw Object.assign(new Error(`no socket tables in ${procfs}/net`), { code: 'ENOENT' });
  return sockets.sort((a, b) => (a.proto < b.proto ? -1 : a.proto > b.proto ? 1 : a.port - b.port || (a.address < b.address ? -1 : 1)));
}

/** First and last port the kernel gives to sockets that ask for none. */
function clientPorts(procfs: string): readonly [number, number] {
  try {
    const [first, last] = readFileSync(join(procfs, 'sys/net/ipv4/ip_local_port_range'), 'latin1').trim().split(/\s+/).map(Number);
    return [first ?? 32_768, last ?? 60_999];
  } catch (error) {
    if (!isAbsence(error)) throw error;
    return [32_768, 60_999];
  }
}

/** Names of the processes that hold sockets, remembered by the socket's number. */
class SocketOwners {
  readonly #files: ProcessFiles;
  #known = new Map<number, string>();
  readonly #nobody = new Map<number, number>();

  constructor(files: ProcessFiles) {
    this.#files = files;
  }

  async of(inodes: readonly number[], timeMs: number): Promise<ReadonlyMap<number, string>> {
    const wanted = new Set(inodes.filter((inode) => !this.#known.has(inode) && timeMs >= (this.#nobody.get(inode) ?? 0)));
    if (wanted.size > 0) await this.#find(wanted, timeMs);
    const present = new Set(inodes);
    for (const inode of [...this.#known.keys()]) if (!present.has(inode)) this.#known.delete(inode);
    for (const inode of [...this.#nobody.keys()]) if (!present.has(inode)) this.#nobody.delete(inode);
    return this.#known;
  }

  /** The process with the lowest number wins: of a server with workers that is usually the first. */
  async #find(wanted: Set<number>, timeMs: number): Promise<void> {
    await this.#files.walk((pid) => {
      if (wanted.size === 0) return;
      for (const fd of this.#files.entries(pid, 'fd') ?? []) {
        const inode = socketInode(this.#files.link(pid, `fd/${fd}`));
        if (inode === undefined || !wanted.delete(inode)) continue;
        this.#nobody.delete(inode);
        this.#known.set(inode, this.#files.stat(pid)?.comm ?? '');
      }
    });
    for (const inode of wanted) this.#nobody.set(inode, timeMs + LOOK_AGAIN_MS);
  }
}

function socketInode(link: string | undefined): number | undefined {
  const digits = link?.startsWith('socket:[') === true ? link.slice(8, -1) : undefined;
  return digits === undefined ? undefined : Number(digits);
}

/** Sockets that share address, port and process (SO_REUSEPORT) are one series. */
export function cellsOf(sockets: readonly ListeningSocket[], processes: ReadonlyMap<number, string>): Cell[] {
  const cells = new Map<string, Cell>();
  for (const { proto, address, port, inode } of sockets) {
    const process = processes.get(inode) ?? '';
    const key = `${proto} ${address} ${port} ${process}`;
    if (cells.has(key) || cells.size >= MAX_SOCKETS) continue;
    cells.set(key, cell('node_listening_socket_info', { proto, address, port: String(port), process }, 1));
  }
  return [...cells.values(), cell('node_listening_sockets', {}, sockets.length)];
}
