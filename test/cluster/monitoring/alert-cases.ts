// For each alert: series that make it fire, the labels and the description that it has then, and series that do not.

export interface AlertCase {
  readonly alert: string;
  /** Series and their values in the notation of promtool, one value a minute. */
  readonly broken: Readonly<Record<string, string>>;
  /** Minute at which the alert fires; it does not fire five minutes after the start unless this is sooner. */
  readonly after: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly description: string;
  /** The same series while all is well, or close to the threshold. */
  readonly healthy: Readonly<Record<string, string>>;
}

const NAMESPACE = { namespace: 'vault-auth-injector' };
const ONE = { ...NAMESPACE, pod: 'one' };
const TWO = { ...NAMESPACE, pod: 'two' };

/** `vault_auth_injector_ready{pod="one"}` */
const series = (name: string, labels: Readonly<Record<string, string>>): string =>
  `vault_auth_injector_${name}{${Object.entries(labels)
    .map(([key, value]) => `${key}="${value}"`)
    .join(',')}}`;

const condition = (kind: string, type: string, reason: string): string =>
  series('condition_failing', { ...ONE, kind, name: 'main', type, reason });

const BUCKETS = ['0.001', '0.25', '0.5', '1', '+Inf'];
/** Reviews a minute that took at most so many seconds. */
const durations = (counts: readonly number[]): Readonly<Record<string, string>> =>
  Object.fromEntries(
    BUCKETS.map((le, index) => [series('review_duration_seconds_bucket', { ...ONE, le }), `0+${counts[index]}x120`]),
  );

export const WEBHOOK_CASES: readonly AlertCase[] = [
  {
    alert: 'VaultAuthInjectorDown',
    broken: { [series('webhook_ready', ONE)]: '1 1 0x60', [series('webhook_ready', TWO)]: '0x62' },
    after: 4,
    labels: NAMESPACE,
    description:
      'No replica of the webhook in namespace vault-auth-injector is ready, or none is scraped. With failurePolicy Fail, every pod that requests injection is refused; with Ignore, it starts without secrets.',
    healthy: { [series('webhook_ready', ONE)]: '1x62', [series('webhook_ready', TWO)]: '0x62' },
  },
  {
    alert: 'VaultAuthInjectorReplicaNotReady',
    broken: { [series('webhook_ready', ONE)]: '1x62', [series('webhook_ready', TWO)]: '0x62' },
    after: 10,
    labels: TWO,
    description: 'The replica two in namespace vault-auth-injector is not ready. Its /readyz lists the reasons.',
    healthy: { [series('webhook_ready', ONE)]: '1x62', [series('webhook_ready', TWO)]: '0x5 1x62' },
  },
  {
    alert: 'VaultAuthInjectorErrors',
    broken: { [series('internal_errors_total', ONE)]: '0x10 2x60' },
    after: 15,
    labels: NAMESPACE,
    description:
      '2 reviews failed in 10 minutes in namespace vault-auth-injector. The failurePolicy of the webhook decided about these pods.',
    healthy: { [series('internal_errors_total', ONE)]: '7x62' },
  },
  {
    alert: 'VaultAuthInjectorSheds',
    broken: {
      [series('requests_shed_total', { ...ONE, cause: 'in_flight' })]: '0+2x60',
      [series('reviews_total', { ...TWO, decision: 'injected', reason: 'pod-annotation' })]: '0+98x60',
    },
    after: 10,
    labels: NAMESPACE,
    description:
      "2% of the reviews in namespace vault-auth-injector are shed. API servers try them again until the webhook's timeout; then its failurePolicy decides about these pods.",
    healthy: {
      [series('requests_shed_total', { ...ONE, cause: 'in_flight' })]: '0+2x60',
      [series('reviews_total', { ...TWO, decision: 'injected', reason: 'pod-annotation' })]: '0+998x60',
    },
  },
  {
    alert: 'VaultAuthInjectorSlow',
    broken: durations([900, 950, 960, 1000, 1000]),
    after: 15,
    labels: NAMESPACE,
    description: '1% of the reviews in namespace vault-auth-injector take 875ms or longer; usual are 1 ms.',
    healthy: durations([900, 950, 999, 1000, 1000]),
  },
  {
    alert: 'VaultAuthInjectorCertificateExpiring',
    broken: { [series('certificate_expiry_seconds', ONE)]: '80000-60x60' },
    after: 15,
    labels: ONE,
    description:
      'The certificate of one in namespace vault-auth-injector expires in 21h 58m 20s. It is renewed after two thirds of its lifetime, so renewal has failed.',
    healthy: { [series('certificate_expiry_seconds', ONE)]: '201600-60x62' },
  },
  {
    alert: 'VaultAuthInjectorCertificateProblem',
    broken: { [series('tls_problem', ONE)]: '1x60' },
    after: 5,
    labels: ONE,
    description:
      'The certificate of one in namespace vault-auth-injector, or the caBundle of the webhook configuration, has a problem. /readyz of the replica names it.',
    healthy: { [series('tls_problem', ONE)]: '0x10 1 1 1 0x50' },
  },
  {
    alert: 'VaultAuthInjectorCacheStale',
    broken: { [series('webhook_cache_staleness_seconds', ONE)]: '0+60x60' },
    after: 12,
    labels: ONE,
    description:
      'The caches of one in namespace vault-auth-injector have had no activity for 12m 0s: changed namespaces, service accounts and roles do not take effect.',
    healthy: { [series('webhook_cache_staleness_seconds', ONE)]: '5 20 30 5 90 20 120 3x60' },
  },
  {
    alert: 'VaultAuthInjectorPodsMissed',
    broken: { [series('missed_pods', { ...ONE, reason: 'pod-annotation' })]: '2x60' },
    after: 15,
    labels: { ...NAMESPACE, reason: 'pod-annotation' },
    description:
      '2 running pods request injection (pod-annotation) and were not injected: the webhook was not called for them, or did not answer under failurePolicy Ignore.',
    healthy: { [series('missed_pods', { ...ONE, reason: 'pod-annotation' })]: '2x9 0x50' },
  },
];

