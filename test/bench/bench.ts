// The load test: our server beside a bare one, side by side in one run. This file only chooses the part to play, since the
// bare server and the load client are processes of their own and load no more than they need.
const [part, ...words] = process.argv.slice(2);

if (part === 'anchor') (await import('./anchor.ts')).startAnchor(words);
else if (part === 'client') await (await import('./client.ts')).runClient(words);
else process.exitCode = await (await import('./compare.ts')).compare(process.argv.slice(2));
