import { counter, defineInput, gauge } from './input.ts';
import { methodPlaces, type Place, PROC2, PROC3, placedColumns } from './rpc-table.ts';
import { someColumns, tableInput } from './table-input.ts';

const METRICS = {
  node_nfsd_reply_cache_hits_total: counter('Repeated calls that were answered from the reply cache.'),
  node_nfsd_reply_cache_misses_total: counter('Calls that the reply cache did not know.'),
  node_nfsd_reply_cache_nocache_total: counter('Calls that need no place in the reply cache.'),
  node_nfsd_file_handles_stale_total: counter('Calls with a file handle of what is no longer there.'),
  node_nfsd_disk_bytes_read_total: counter('Bytes read for clients.'),
  node_nfsd_disk_bytes_written_total: counter('Bytes written for clients.'),
  node_nfsd_server_threads: gauge('Threads of the NFS server.'),
  node_nfsd_read_ahead_cache_size_blocks: gauge('Places of the read-ahead cache.'),
  node_nfsd_read_ahead_cache_not_found_total: counter('Reads that the read-ahead cache did not know.'),
  node_nfsd_packets_total: counter('Packets the NFS server exchanged.'),
  node_nfsd_connections_total: counter('TCP connections clients made.'),
  node_nfsd_server_rpcs_total: counter('Calls of clients.'),
  node_nfsd_rpc_errors_total: counter('Calls of clients that were refused, by reason.'),
  node_nfsd_requests_total: counter('Calls by version of the protocol and by procedure or operation.'),
};
/** Operations of version 4 by number; those of 4.1 and later are not told. */
const OPS4 =
  '- - - Access Close Commit Create DelegPurge DelegReturn GetAttr GetFH Link Lock Lockt Locku Lookup LookupRoot Nverify Open OpenAttr ' +
  'OpenConfirm OpenDgrd PutFH - - Read ReadDir ReadLink Remove Rename Renew RestoreFH SaveFH SecInfo SetAttr SetClientID ' +
  'SetClientIDConfirm Verify Write RelLockOwner';
const REQUESTS = ['node_nfsd_requests_total', METRICS.node_nfsd_requests_total] as const;
const PLACES: readonly Place[] = [
  place('rc', 0, 'node_nfsd_reply_cache_hits_total'),
  place('rc', 1, 'node_nfsd_reply_cache_misses_total'),
  place('rc', 2, 'node_nfsd_reply_cache_nocache_total'),
  place('fh', 0, 'node_nfsd_file_handles_stale_total'),
  place('io', 0, 'node_nfsd_disk_bytes_read_total'),
  place('io', 1, 'node_nfsd_disk_bytes_written_total'),
  place('th', 0, 'node_nfsd_server_threads'),
  place('ra', 0, 'node_nfsd_read_ahead_cache_size_blocks'),
  place('ra', 11, 'node_nfsd_read_ahead_cache_not_found_total'),
  place('net', 1, 'node_nfsd_packets_total', { proto: 'udp' }),
  place('net', 2, 'node_nfsd_packets_total', { proto: 'tcp' }),
  place('net', 3, 'node_nfsd_connections_total'),
  place('rpc', 0, 'node_nfsd_server_rpcs_total'),
  place('rpc', 2, 'node_nfsd_rpc_errors_total', { error: 'fmt' }),
  place('rpc', 3, 'node_nfsd_rpc_errors_total', { error: 'auth' }),
  place('rpc', 4, 'node_nfsd_rpc_errors_total', { error: 'cInt' }),
  ...methodPlaces('proc2', '2', PROC2.replace('Null', '-'), ...REQUESTS),
  ...methodPlaces('proc3', '3', PROC3.replace('Null', '-'), ...REQUESTS),
  ...methodPlaces('proc4ops', '4', OPS4, ...REQUESTS),
  place('wdeleg_getattr', 0, 'node_nfsd_requests_total', { proto: '4', method: 'WdelegGetattr' }),
];

function place(line: string, at: number, name: keyof typeof METRICS, labels?: Readonly<Record<string, string>>): Place {
  return { line, at, name, info: METRICS[name], labels };
}

export default defineInput({
  name: 'nfsd',
  help: 'Calls of NFS clients to this server, from /proc/net/rpc/nfsd.',
  metrics: METRICS,
  create: ({ proc, frame }) =>
    tableInput(frame, [{ table: proc('net/rpc/nfsd', { names: 1 }) }], ([lines]) =>
      someColumns('/proc/net/rpc/nfsd', placedColumns(lines!, PLACES)),
    ),
});
