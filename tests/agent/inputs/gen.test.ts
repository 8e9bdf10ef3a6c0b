import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { INPUTS } from '../../../agent/inputs/index.ts';
import { INPUTS_INDEX, INPUTS_REFERENCE, inputFiles, readInputs, renderInputsIndex, renderInputsReference } from '../../../scripts/gen.ts';

const root = join(dirname(fileURLToPath(import.meta.url)), '../../..');
const committed = (path: string) => readFileSync(join(root, path), 'utf8');

test('the registry lists every input of the folder (else: npm run gen)', () => {
  expect(committed(INPUTS_INDEX)).toBe(renderInputsIndex(inputFiles(readInputs(root))));
});

test('the reference page is fresh (else: npm run gen)', () => {
  expect(committed(INPUTS_REFERENCE)).toBe(renderInputsReference(INPUTS));
});

test('only files that define an input count', () => {
  const files = new Map([
    ['a-b.ts', 'export default defineInput({'],
    ['helper.ts', '// export default defineInput(\nexport function helper() {}'],
  ]);
  expect(inputFiles(files)).toEqual(['a-b']);
  expect(renderInputsIndex(['a-b'])).toContain("import aB from './a-b.ts';");
});
