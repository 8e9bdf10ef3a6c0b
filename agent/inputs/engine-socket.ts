/** Asks a container engine (Docker, or Podman's like interface) over its socket what its containers are called. */
import { request } from 'node:http';
import type { Clock, Millis } from '@bellwether/shared';

export interface EngineContainer {
  /** 64 hexadecimal digits. */
  readonly id: string;
  readonly name: string;
  readonly image: string;
  /** `running`, `exited`, ... */
  readonly state: string;
}

const MAX_BYTES = 4 * 1024 * 1024;
const MAX_NAME = 256;

/** All containers, stopped ones too. Rejects when the engine does not answer in time, or not as it should. */
export function listContainers(socketPath: string, clock: Clock, timeoutMs: Millis): Promise<EngineContainer[]> {
  return new Promise((resolve, reject) => {
    const call = request({ socketPath, path: '/containers/json?all=1', headers: { host: 'localhost' }, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      let length = 0;
      response.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        length += chunk.length;
        if (length > MAX_BYTES) call.destroy(new Error(`${socketPath} answers with more than ${MAX_BYTES} bytes`));
      });
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        if (response.statusCode !== 200) return fail(new Error(`${socketPath} answers ${response.statusCode}`));
        try {
          cancel();
          resolve(parseContainers(text));
        } catch (error) {
          reject(error);
        }
      });
      response.on('error', (error) => fail(error));
    });
    const fail = (error: Error) => {
      cancel();
      reject(error);
    };
    const cancel = clock.after(timeoutMs, () => call.destroy(new Error(`${socketPath} does not answer within ${timeoutMs} ms`)));
    call.on('error', fail);
    call.end();
  });
}

/** The engine's JSON. Entries without an id are left out. */
export function parseContainers(json: string): EngineContainer[] {
  const list: unknown = JSON.parse(json);
  if (!Array.isArray(list)) throw new Error('the engine does not answer with a list');
  return list.flatMap((entry: { Id?: unknown; Names?: unknown; Image?: unknown; State?: unknown } | null): EngineContainer[] => {
    const { Id, Names, Image, State } = entry ?? {};
    if (typeof Id !== 'string' || !/^[0-9a-f]{64}$/.test(Id)) return [];
    const name = Array.isArray(Names) && typeof Names[0] === 'string' ? Names[0].replace(/^\//, '') : Id.slice(0, 12);
    const text = (value: unknown) => (typeof value === 'string' ? value.slice(0, MAX_NAME) : '');
    return [{ id: Id, name: name.slice(0, MAX_NAME), image: text(Image), state: text(State).toLowerCase() }];
  });
}
