// The dashboard for Grafana, from its table of panels.
import type { Document } from './markdown.ts';
import { type Panel, ROWS } from './dashboard-panels.ts';

const COLUMNS = 4;
const WIDTH = 24 / COLUMNS;
const HEIGHT = 7;
const DATA_SOURCE = { type: 'prometheus', uid: '${datasource}' };

const panelOf = ({ title, unit, queries }: Panel, id: number, x: number, y: number) => ({
  id,
  type: 'timeseries',
  title,
  datasource: DATA_SOURCE,
  gridPos: { x, y, w: WIDTH, h: HEIGHT },
  fieldConfig: { defaults: { unit, min: 0, custom: { fillOpacity: 10 } }, overrides: [] },
  options: { legend: { displayMode: 'list', placement: 'bottom' }, tooltip: { mode: 'multi' } },
  targets: queries.map(({ expr, legend }, index) => ({
    refId: String.fromCharCode(65 + index),
    datasource: DATA_SOURCE,
    expr,
    legendFormat: legend,
  })),
});

const panels = (): readonly object[] => {
  const all: object[] = [];
  let y = 0;
  for (const row of ROWS) {
    all.push({
      id: all.length + 1,
      type: 'row',
      title: row.title,
      collapsed: false,
      panels: [],
      gridPos: { x: 0, y, w: 24, h: 1 },
    });
    y += 1;
    for (const [index, panel] of row.panels.entries())
      all.push(panelOf(panel, all.length + 1, (index % COLUMNS) * WIDTH, y + Math.floor(index / COLUMNS) * HEIGHT));
    y += Math.ceil(row.panels.length / COLUMNS) * HEIGHT;
  }
  return all;
};

/** The same file twice: for kustomize, and within the chart. */
export function dashboardDocuments(): readonly Document[] {
  const dashboard = {
    uid: 'vault-auth-injector',
    title: 'vault-auth-injector',
    tags: ['vault', 'kubernetes'],
    schemaVersion: 39,
    editable: true,
    refresh: '30s',
    time: { from: 'now-3h', to: 'now' },
    templating: { list: [{ name: 'datasource', label: 'Data source', type: 'datasource', query: 'prometheus' }] },
    panels: panels(),
  };
  const text = `${JSON.stringify(dashboard, undefined, 2)}\n`;
  return ['deploy/monitoring', 'deploy/chart/files'].map((folder) => ({ file: `${folder}/dashboard.json`, text }));
}
