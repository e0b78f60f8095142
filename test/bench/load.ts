// Load on a server from the second core: by wrk when it is installed, else by our own client.
import { spawn, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Load } from './client.ts';

export interface LoadTool {
  readonly name: string;
  /** Sends the review in `file` over so many connections for so many seconds. */
  run(port: number, file: string, connections: number, seconds: number): Promise<Load>;
}

/** wrk when it is in PATH, unless the own client is asked for. `scratch` is a directory for its script. */
export function loadTool(scratch: string, own: boolean): LoadTool {
  return !own && spawnSync('wrk', ['-v']).error === undefined ? wrk(scratch) : { name: 'own client (Node.js)', run: ownClient };
}

const CLIENT_CORE = '1';

const wrk = (scratch: string): LoadTool => ({
  name: 'wrk',
  async run(port, file, connections, seconds) {
    const script = join(scratch, 'review.lua');
    writeFileSync(script, SCRIPT.replace('FILE', file));
    const words = ['-c', CLIENT_CORE, 'wrk', '-t1', `-c${connections}`, `-d${seconds}s`, '--timeout', '5s', '-s', script];
    const output = await outputOf('taskset', [...words, `https://127.0.0.1:${port}/mutate?timeout=5s`]);
    const [requests = 0, microseconds = 1, p50 = 0, p99 = 0, errors = 0] = (/^LOAD (.*)$/m.exec(output)?.[1] ?? '')
      .split(' ')
      .map(Number);
    return { requests, seconds: microseconds / 1e6, p50: p50 / 1000, p99: p99 / 1000, errors };
  },
});

/** wrk's own way to send a body and to give its figures to a program. */
const SCRIPT = `wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
local file = io.open("FILE")
wrk.body = file:read("*a")
file:close()
function done(summary, latency)
  local e = summary.errors
  io.write(string.format("LOAD %d %d %d %d %d\\n", summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99), e.status + e.connect + e.read + e.write + e.timeout))
end
`;

const ownClient = async (port: number, file: string, connections: number, seconds: number): Promise<Load> => {
  const words = [
    '-c',
    CLIENT_CORE,
    process.execPath,
    process.argv[1] ?? '',
    'client',
    String(port),
    file,
    String(connections),
    String(seconds),
  ];
  return JSON.parse(await outputOf('taskset', words));
};

const outputOf = (command: string, words: readonly string[]): Promise<string> =>
  new Promise((resolve, reject) => {
    const child = spawn(command, words, { stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
    child.on('error', reject);
    child.on('close', (code) => (code === 0 ? resolve(output) : reject(new Error(`${command} ended with code ${code}`))));
  });
