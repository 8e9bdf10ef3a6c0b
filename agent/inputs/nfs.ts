import { counter, defineInput } from './input.ts';
import { methodPlaces, type Place, PROC2, PROC3, placedColumns } from './rpc-table.ts';
import { someColumns, tableInput } from './table-input.ts';

const METRICS = {
  node_nfs_packets_total: counter('Packets the NFS client exchanged.'),
  node_nfs_connections_total: counter('TCP connections the NFS client made.'),
  node_nfs_rpcs_total: counter('Calls of the NFS client.'),
  node_nfs_rpc_retransmissions_total: counter('Calls the NFS client had to repeat.'),
  node_nfs_rpc_authentication_refreshes_total: counter('Times the NFS client renewed its credentials.'),
  node_nfs_requests_total: counter('Calls by version of the protocol and by procedure.'),
};
const PROC4 =
  'Null Read Write Commit Open OpenConfirm OpenNoattr OpenDowngrade Close Setattr FsInfo Renew SetClientID SetClientIDConfirm Lock Lockt ' +
  'Locku Access Getattr Lookup LookupRoot Remove Rename Link Symlink Create Pathconf StatFs ReadLink ReadDir ServerCaps DelegReturn GetACL ' +
  'SetACL FsLocations ReleaseLockowner Secinfo FsidPresent ExchangeID CreateSession DestroySession Sequence GetLeaseTime ReclaimComplete ' +
  'GetDeviceInfo LayoutGet LayoutCommit LayoutReturn SecinfoNoName TestStateID FreeStateID GetDeviceList BindConnToSession DestroyClientID ' +
  'Seek Allocate DeAllocate LayoutStats Clone';
const PLACES: readonly Place[] = [
  place('net', 1, 'node_nfs_packets_total', { protocol: 'udp' }),
  place('net', 2, 'node_nfs_packets_total', { protocol: 'tcp' }),
  place('net', 3, 'node_nfs_connections_total'),
  place('rpc', 0, 'node_nfs_rpcs_total'),
  place('rpc', 1, 'node_nfs_rpc_retransmissions_total'),
  place('rpc', 2, 'node_nfs_rpc_authentication_refreshes_total'),
  ...[PROC2, PROC3, PROC4].flatMap((methods, i) =>
    methodPlaces(`proc${i + 2}`, String(i + 2), methods, 'node_nfs_requests_total', METRICS.node_nfs_requests_total),
  ),
];

function place(line: string, at: number, name: keyof typeof METRICS, labels?: Readonly<Record<string, string>>): Place {
  return { line, at, name, info: METRICS[name], labels };
}

export default defineInput({
  name: 'nfs',
  help: 'Calls of the NFS client, from /proc/net/rpc/nfs.',
  metrics: METRICS,
  create: ({ proc, frame }) =>
    tableInput(frame, [{ table: proc('net/rpc/nfs', { names: 1 }) }], ([lines]) =>
      someColumns('/proc/net/rpc/nfs', placedColumns(lines!, PLACES)),
    ),
});
