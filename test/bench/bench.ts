// The load tests: our webhook beside a bare server, side by side in one run, and the config controller with many roles.
// This file only chooses the part: the bare server and the load client are processes of their own and must load no more than they need.
const [part, ...words] = process.argv.slice(2);

if (part === 'anchor') (await import('./anchor.ts')).startAnchor(words);
else if (part === 'client') await (await import('./client.ts')).runClient(words);
else if (part === 'controller') process.exitCode = await (await import('./controller.ts')).measureController(words);
else process.exitCode = await (await import('./compare.ts')).compare(process.argv.slice(2));
