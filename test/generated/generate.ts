// make generate: writes the generated files; run in the repository's directory.
import { writeFileSync } from 'node:fs';
import { documents } from './documents.ts';

for (const { file, text } of documents()) {
  writeFileSync(file, text);
  process.stdout.write(`${file}\n`);
}
