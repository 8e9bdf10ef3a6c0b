/** Whether anything is switched on at an address: one TCP connection, accepted or refused. */
import { createSocket } from 'node:dgram';
import { connect, isIP } from 'node:net';
import { type Clock, errorCode } from '@bellwether/shared';
import { type Answer, COLLECTOR } from './host-verdict.ts';

const TIMEOUT_MS = 2_000;
/** Refused or accepted, a host's own kernel has to answer; most let this port through or refuse it aloud. */
export const REACH_PORT = 22;

/** The two ends of a connection that the host once made. */
export interface Path {
  readonly remote: string;
  /** The collector's own address on it; '' when it is not known. */
  readonly local: string;
}

/**
 * Never rejects. A refusal counts as an answer; an error on the way (no route, prohibited) does not: who sends it is not the host. Neither does
 * anything when the way there leaves by another of our addresses than before: with a link down, a default route may end at somebody else.
 */
export async function reach({ remote, local }: Path, clock: Clock, port = REACH_PORT): Promise<Answer> {
  const answer = (answered: boolean, what: string): Answer => ({ from: COLLECTOR, answered, detail: `${remote} port ${port}${what}` });
  if (isIP(remote) === 0) return answer(false, ': not an address');
  const leaves = await leavesBy(remote);
  if (leaves === undefined || (local !== '' && leaves !== local)) return answer(false, ': no route');
  return new Promise((resolve) => {
    const socket = connect({ host: remote, port });
    const finish = (result: Answer): void => {
      cancel();
      socket.destroy();
      resolve(result);
    };
    const cancel = clock.after(TIMEOUT_MS, () => finish(answer(false, `: no answer in ${TIMEOUT_MS / 1_000} s`)));
    socket.once('connect', () => finish(answer(true, ' is open')));
    socket.on('error', (error) =>
      finish(errorCode(error) === 'ECONNREFUSED' ? answer(true, ' refused') : answer(false, `: ${errorCode(error) ?? 'failed'}`)),
    );
  });
}

/** Our address on the way to `remote`, as the routing table says; nothing is sent. undefined: no way. */
function leavesBy(remote: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = createSocket(isIP(remote) === 6 ? 'udp6' : 'udp4');
    socket.once('error', () => resolve(undefined));
    socket.connect(REACH_PORT, remote, (error?: Error) => {
      resolve(error === undefined ? socket.address().address : undefined);
      socket.close();
    });
  });
}
