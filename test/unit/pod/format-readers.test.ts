// The grammars with which tests read rendered secrets agree with what the original programs read.
import { readFileSync } from 'node:fs';
import { readDockerEnvironment, readProperties, readSystemdEnvironment, type Reading } from '../../support/format-readers.ts';

type Recorded = Readonly<Record<string, string>> | null;
interface Recording {
  /** The original program, and how it was called. */
  readonly reader: string;
  /** Text of a file, and what each way to call the program returned; null if it rejected the file. */
  readonly cases: readonly (readonly [string, ...Recorded[]])[];
}

const recordings = JSON.parse(readFileSync(new URL('../../support/recorded-readers.json', import.meta.url), 'utf8')) as Readonly<
  Record<'properties' | 'systemd' | 'docker', Recording>
>;
const READERS: Readonly<Record<keyof typeof recordings, readonly ((file: Buffer) => Reading)[]>> = {
  properties: [(file) => readProperties(file, 'latin1'), (file) => readProperties(file, 'utf8')],
  systemd: [readSystemdEnvironment],
  docker: [readDockerEnvironment],
};

const asRecorded = (reading: Reading): Recorded => (reading ? Object.fromEntries(reading) : null);

test.each(Object.keys(READERS) as (keyof typeof READERS)[])(
  'reads all recorded files as the original program does: %s',
  (name) => {
    const { cases } = recordings[name];
    expect(cases.length).toBeGreaterThan(70);
    for (const [text, ...recorded] of cases)
      expect([text, ...READERS[name].map((read) => asRecorded(read(Buffer.from(text))))]).toEqual([text, ...recorded]);
  },
);

test.each([
  [65_535, true],
  [65_536, false],
])('reads a line of %i bytes from an environment file of docker: %s', (length, isRead) => {
  const reading = readDockerEnvironment(Buffer.from(`A=${'x'.repeat(length - 2)}\n`));
  expect(reading?.get('A')?.length === length - 2).toBe(isRead);
});
