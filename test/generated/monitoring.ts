// The list of alerts in docs/runbooks, and the chart's copies of the rules of deploy/monitoring.
import { stringify } from 'yaml';
import { ruleGroups } from '../support/monitoring.ts';
import { dashboardDocuments } from './dashboard.ts';
import { code, type Document, tableOf, withBlock } from './markdown.ts';

const COMPONENTS = ['webhook', 'controller'] as const;

const alerts = (): Document =>
  withBlock(
    'docs/runbooks/README.md',
    'alerts',
    tableOf(
      ['Alert', 'Severity', 'Summary'],
      COMPONENTS.flatMap((component) =>
        ruleGroups(component).groups.flatMap(({ rules }) =>
          rules.map(({ alert, labels, annotations }) => [
            `[${alert}](${annotations.runbook.replace('docs/runbooks/', '')})`,
            code(labels.severity),
            annotations.summary,
          ]),
        ),
      ),
    ),
  );

/** Helm reads only files within the chart. */
const rules = (component: (typeof COMPONENTS)[number]): Document => ({
  file: `deploy/chart/files/${component}-rules.yaml`,
  text: `# Printed from deploy/monitoring by \`make generate\`; a test compares.\n${stringify(ruleGroups(component), { lineWidth: 0 })}`,
});

/** Everything for Prometheus and Grafana that is printed. */
export function monitoringDocuments(): readonly Document[] {
  return [alerts(), ...COMPONENTS.map(rules), ...dashboardDocuments()];
}
