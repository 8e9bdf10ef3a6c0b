import { slowReading } from '../../../agent/inputs/slow-reading.ts';

/** A reading whose answers the test gives. */
function slow() {
  const shown: string[] = [];
  const runs: { readonly timeMs: number; readonly answer: (text: string) => void; readonly fail: (error: Error) => void }[] = [];
  const input = slowReading<string>({
    run: (timeMs) => new Promise((answer, fail) => runs.push({ timeMs, answer, fail })),
    show: (text) => shown.push(text),
  });
  return { input, shown, runs };
}

test('a quick answer is shown at once', async () => {
  const { input, shown, runs } = slow();
  const done = input.read(0);
  runs[0]!.answer('a');
  await done;
  expect(shown).toEqual(['a']);
});

test('a late answer is shown at the next reading, and is not asked for twice', async () => {
  const { input, shown, runs } = slow();
  const first = input.read(0);
  input.settle!();
  await first;
  const second = input.read(10_000);
  expect([shown, runs.length]).toEqual([[], 1]);
  runs[0]!.answer('a');
  await second;
  expect(shown).toEqual(['a']);
  const third = input.read(20_000);
  expect(runs.length).toBe(2);
  input.settle!();
  await third;
  expect(shown).toEqual(['a', 'a']);
});

test('an answer that is too old is not shown, and never to have had one fails', async () => {
  const { input, shown, runs } = slow();
  const first = input.read(0);
  runs[0]!.answer('a');
  await first;
  for (const timeMs of [60_000, 120_000, 180_000]) {
    const reading = input.read(timeMs);
    input.settle!();
    await reading;
  }
  expect(shown.length).toBe(4);
  const tooLate = input.read(240_000);
  input.settle!();
  await expect(tooLate).rejects.toThrow('no answer for more than 180 s');

  const never = slow();
  const reading = never.input.read(0);
  never.input.settle!();
  await reading;
  const later = never.input.read(200_000);
  never.input.settle!();
  await expect(later).rejects.toThrow('no answer');
});

test('after a long time in which nobody asked, a late answer is no failure', async () => {
  const { input, shown, runs } = slow();
  const first = input.read(0);
  runs[0]!.answer('a');
  await first;
  const later = input.read(900_000);
  input.settle!();
  await later;
  runs[1]!.answer('b');
  const next = input.read(910_000);
  await next;
  expect(shown).toEqual(['a', 'b']);
});

test('a failure fails the reading, and the next one asks anew', async () => {
  const { input, shown, runs } = slow();
  const first = input.read(0);
  runs[0]!.fail(new Error('broken'));
  await expect(first).rejects.toThrow('broken');
  const second = input.read(10_000);
  runs[1]!.answer('b');
  await second;
  expect(shown).toEqual(['b']);
});

test('what fails after the tick is not thrown at anybody', async () => {
  const { input, runs } = slow();
  const first = input.read(0);
  input.settle!();
  await first;
  runs[0]!.fail(new Error('late'));
  await Promise.resolve();
  input.close!();
});