export const CONTROLLER_CASES: readonly AlertCase[] = [
  {
    alert: 'VaultAuthInjectorNoLeader',
    broken: { [series('leading', ONE)]: '1 0x60', [series('leading', TWO)]: '0x61' },
    after: 7,
    labels: NAMESPACE,
    description:
      'No replica of the controller in namespace vault-auth-injector holds the leader lease, or none is scraped. Nothing is written to Vault. Running pods keep their access until a reviewer token or a key expires.',
    healthy: { [series('leading', ONE)]: '1x10 0x52', [series('leading', TWO)]: '0x12 1x50' },
  },
  {
    alert: 'VaultAuthInjectorControllerNotReady',
    broken: { [series('controller_ready', ONE)]: '0x60' },
    after: 10,
    labels: ONE,
    description: 'The replica one in namespace vault-auth-injector is not ready. Its /readyz lists the reasons.',
    healthy: { [series('controller_ready', ONE)]: '0x5 1x60' },
  },
  {
    alert: 'VaultAuthInjectorControllerCacheStale',
    broken: { [series('controller_cache_staleness_seconds', ONE)]: '0+60x60' },
    after: 12,
    labels: ONE,
    description: 'A watch of one in namespace vault-auth-injector has had no activity for 12m 0s.',
    healthy: { [series('controller_cache_staleness_seconds', ONE)]: '5 20 30 5 90 20 120 3x60' },
  },
  {
    alert: 'VaultAuthInjectorQueueBehind',
    broken: { [series('queue_items', { ...ONE, state: 'ready' })]: '12x90' },
    after: 60,
    labels: { ...ONE, state: 'ready' },
    description:
      'At least 12 objects have been waiting in one in namespace vault-auth-injector all the time: changes take effect late.',
    healthy: {
      [series('queue_items', { ...ONE, state: 'ready' })]: '12x25 0 12x20 0 12x25 0 12x30',
      [series('queue_items', { ...ONE, state: 'waiting' })]: '500x90',
    },
  },
  {
    alert: 'VaultAuthInjectorEndpointFailing',
    broken: { [condition('VaultEndpoint', 'Reachable', 'Sealed')]: '1x60' },
    after: 5,
    labels: { ...NAMESPACE, name: 'main', type: 'Reachable', reason: 'Sealed' },
    description: 'The condition Reachable of the VaultEndpoint main is False: Sealed. Its roles are not reconciled.',
    healthy: { [condition('VaultEndpoint', 'Reachable', 'Sealed')]: '1 1 stale' },
  },
  {
    alert: 'VaultAuthInjectorReviewerBroken',
    broken: { [condition('VaultAuthBackend', 'ReviewerHealthy', 'ProbeDenied')]: '1x60' },
    after: 5,
    labels: { ...NAMESPACE, name: 'main', reason: 'ProbeDenied' },
    description:
      'The reviewer of the VaultAuthBackend main does not work: ProbeDenied. New logins are denied; pods that start now get no secrets.',
    healthy: { [condition('VaultAuthBackend', 'KeysFresh', 'IssuerChanged')]: '1x60' },
  },
  {
    alert: 'VaultAuthInjectorKeysBehind',
    broken: { [condition('VaultAuthBackend', 'KeysFresh', 'KeyRotationPending')]: '1x60' },
    after: 5,
    labels: { ...NAMESPACE, name: 'main', reason: 'KeyRotationPending' },
    description:
      'The keys of the VaultAuthBackend main are behind: KeyRotationPending. Logins with tokens signed by a newer key are denied.',
    healthy: { [condition('VaultAuthBackend', 'ReviewerHealthy', 'ProbeDenied')]: '1x60' },
  },
  {
    alert: 'VaultAuthInjectorBackendFailing',
    broken: { [condition('VaultAuthBackend', 'Configured', 'Drifted')]: '1x60' },
    after: 10,
    labels: { ...NAMESPACE, name: 'main', type: 'Configured', reason: 'Drifted' },
    description: 'The condition Configured of the VaultAuthBackend main is False: Drifted.',
    healthy: { [condition('VaultAuthBackend', 'ReviewerHealthy', 'ProbeDenied')]: '1x60' },
  },
  {
    alert: 'VaultAuthInjectorProbeFailing',
    broken: { [series('probe_success', { ...ONE, backend: 'main', result: 'denied' })]: '0x60' },
    after: 15,
    labels: { ...NAMESPACE, backend: 'main' },
    description: 'No probe login of the VaultAuthBackend main has succeeded for 15 minutes: pods cannot log in either.',
    healthy: {
      [series('probe_success', { ...ONE, backend: 'main', result: 'denied' })]: '0x10 _x50',
      [series('probe_success', { ...ONE, backend: 'main', result: 'succeeded' })]: '_x11 1x50',
    },
  },
  {
    alert: 'VaultAuthInjectorRolesNotReady',
    broken: { [series('objects', { ...ONE, kind: 'VaultAuthRole', reason: 'NotGranted' })]: '3x90' },
    after: 30,
    labels: { ...NAMESPACE, reason: 'NotGranted' },
    description: '3 objects have been not Ready for 30 minutes, for the reason NotGranted.',
    healthy: {
      [series('objects', { ...ONE, kind: 'VaultAuthRole', reason: 'Ready' })]: '900x90',
      [series('objects', { ...ONE, kind: 'VaultAuthRole', reason: 'Unknown' })]: '5x90',
      [series('objects', { ...ONE, kind: 'VaultEndpoint', reason: 'Sealed' })]: '1x90',
    },
  },
  {
    alert: 'VaultAuthInjectorRolesNotCached',
    broken: { [series('roles_synced', ONE)]: '0x60' },
    after: 15,
    labels: ONE,
    description:
      'The replica one of the webhook in namespace vault-auth-injector has not listed the VaultAuthRoles: it injects pods by their annotations alone. A pod that names a role in another way is refused or warned.',
    healthy: { [series('roles_synced', ONE)]: '0 0 1x60' },
  },
  {
    alert: 'VaultAuthInjectorPendingDeletions',
    broken: { [series('pending_deletions', { ...ONE, backend: 'main' })]: '2x90' },
    after: 60,
    labels: { ...NAMESPACE, backend: 'main' },
    description:
      '2 roles of the VaultAuthBackend main whose objects were deleted are still in Vault: their service accounts can still log in.',
    healthy: { [series('pending_deletions', { ...ONE, backend: 'main' })]: '2x50 0x40' },
  },
  {
    alert: 'VaultAuthInjectorCredentialExpiring',
    broken: { [series('expiry_seconds', { ...ONE, what: 'client_certificate', name: 'main' })]: '600000-60x60' },
    after: 5,
    labels: { ...NAMESPACE, what: 'client_certificate', name: 'main' },
    description:
      'The client_certificate of main expires in 6d 22h 35m 0s (negative: it has expired). Nothing renews a client certificate but its owner; tokens are renewed by the controller.',
    healthy: {
      [series('expiry_seconds', { ...ONE, what: 'client_certificate', name: 'main' })]: '900000-60x60',
      [series('expiry_seconds', { ...ONE, what: 'token', name: 'main' })]: '300 240 180 120 1200 600 300x60',
    },
  },
  {
    alert: 'VaultAuthInjectorRolloutsStopped',
    broken: { [series('rollouts', { ...ONE, phase: 'stopped' })]: '1x60' },
    after: 15,
    labels: NAMESPACE,
    description: '1 workloads do not run with the current versions of their secrets: a new pod did not become ready.',
    healthy: { [series('rollouts', { ...ONE, phase: 'rest' })]: '4x60' },
  },
];
