// Every panel of the dashboard has data from a webhook and a controller at work. UPDATE=1 draws them into docs/images/dashboard.svg.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { repositoryDirectory } from '../../bed/environment.ts';
import { openPromtool, type Promtool } from '../../bed/promtool.ts';
import { registerWebhook, startWebhook, untilInjecting, type Webhook } from '../../bed/webhook.ts';
import { ROWS } from '../../generated/dashboard-panels.ts';
import { backend, declare } from '../controller/role-stage.ts';
import { ASKING, podsPath, webPod } from '../pods.ts';
import { setStage, type Stage } from '../seeds/stage.ts';
import { evaluate, readScrape, type Scrape } from './evaluate.ts';
import { picture } from './picture.ts';

const SCRAPES = 24;
const DENIED = { ...ASKING, 'vault.hashicorp.com/agent-limits-cpu': 'plenty' };

let stage: Stage;
let webhook: Webhook;
let promtool: Promtool;
let failed = true;

beforeAll(async () => {
  promtool = await openPromtool();
  stage = await setStage('openbao', { isAdministrator: true, flags: ['-resync-factor=0.02'] });
  const flags = [`-kubeconfig=${stage.bed.kubeconfig}`, '-missed-pods=report', '-missed-pods-interval=2s'];
  webhook = await startWebhook(stage.bed, { flags });
  await registerWebhook(stage.bed, { name: 'ours', ...webhook });
  await untilInjecting(stage.bed, 'default');
}, 900_000);
afterAll(async () => {
  promtool?.close();
  await stage?.stop(failed ? 'failed' : 'passed');
});

const scrape = async (): Promise<Scrape> => {
  const texts = await Promise.all(
    [webhook.operations, stage.controller.operations].map(async (address) => (await fetch(`${address}/metrics`)).text()),
  );
  return new Map(texts.flatMap((text, index) => [...readScrape(text, index === 0 ? 'webhook-0' : 'controller-0')]));
};

/** Reviews of several kinds and new roles, until it is stopped. */
const work = async (team: string, isOver: () => boolean): Promise<void> => {
  for (let round = 0; !isOver(); round += 1) {
    const pods = [ASKING, ASKING, ASKING, DENIED, {}].slice(round % 3);
    await Promise.all(
      pods.map((annotations, index) =>
        stage.bed.exchange('POST', podsPath(team, '?dryRun=All'), webPod(`web-${index}`, annotations)),
      ),
    );
    if (round % 10 === 0)
      await declare(stage, team, `web-${round}`, { backendRef: { name: 'kubernetes' }, serviceAccounts: ['web'] });
    await sleep(50 + 100 * (round % 5));
  }
};

it('every panel has data', async () => {
  // Mode Rotated, whose token expires.
  await backend(stage, 'kubernetes', {
    probe: { enabled: true },
    kubernetes: { host: stage.bed.url, reviewer: { mode: 'Rotated' } },
  });
  const team = await stage.bed.createNamespace({ labels: { roles: 'yes' } });
  const scrapes: Scrape[] = [];
  const working = work(team, () => scrapes.length >= SCRAPES);
  while (scrapes.length < SCRAPES) {
    scrapes.push(await scrape());
    await sleep(1000);
  }
  await working;
  const panels = ROWS.flatMap((row) => row.panels.map((panel) => ({ row, panel })));
  const queries = panels.flatMap(({ panel }) => panel.queries);
  const results = await evaluate(promtool, scrapes, queries);
  const drawn = panels.map(({ row, panel }) => ({
    row,
    panel,
    lines: panel.queries.flatMap((query) => results[queries.indexOf(query)] ?? []),
  }));
  expect(drawn.filter(({ lines }) => lines.length === 0).map(({ row, panel }) => `${row.title}: ${panel.title}`)).toEqual([]);
  const svg = picture(ROWS.map(({ title }) => ({ title, panels: drawn.filter(({ row }) => row.title === title) })));
  expect(svg.match(/<polyline/g)?.length).toBeGreaterThan(panels.length);
  if (process.env['UPDATE']) {
    const folder = join(repositoryDirectory(), 'docs', 'images');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'dashboard.svg'), svg);
  }
  failed = false;
}, 180_000);
