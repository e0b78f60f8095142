// Whatever ends the process that started a bed, the servers end too and keys do not stay behind.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundleTool, type Tool } from './tool.ts';
import { eventually } from '../support/eventually.ts';

let tool: Tool;
let directory: string;
beforeAll(async () => {
  tool = await bundleTool('orphan.fixture.ts');
});
afterAll(() => tool.remove());
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'watchdog-test-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

/** A process that has ended but was not yet collected by its parent still has an id, so its state is read. */
const alive = (pid: number): boolean => {
  try {
    return !/^\d+ \(.*\) [ZX]/s.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
};
it.each(['SIGKILL', 'SIGINT', 'SIGTERM', 'exit', 'throw'] as const)(
  'ends the servers of a process that ends by %s',
  async (ending) => {
    const parent = spawn(process.execPath, [tool.file, ending, directory], { stdio: ['ignore', 'pipe', 'ignore'] });
    const pid = Number(String(await once(parent.stdout, 'data')));
    expect(pid).toBeGreaterThan(1);
    if (ending !== 'exit' && ending !== 'throw') {
      expect(alive(pid)).toBe(true);
      parent.kill(ending);
    }
    await eventually(() => !alive(pid));
    await eventually(() => !existsSync(join(directory, 'secret.key')));
  },
);
