/** Whether anything is switched on at an address: one TCP connection, accepted or refused. */
import { connect, isIP } from 'node:net';
import { type Clock, errorCode } from '@bellwether/shared';
import { type Answer, COLLECTOR } from './host-verdict.ts';

const TIMEOUT_MS = 2_000;
/** Refused or accepted, a host's own kernel has to answer; most let this port through or refuse it aloud. */
const PORT = 22;

/** Never rejects. A refusal counts as an answer; an error on the way (no route, prohibited) does not: who sends it is not the host. */
export function reach(address: string, clock: Clock, port = PORT): Promise<Answer> {
  const answer = (answered: boolean, what: string): Answer => ({ from: COLLECTOR, answered, detail: `${address} port ${port}${what}` });
  if (isIP(address) === 0) return Promise.resolve(answer(false, ': not an address'));
  return new Promise((resolve) => {
    const socket = connect({ host: address, port });
    const finish = (result: Answer): void => {
      cancel();
      socket.destroy();
      resolve(result);
    };
    const cancel = clock.after(TIMEOUT_MS, () => finish(answer(false, `: no answer in ${TIMEOUT_MS / 1_000} s`)));
    socket.once('connect', () => finish(answer(true, ' is open')));
    socket.once('error', (error) =>
      finish(errorCode(error) === 'ECONNREFUSED' ? answer(true, ' refused') : answer(false, `: ${errorCode(error) ?? 'failed'}`)),
    );
  });
}
