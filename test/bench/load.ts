// Load on a server from the second core: by wrk when it is installed, otherwise by our own client.
import { spawn, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Load } from './client.ts';
import { LAP, REPLICA, shuffledPods, type Workload } from './workloads.ts';

/** A set of workloads in files that load clients read: the templates one a line, and the line of each pod in the order of sending. */
export interface PodFiles {
  readonly templates: string;
  readonly order: string;
}

export interface LoadTool {
  readonly name: string;
  /** Sends the pods over so many connections for so many seconds; `round` makes the workloads new for the server. */
  run(port: number, files: PodFiles, connections: number, seconds: number, round: number): Promise<Load>;
}

/** Writes a set into `directory`; `name` begins the names of its files. */
export function writePods(directory: string, name: string, set: readonly Workload[]): PodFiles {
  const files = { templates: join(directory, `${name}.templates`), order: join(directory, `${name}.order`) };
  writeFileSync(files.templates, set.map(({ template }) => `${template}\n`).join(''));
  writeFileSync(
    files.order,
    shuffledPods(set)
      .map((index) => `${index + 1}\n`)
      .join(''),
  );
  return files;
}

/** wrk when it is in PATH, unless the own client is requested. `scratch` is a directory for its script. */
export function loadTool(scratch: string, own: boolean): LoadTool {
  return !own && spawnSync('wrk', ['-v']).error === undefined ? wrk(scratch) : { name: 'own client (Node.js)', run: ownClient };
}

const CLIENT_CORE = '1';
/** Laps of one round, at most: laps of different rounds have different numbers. */
const LAPS_PER_ROUND = 1000;

const wrk = (scratch: string): LoadTool => ({
  name: 'wrk',
  async run(port, files, connections, seconds, round) {
    const script = join(scratch, 'pods.lua');
    writeFileSync(script, SCRIPT);
    const words = ['-c', CLIENT_CORE, 'wrk', '-t1', `-c${connections}`, `-d${seconds}s`, '--timeout', '5s', '-s', script];
    const url = `https://127.0.0.1:${port}/mutate?timeout=5s`;
    const output = await outputOf('taskset', [...words, url, '--', files.templates, files.order, String(round * LAPS_PER_ROUND)]);
    const [requests = 0, microseconds = 1, p50 = 0, p99 = 0, errors = 0] = (/^LOAD (.*)$/m.exec(output)?.[1] ?? '')
      .split(' ')
      .map(Number);
    return { requests, seconds: microseconds / 1e6, p50: p50 / 1000, p99: p99 / 1000, errors };
  },
});

/** Fills the templates as `podReview` does. A template is split at its markers once, so that a request is one concatenation. */
const SCRIPT = `local workloads, order = {}, {}
local lap, position, count = 0, 0, 0

local function split(template)
  local parts, replicas, laps, from = {}, {}, {}, 1
  for start, marker, after in template:gmatch("()(@%u+@)()") do
    parts[#parts + 1] = template:sub(from, start - 1)
    parts[#parts + 1] = marker
    if marker == "${REPLICA}" then replicas[#replicas + 1] = #parts end
    if marker == "${LAP}" then laps[#laps + 1] = #parts end
    from = after
  end
  parts[#parts + 1] = template:sub(from)
  return { parts = parts, replicas = replicas, laps = laps }
end

local function digits(value)
  return string.format("%05d", value % 100000)
end

function init(args)
  for line in io.lines(args[1]) do workloads[#workloads + 1] = split(line) end
  for line in io.lines(args[2]) do order[#order + 1] = tonumber(line) end
  lap = tonumber(args[3])
  wrk.headers["Content-Type"] = "application/json"
end

function request()
  if position == #order then position, lap = 0, lap + 1 end
  position, count = position + 1, count + 1
  local workload = workloads[order[position]]
  for _, index in ipairs(workload.replicas) do workload.parts[index] = digits(count) end
  for _, index in ipairs(workload.laps) do workload.parts[index] = digits(lap) end
  return wrk.format("POST", nil, nil, table.concat(workload.parts))
end

function done(summary, latency)
  local e = summary.errors
  io.write(string.format("LOAD %d %d %d %d %d\\n", summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99), e.status + e.connect + e.read + e.write + e.timeout))
end
`;

const ownClient: LoadTool['run'] = async (port, files, connections, seconds, round) => {
  const numbers = [port, connections, seconds, round * LAPS_PER_ROUND].map(String);
  const words = ['-c', CLIENT_CORE, process.execPath, process.argv[1] ?? '', 'client', files.templates, files.order, ...numbers];
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
