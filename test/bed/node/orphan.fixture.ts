// A process with a bed and a node, started by the test that kills it: prints the bed's folder when a pod could run, then waits.
import { startBedWithNode } from './node.ts';

const bed = await startBedWithNode({ images: [] });
process.stdout.write(`${bed.directory}\n`);
setInterval(() => undefined, 60_000);
