import { greeting } from '../../../collector/cli/run-commands.ts';
import { loadConfig } from '../../../collector/config.ts';

test.each([
  ['127.0.0.1:8720', undefined, 'http://127.0.0.1:8720\n'],
  [':8720', undefined, 'http://127.0.0.1:8720, and on every other address of this machine\n'],
  ['[::]:8720', undefined, 'http://[::1]:8720, and on every other address of this machine\n'],
  [':8720', 'https://watch.example.org/', 'https://watch.example.org\n'],
  ['127.0.0.1:0', undefined, 'http://127.0.0.1:40001\n'],
])('listening on %s, reached at %s', async (listen, externalUrl, expected) => {
  const env = { BELLWETHER_LISTEN: listen, ...(externalUrl === undefined ? {} : { BELLWETHER_EXTERNAL_URL: externalUrl }) };
  const { config } = await loadConfig({ env, overrides: [] });
  const text = greeting({ url: 'http://127.0.0.1:40001', firstStart: { link: null, user: 'admin' } }, config);
  expect(text).toMatch(`Bellwether is up at ${expected}Data is in `);
});
