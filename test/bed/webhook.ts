// Our webhook as a process beside a bed's servers: fresh certificate, free ports, registered with the API server.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { RULES } from '../../src/kube/webhook-configuration.ts';
import { isObject, type JsonObject, objectAt, objectsOf } from '../../src/json/json.ts';
import type { Bed } from './bed.ts';
import { repositoryDirectory } from './environment.ts';
import { answersOk } from './parts.ts';
import { freePorts } from './ports.ts';
import { type Server, untilReady } from './server.ts';
import { eventually } from '../support/eventually.ts';

export interface WebhookOptions {
  /** Name of the process and its log. Default "webhook". */
  readonly name?: string;
  /** Default "webhook". */
  readonly command?: 'webhook' | 'agent-inject';
  /** Further flags, after ours. */
  readonly flags?: readonly string[];
}

export interface Webhook {
  readonly server: Server;
  /** Address for reviews, path included. */
  readonly url: string;
  /** Address of its health and metrics, without a path. */
  readonly operations: string;
  /** PEM of the authority that signed its certificate. */
  readonly authority: string;
}

export interface Registration {
  /** Name of the MutatingWebhookConfiguration; its entries are those of deploy/manifests. */
  readonly name: string;
  readonly url: string;
  readonly authority: string;
  /** For all entries. Default: as each has it. */
  readonly failurePolicy?: 'Fail' | 'Ignore';
  /** Only pods of this namespace. */
  readonly namespace?: string;
}

/** Address that injected agents get; nothing listens there, since no pod of a bed runs. */
export const VAULT_ADDRESS = 'http://vault.vault.svc:8200';

const MANIFEST = 'deploy/manifests/webhook.yaml';

/**
 * Starts `node dist/vault-auth-injector.js` and waits until it says that it is ready.
 * @throws with the end of its log when it ends before that.
 */
export async function startWebhook(bed: Bed, options: WebhookOptions = {}): Promise<Webhook> {
  const program = join(repositoryDirectory(), 'dist', 'vault-auth-injector.js');
  if (!existsSync(program)) throw new Error(`${program} is missing: run "node build.mjs"`);
  const name = options.name ?? 'webhook';
  const [port = 0, operationsPort = 0] = await freePorts(2);
  const operations = `http://127.0.0.1:${operationsPort}`;
  const { certificate, key } = bed.credentials.issueServing({ ipAddresses: ['127.0.0.1'] });
  const file = (suffix: string, text: string): string => {
    writeFileSync(join(bed.directory, `${name}.${suffix}`), text, { mode: 0o600 });
    return join(bed.directory, `${name}.${suffix}`);
  };
  await bed.reach(operationsPort);
  const server = bed.start({
    name,
    command: process.execPath,
    arguments: [
      program,
      options.command ?? 'webhook',
      `-listen=127.0.0.1:${port}`,
      `-tls-cert-file=${file('crt', certificate)}`,
      `-tls-key-file=${file('key', key)}`,
      `-vault-address=${VAULT_ADDRESS}`,
      `-operations-listen=127.0.0.1:${operationsPort}`,
      ...(options.flags ?? []),
    ],
  });
  await untilReady(server, 90, () => answersOk(`${operations}/readyz`));
  return { server, operations, url: `https://127.0.0.1:${port}/mutate`, authority: bed.credentials.authority };
}

/** Registers a webhook, or replaces its registration. It takes effect a moment later: see `untilInjecting`. */
export async function registerWebhook(bed: Bed, registration: Registration): Promise<void> {
  const path = `/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/${registration.name}`;
  const configuration = webhookConfiguration(registration);
  await bed.request('PATCH', `${path}?fieldManager=bed&force=true`, configuration, 'application/apply-patch+yaml');
}

/** Adds rules to every entry of a configuration as it was applied, as a replica does once it is ready. */
export async function openConfiguration(bed: Bed, name: string): Promise<void> {
  const path = `/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/${name}`;
  const { webhooks } = await bed.request<{ webhooks: readonly unknown[] }>('GET', path);
  const patch = webhooks.map((_, index) => ({ op: 'add', path: `/webhooks/${index}/rules`, value: RULES }));
  await bed.request('PATCH', path, patch, 'application/json-patch+json');
}

/** The registration of an installation, with its selection and rules, but with an address in place of the Service. */
function webhookConfiguration(registration: Registration): JsonObject {
  const manifest: unknown = parse(readFileSync(join(repositoryDirectory(), MANIFEST), 'utf8'));
  if (!isObject(manifest)) throw new Error(`${MANIFEST} holds no MutatingWebhookConfiguration`);
  const webhooks = objectsOf(manifest['webhooks']).map((entry) => redirected(entry, registration));
  const metadata = { name: registration.name };
  return { apiVersion: 'admissionregistration.k8s.io/v1', kind: 'MutatingWebhookConfiguration', metadata, webhooks };
}

function redirected(entry: JsonObject, { url, authority, failurePolicy, namespace }: Registration): JsonObject {
  const only = namespace ? [{ key: 'kubernetes.io/metadata.name', operator: 'In', values: [namespace] }] : [];
  const expressions = objectsOf(objectAt(entry, 'namespaceSelector')?.['matchExpressions']);
  return {
    ...entry,
    rules: RULES,
    clientConfig: { url, caBundle: Buffer.from(authority).toString('base64') },
    ...(failurePolicy ? { failurePolicy } : {}),
    namespaceSelector: { matchExpressions: [...expressions, ...only] },
  };
}

/**
 * Waits until an annotated pod would be injected in the namespace, asked by server-side dry runs.
 * @returns milliseconds waited @throws after a minute, with the last answer.
 */
export async function untilInjecting(bed: Bed, namespace: string): Promise<number> {
  const annotations = { 'vault.hashicorp.com/agent-inject': 'true', 'vault.hashicorp.com/role': 'probe' };
  const pod = { metadata: { name: 'probe', annotations }, spec: { containers: [{ name: 'probe', image: 'probe' }] } };
  const started = Date.now();
  let answer = '';
  await eventually(
    `pods are injected in ${namespace}`,
    async () => {
      const { status, text } = await bed.exchange('POST', `/api/v1/namespaces/${namespace}/pods?dryRun=All`, pod);
      answer = `${status} ${text}`;
      return status === 201 && text.includes('agent-inject-status');
    },
    { everyMs: 50, state: () => answer },
  );
  return Date.now() - started;
}
