// A lock between processes: a file that holds the owner's process id. It only saves work twice done; results are renamed
// into place as a whole, so that the small race when a dead owner's lock is taken over does no harm.
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** Runs the work while holding the lock; `waiting` is called each second while another living process holds it. */
export async function withLock(file: string, waiting: () => void, work: () => Promise<void>): Promise<void> {
  while (!take(file)) {
    waiting();
    await sleep(1000);
  }
  try {
    await work();
  } finally {
    rmSync(file, { force: true });
  }
}

function take(file: string): boolean {
  try {
    writeFileSync(file, String(process.pid), { flag: 'wx' });
    return true;
  } catch {
    if (!ownerLives(file)) rmSync(file, { force: true });
    return false;
  }
}

function ownerLives(file: string): boolean {
  try {
    const owner = Number(readFileSync(file, 'utf8'));
    // Empty for the instant between creating and writing; for longer only if its owner died in that instant.
    return owner === 0 ? Date.now() - statSync(file).mtimeMs < 10_000 : process.kill(owner, 0);
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
