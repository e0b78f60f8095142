// Starts a server under a watchdog, prints its process id, and then ends in the way that its first argument names.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startServer } from './server.ts';
import { startWatchdog } from './watchdog.ts';

const [ending = '', directory = ''] = process.argv.slice(2);
mkdirSync(join(directory, 'log'));
writeFileSync(join(directory, 'secret.key'), 'a key');
const watchdog = startWatchdog(directory);
const server = startServer({
  name: 'sleeper',
  command: '/bin/sh',
  arguments: ['-c', 'echo started; exec sleep 600'],
  home: directory,
  logFile: join(directory, 'log', 'sleeper.log'),
  watchdog,
});
process.stdout.write(`${server.pid}\n`, () => {
  if (ending === 'throw') throw new Error('a crash on purpose');
  if (ending === 'exit') process.exit(0);
});
setInterval(() => undefined, 60_000);
