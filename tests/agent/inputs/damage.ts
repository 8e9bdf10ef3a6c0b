/** Ways in which a file can be other than what its reader expects, and random numbers that a seed repeats. */
export const SEED = Number(process.env.FUZZ_SEED ?? 8720);

/** Xorshift: the same numbers for the same seed. */
export function randomOf(seed: number): (below: number) => number {
  let state = seed | 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

export type Damage = (content: Buffer, random: (below: number) => number) => Buffer | undefined;

export const DAMAGES: Readonly<Record<string, Damage>> = {
  truncated: (content, random) => content.subarray(0, random(content.length + 1)),
  garbled: (content, random) => {
    const copy = Buffer.from(content);
    for (let i = 0; i < 1 + copy.length / 20; i++) if (copy.length > 0) copy[random(copy.length)] = random(256);
    return copy;
  },
  shuffled: (content, random) =>
    Buffer.from(
      content
        .toString('latin1')
        .split('\n')
        .sort(() => random(3) - 1)
        .join('\n'),
      'latin1',
    ),
  doubled: (content) => Buffer.concat([content, content]),
  digits: (content, random) => Buffer.from(content.toString('latin1').replace(/\d+/, '9'.repeat(random(400))), 'latin1'),
  empty: () => Buffer.alloc(0),
  vanished: () => undefined,
  huge: (content, random) =>
    random(10) === 0 ? Buffer.alloc(9 * 1024 * 1024, content.length > 0 ? content : 'x') : Buffer.alloc(200_000, '1 '),
};
