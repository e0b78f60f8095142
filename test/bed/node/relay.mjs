// Carries connections from 127.0.0.1 outside into the namespaces of a node. A socket belongs to the network in which it was
// made: the listening ones come from outside over the channel, and what is connected here belongs to the network in here.
import { connect } from 'node:net';
import { pipeline } from 'node:stream';

process.on('message', ({ port }, server) => {
  server.on('connection', (near) => {
    const far = connect({ port, host: '127.0.0.1', noDelay: true });
    near.setNoDelay(true);
    pipeline(near, far, near, () => undefined);
  });
  process.send({ port });
});
// The process that started this one is gone.
process.on('disconnect', () => process.exit());
