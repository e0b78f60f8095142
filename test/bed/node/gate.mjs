// A door before a server: node gate.mjs PORT TARGET_PORT. While it runs, connections to PORT reach 127.0.0.1:TARGET_PORT; when it
// is killed they break, and new ones are refused, as when the server itself were away.
import { connect, createServer } from 'node:net';
import { pipeline } from 'node:stream';

const [port, target] = process.argv.slice(2).map(Number);
createServer((near) => {
  const far = connect({ port: target, host: '127.0.0.1', noDelay: true });
  pipeline(near, far, near, () => undefined);
}).listen(port, '0.0.0.0', () => console.log('open'));
