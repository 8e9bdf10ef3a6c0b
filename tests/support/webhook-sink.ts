/** A real HTTP receiver of webhooks that keeps what it is given. */
import { once } from 'node:events';
import { createServer } from 'node:http';

export interface WebhookBody {
  readonly version: string;
  readonly status: string;
  readonly alerts: { status: string; labels: Record<string, string>; annotations: Record<string, string> }[];
}

export interface WebhookSink {
  readonly url: string;
  readonly bodies: WebhookBody[];
  stop(): void;
}

export async function startWebhookSink(onBody: (body: WebhookBody) => void = () => {}): Promise<WebhookSink> {
  const bodies: WebhookBody[] = [];
  const server = createServer((request, response) => {
    let text = '';
    request.on('data', (chunk) => {
      text += chunk;
    });
    request.on('end', () => {
      const body = JSON.parse(text) as WebhookBody;
      bodies.push(body);
      onBody(body);
      response.end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new TypeError('no port');
  return { url: `http://127.0.0.1:${address.port}/hook`, bodies, stop: () => server.close() };
}
