// What the command check looks at: the name of each check, its area, and what is true when it passes. The guide lists the same.

export const AREAS = ['cluster', 'install', 'webhook', 'controller', 'vault', 'login'] as const;
export type Area = (typeof AREAS)[number];

interface Check {
  readonly area: Area;
  /** What is true when the check passes. */
  readonly sentence: string;
}

const check = (area: Area, sentence: string): Check => ({ area, sentence });

export const checks = {
  'api-server': check('cluster', 'The API server answers, and accepts these credentials.'),
  version: check('cluster', 'The version of Kubernetes is supported.'),
  nodes: check('cluster', 'The kubelets are new enough for environment variables from secrets.'),
  clock: check('cluster', 'The clock of this machine and that of the API server agree.'),
  'other-injector': check('cluster', 'No other injector reacts to the same annotations.'),

  'install-rights': check('install', 'These credentials may create what deploy/ contains.'),
  'install-namespace': check('install', 'Pod security, quotas and policies of the namespace admit the pods of the product.'),

  registration: check('webhook', 'A MutatingWebhookConfiguration registers the webhook.'),
  entries: check('webhook', 'The entries for labelled and for annotated pods are registered.'),
  'failure-policy': check('webhook', 'Pods that request injection are not admitted without it.'),
  operations: check('webhook', 'Only the creation of pods is sent.'),
  'own-namespace': check('webhook', 'The pods of the webhook are not sent to the webhook.'),
  service: check('webhook', 'The Service exists and has the registered port.'),
  replicas: check('webhook', 'The Deployment has two or more replicas.'),
  ready: check('webhook', 'A replica of the webhook is ready.'),
  'ca-bundle': check('webhook', 'The caBundle of each entry holds the CA of the webhook.'),
  certificate: check('webhook', 'The CA and the serving certificate are valid, and for the right host.'),
  path: check('webhook', 'The webhook serves the registered path.'),
  reachable: check('webhook', 'The API server reaches the webhook: a pod that is created as a dry run is injected.'),
  'webhook-rights': check('webhook', 'The service account of the webhook has its rights.'),

  crds: check('controller', 'The four kinds are installed, in the version of this program.'),
  'controller-ready': check('controller', 'A replica of the controller is ready.'),
  leader: check('controller', 'A replica of the controller holds the Lease and renews it.'),
  'controller-rights': check('controller', 'The service account of the controller has its rights.'),

  endpoint: check('vault', 'The controller reaches the server of each VaultEndpoint and is logged in.'),
  backend: check('vault', 'The mount of each VaultAuthBackend is configured, and logins work.'),
  'default-backend': check('vault', 'At most one VaultAuthBackend is the default.'),
  policy: check('vault', 'Each VaultACLPolicy is in Vault.'),
  role: check('vault', 'Each VaultAuthRole is in Vault.'),
  'pending-deletions': check('vault', 'No role is left to delete in Vault.'),

  'service-account': check('login', 'The service account exists.'),
  'login-role': check('login', 'A VaultAuthRole binds the service account, or -role and -path name a role.'),
  'login-token': check('login', 'The API server issues a token for the service account.'),
  'vault-server': check('login', 'The server answers, is initialized and unsealed.'),
  'vault-mount': check('login', 'The auth mount exists and is configured.'),
  'vault-role': check('login', 'The role exists in Vault.'),
  audience: check('login', 'The role accepts the audience of the token.'),
  binding: check('login', 'The role is bound to the service account.'),
  reviewer: check('login', 'The token reviewer of the mount may review tokens.'),
  'token-review': check('login', 'Vault reaches the API server, which accepts the token.'),
  login: check('login', 'Vault issues a token.'),
} as const satisfies Readonly<Record<string, Check>>;

export type CheckName = keyof typeof checks;

/** skip: not looked at, because an earlier check failed or it does not apply. */
export type LineStatus = 'ok' | 'warn' | 'fail' | 'skip';

/** One result. A warning or failure has a remedy. */
export interface Line {
  readonly check: CheckName;
  readonly status: LineStatus;
  readonly message: string;
  readonly remedy?: string;
}

/** The check passed. */
export function ok(name: CheckName, message: string): Line {
  return { check: name, status: 'ok', message };
}

/** It works, but not as it should. */
export function warn(name: CheckName, message: string, remedy: string): Line {
  return { check: name, status: 'warn', message, remedy };
}

/** It does not work. */
export function fail(name: CheckName, message: string, remedy: string): Line {
  return { check: name, status: 'fail', message, remedy };
}

/** Not looked at, with the reason. */
export function skip(name: CheckName, message: string): Line {
  return { check: name, status: 'skip', message };
}

/** True if one of the lines is a failure. */
export function hasFailed(lines: readonly Line[]): boolean {
  return lines.some(({ status }) => status === 'fail');
}
