/** The part of net-snmp that session.ts uses; the package brings no types. */
declare module 'net-snmp' {
  export interface Varbind {
    readonly oid: string;
    /** One of ObjectType. */
    readonly type: number;
    /** Numbers as numbers, OIDs and addresses as text, Counter64 and octets as Buffer; null for the three "nothing here" types. */
    readonly value: number | string | boolean | Buffer | null;
  }

  export interface DatagramSocket {
    on(event: string, listener: (...args: never[]) => void): unknown;
    send(
      buffer: Buffer,
      offset: number,
      length: number,
      port: number,
      address: string,
      sent: (error: Error | null, bytes?: number) => void,
    ): void;
    close(): unknown;
    ref(): unknown;
    unref(): unknown;
  }

  export interface SessionOptions {
    version?: number;
    port?: number;
    retries?: number;
    timeout?: number;
    context?: string;
    transport?: 'udp4' | 'udp6';
    dgramModule?: { createSocket(transport: string): DatagramSocket };
  }

  export interface User {
    name: string;
    level: number;
    authProtocol?: number;
    authKey?: string;
    privProtocol?: number;
    privKey?: string;
  }

  export interface Session {
    get(oids: string[], answered: (error: Error | null, varbinds: Varbind[]) => void): void;
    getBulk(
      oids: string[],
      nonRepeaters: number,
      maxRepetitions: number,
      answered: (error: Error | null, varbinds: Varbind[][]) => void,
    ): void;
    on(event: 'error', listener: (error: Error) => void): unknown;
    close(): void;
  }

  const snmp: {
    Version2c: number;
    Version3: number;
    SecurityLevel: Readonly<Record<string, number>>;
    AuthProtocols: Readonly<Record<string, number>>;
    PrivProtocols: Readonly<Record<string, number>>;
    createSession(target: string, community: string, options: SessionOptions): Session;
    createV3Session(target: string, user: User, options: SessionOptions): Session;
  };
  export default snmp;
}
