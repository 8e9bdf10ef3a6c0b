import { type Address, addressHash, Resolver } from '../../../agent/probes/resolver.ts';

const V4: Address = { address: '192.0.2.1', family: 4 };
const V6: Address = { address: '2001:db8::1', family: 6 };

test.each([
  [[V6, V4], {}, V6],
  [[V4, V6], {}, V4],
  [[V6, V4], { preferred_ip_protocol: 'ip4' }, V4],
  [[V4, V6], { preferred_ip_protocol: 'ip6' }, V6],
  [[V4], { preferred_ip_protocol: 'ip6' }, V4],
  [[V4], { preferred_ip_protocol: 'ip6', ip_protocol_fallback: false }, 'name has no IPv6 address'],
] as const)('of %j with %j', async (found, choice, expected) => {
  const resolver = new Resolver(() => Promise.resolve([...found]));
  const chosen = await resolver.resolve('a.example', choice).catch((error: Error) => error.message);
  expect(chosen).toEqual(expected);
});

test('a literal address needs no lookup', async () => {
  const resolver = new Resolver(() => Promise.reject(new Error('asked')));
  expect(await resolver.resolve('::1')).toEqual({ address: '::1', family: 6 });
  expect(await resolver.resolve('127.0.0.1')).toEqual({ address: '127.0.0.1', family: 4 });
});

test('one question at a time for a name, and a new one afterwards', async () => {
  const asked: string[] = [];
  const answers: ((found: Address[]) => void)[] = [];
  const resolver = new Resolver((host) => {
    asked.push(host);
    return new Promise((resolve) => answers.push(resolve));
  });
  const waiting = [resolver.resolve('a'), resolver.resolve('a'), resolver.resolve('b')];
  expect(asked).toEqual(['a', 'b']);
  answers[0]!([V4]);
  answers[1]!([V6]);
  expect(await Promise.all(waiting)).toEqual([V4, V4, V6]);
  void resolver.resolve('a');
  expect(asked).toEqual(['a', 'b', 'a']);
});

test.each([
  ['127.0.0.1', 4, 3_668_918_509],
  ['::ffff:127.0.0.1', 6, 3_668_918_509],
  ['::ffff:7f00:1', 6, 3_668_918_509],
] as const)('hash of %s', (address, family, hash) => expect(addressHash({ address, family })).toBe(hash));

test('IPv6 addresses hash by their sixteen bytes', () => {
  const hashes = ['::', '::1', '1::', 'fe80::1%eth0', '2001:db8:0:0:0:0:0:1'].map((address) => addressHash({ address, family: 6 }));
  expect(new Set(hashes).size).toBe(5);
  expect(addressHash({ address: '2001:db8::1', family: 6 })).toBe(hashes[4]);
  expect(addressHash({ address: 'fe80::1', family: 6 })).toBe(hashes[3]);
});
