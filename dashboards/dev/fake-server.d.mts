import type { HostState } from '@bellwether/shared/api';

export interface FakeServer {
  url: string;
  password: string;
  link: string;
  fleet: {
    hosts: { id: string; name: string; trouble: HostState }[];
    /** Lets a new critical alert fire on host number `index`. */
    fire(index: number, nowMs: number): void;
    setState(index: number, state: HostState, nowMs: number): void;
  };
  /** Cuts every live connection; while `refuse`, none comes back until `allowLive`. */
  dropLive(refuse: boolean): void;
  allowLive(): void;
  stop(): Promise<void>;
}

export function startFakeServer(options: {
  webDir: string;
  hosts?: number;
  port?: number;
  seed?: number;
  allOk?: boolean;
  startMs?: number;
}): Promise<FakeServer>;
