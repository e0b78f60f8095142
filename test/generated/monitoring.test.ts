// Alerts read metrics that exist, and each has a page.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { metricsIn, ruleGroups } from '../support/monitoring.ts';
import { ROWS } from './dashboard-panels.ts';
import { metricsDocument } from './metrics.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const PAGES = join(ROOT, 'docs', 'runbooks');
const rules = (['webhook', 'controller'] as const).flatMap((component) =>
  ruleGroups(component).groups.flatMap((group) => group.rules),
);
const reference = metricsDocument().text;

it.each(rules.map(({ alert, expr }) => [alert, expr]))('%s reads metrics of the reference', (_, expr) => {
  const names = metricsIn(expr);
  expect(names.length).toBeGreaterThan(0);
  expect(names.filter((name) => !reference.includes(`| \`${name}\` |`))).toEqual([]);
});

it.each(rules.map(({ alert, annotations }) => [alert, annotations.runbook]))('%s has a page', (alert, page) => {
  const text = readFileSync(join(ROOT, page), 'utf8');
  expect(text.split('\n').filter((line) => line.startsWith('#') && !line.startsWith('# '))).toEqual([
    '## Meaning',
    '## Check',
    '## Fix',
  ]);
  expect(text.split('\n')[0]).toBe(`# ${alert}`);
  const links = [...text.matchAll(/\]\(([a-z-]+\.md)\)/g)].map(([, name]) => name ?? '');
  expect(links.filter((name) => !readdirSync(PAGES).includes(name))).toEqual([]);
});

it('each page has an alert', () => {
  const pages = readdirSync(PAGES).filter((name) => name !== 'README.md');
  expect(pages.toSorted()).toEqual(rules.map(({ annotations }) => annotations.runbook.replace('docs/runbooks/', '')).toSorted());
});

const panels = ROWS.flatMap((row) => row.panels.map((panel) => [`${row.title}: ${panel.title}`, panel.queries] as const));

it.each(panels)('the panel %s queries metrics and labels of the reference', (_, queries) => {
  for (const { expr, legend } of queries) {
    const names = metricsIn(expr);
    expect(names.length).toBeGreaterThan(0);
    const lines = reference.split('\n').filter((line) => names.some((name) => line.startsWith(`| \`${name}\` |`)));
    expect(lines).toHaveLength(names.length);
    // Prometheus adds the label pod.
    const labels = [...legend.matchAll(/\{\{(\w+)\}\}/g)].map(([, label]) => label ?? '').filter((label) => label !== 'pod');
    expect(labels.filter((label) => !lines.every((line) => line.includes(`\`${label}\``)))).toEqual([]);
  }
});
