// The startup probe "binary": the agent's own program finds missing files, sends no request and prints no content.
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { objectAt, textsOf } from '../../src/json/json.ts';
import { obtain } from '../bed/obtain.ts';
import { silentProgress } from '../bed/progress.ts';
import { admit, containerOf, podWith } from '../support/pods.ts';

const SECRET = 'correct horse battery staple';
const FILES = { plain: SECRET, 'a=b @c': SECRET, empty: '', 'with-nul': `\0${SECRET}\n`, large: SECRET.repeat(40_000) };

let programs: ReadonlyMap<string, string>;
let directory: string;
let requests = 0;
const server = createServer((_, response) => {
  requests += 1;
  response.end('{}');
});
beforeAll(async () => {
  programs = await obtain(['bao', 'vault'], '1.36', silentProgress);
  directory = mkdtempSync(join(tmpdir(), 'startup-probe-'));
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
}, 600_000);
afterAll(async () => {
  rmSync(directory, { recursive: true, force: true });
  await new Promise((resolve) => server.close(resolve));
});

/** The arguments of the probe of a pod whose files are in the directory of the test. */
const probe = (files: readonly string[]): readonly string[] => {
  const annotations = Object.fromEntries(
    files.flatMap((file, index) => [
      [`agent-inject-secret-s${index}`, 'kv/x'],
      [`agent-inject-file-s${index}`, file],
    ]),
  );
  const { pod } = admit(
    podWith({
      annotations: {
        'vaultauth.dev/profile': 'native',
        'vaultauth.dev/startup-probe': 'binary',
        'secret-volume-path': directory,
        ...annotations,
      },
    }),
  );
  const command = textsOf(objectAt(objectAt(containerOf(pod, 'vault-agent'), 'startupProbe'), 'exec')?.['command']);
  expect(command.slice(0, 2)).toEqual(['vault', 'write']);
  return command.slice(1);
};

const run = async (program: string, files: readonly string[]): Promise<{ readonly code: number; readonly text: string }> => {
  const { port } = server.address() as AddressInfo;
  const environment = { HOME: directory, VAULT_ADDR: `http://127.0.0.1:${port}`, BAO_ADDR: `http://127.0.0.1:${port}` };
  try {
    const { stdout, stderr } = await promisify(execFile)(program, [...probe(files)], { env: environment });
    return { code: 0, text: stdout + stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, text: stdout + stderr };
  }
};

test.each(['bao', 'vault'])(
  'the probe by %s fails for the missing file, succeeds once all exist, and reveals nothing',
  async (name) => {
    const program = programs.get(name) ?? '';
    const files = Object.keys(FILES);
    for (const [file, content] of Object.entries(FILES)) writeFileSync(join(directory, file), content);
    const ready = await run(program, files);
    expect(ready).toMatchObject({ code: 0 });
    const waiting = await run(program, [...files, 'missing']);
    expect(waiting.code).toBe(1);
    expect(waiting.text).toContain(`open ${directory}/missing: no such file`);
    expect(ready.text + waiting.text).not.toContain('horse');
    expect(requests).toBe(0);
  },
  60_000,
);
