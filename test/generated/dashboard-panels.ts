// The panels of the dashboard: what each shows and how it is queried. deploy/monitoring/dashboard.json is printed from this table.

export interface Panel {
  readonly title: string;
  /** In the terms of Grafana. */
  readonly unit: 'short' | 's' | 'reqps' | 'percentunit' | 'bool';
  readonly queries: readonly { readonly expr: string; readonly legend: string }[];
}

export interface Row {
  readonly title: string;
  readonly panels: readonly Panel[];
}

const P = 'vault_auth_injector';

const one = (title: string, unit: Panel['unit'], expr: string, legend: string): Panel => ({
  title,
  unit,
  queries: [{ expr, legend }],
});

const quantile = (share: number, metric: string, by = ''): string =>
  `histogram_quantile(${share}, sum by (le${by}) (rate(${P}_${metric}_bucket[$__rate_interval])))`;

export const ROWS: readonly Row[] = [
  {
    title: 'Webhook',
    panels: [
      one('Ready replicas', 'short', `sum(${P}_webhook_ready)`, 'ready'),
      one('Reviews by decision', 'reqps', `sum by (decision) (rate(${P}_reviews_total[$__rate_interval]))`, '{{decision}}'),
      {
        title: 'Time of a review',
        unit: 's',
        queries: [
          { expr: quantile(0.5, 'review_duration_seconds'), legend: 'median' },
          { expr: quantile(0.99, 'review_duration_seconds'), legend: '99%' },
        ],
      },
      {
        title: 'Failures',
        unit: 'reqps',
        queries: [
          { expr: `sum(rate(${P}_internal_errors_total[$__rate_interval]))`, legend: 'internal errors' },
          { expr: `sum(rate(${P}_requests_shed_total[$__rate_interval])) or vector(0)`, legend: 'shed' },
          { expr: `sum(rate(${P}_requests_rejected_total[$__rate_interval])) or vector(0)`, legend: 'rejected' },
          { expr: `sum(rate(${P}_tls_handshake_errors_total[$__rate_interval]))`, legend: 'TLS handshakes' },
        ],
      },
      one('Reasons', 'reqps', `sum by (reason) (rate(${P}_reviews_total[$__rate_interval]))`, '{{reason}}'),
      one('Certificate expires in', 's', `min(${P}_certificate_expiry_seconds)`, 'first certificate'),
      one('Age of the caches', 's', `max by (pod) (${P}_webhook_cache_staleness_seconds)`, '{{pod}}'),
      one('Event loop lag', 's', `max by (pod) (${P}_event_loop_lag_seconds)`, '{{pod}}'),
      one(
        'Problems between pods and roles',
        'short',
        `sum by (code, effect) (increase(${P}_role_problems_total[1h])) or vector(0)`,
        '{{code}} {{effect}}',
      ),
      one('Missed pods', 'short', `sum by (reason) (max by (reason) (${P}_missed_pods)) or vector(0)`, '{{reason}}'),
    ],
  },
  {
    title: 'Controller',
    panels: [
      one('Leaders', 'short', `sum(${P}_leading)`, 'leaders'),
      one('Objects', 'short', `max by (kind, reason) (${P}_objects)`, '{{kind}} {{reason}}'),
      one('Failing conditions', 'short', `sum by (kind, type) (${P}_condition_failing) or vector(0)`, '{{kind}} {{type}}'),
      one('Reconciles', 'reqps', `sum by (kind, reason) (rate(${P}_reconciles_total[$__rate_interval]))`, '{{kind}} {{reason}}'),
      one('Time of a reconcile (90%)', 's', quantile(0.9, 'reconcile_duration_seconds', ', kind'), '{{kind}}'),
      one('Work queue', 'short', `sum by (state) (${P}_queue_items)`, '{{state}}'),
      one(
        'Requests to Vault by status',
        'reqps',
        `sum by (endpoint, status) (rate(${P}_vault_request_duration_seconds_count[$__rate_interval]))`,
        '{{endpoint}} {{status}}',
      ),
      one('Time of a request to Vault (90%)', 's', quantile(0.9, 'vault_request_duration_seconds', ', endpoint'), '{{endpoint}}'),
      one('Credentials expire in', 's', `min by (what, name) (${P}_expiry_seconds)`, '{{what}} {{name}}'),
      one('Probe logins', 'bool', `max by (backend) (${P}_probe_success)`, '{{backend}}'),
      one('Drift', 'short', `sum by (kind, outcome) (increase(${P}_drift_total[1h])) or vector(0)`, '{{kind}} {{outcome}}'),
      one('Pending deletions', 'short', `max by (backend) (${P}_pending_deletions)`, '{{backend}}'),
      one('Rollouts', 'short', `sum by (phase) (${P}_rollouts) or vector(0)`, '{{phase}}'),
      one('Age of the caches', 's', `max by (pod) (${P}_controller_cache_staleness_seconds)`, '{{pod}}'),
    ],
  },
];
