// The part of the demonstration that Vault has in it: what is declared, what the server holds then, and a pod that logs in.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type JsonObject, objectAt, objectsOf, textOf } from '../../../src/json/json.ts';
import type { Bed } from '../bed.ts';
import { applyYAML, CONTROLLER_NAMESPACE, installController, runController, untilCondition } from '../controller.ts';
import { repositoryDirectory } from '../environment.ts';

/** What the example Deployment needs in Vault. */
export const VAULT_EXAMPLE = 'deploy/examples/vault.yaml';
/** The secret that the example Deployment's template reads. */
const SECRET = { path: 'secret/data/web/database', data: { username: 'web', password: 'correct-horse' } };

/** Starts the controller and gives the lines of `kubectl get vaultauth` when all is ready. */
export async function declareVault(bed: Bed, namespace: string): Promise<readonly string[]> {
  const { address, rootToken } = serverOf(bed);
  await ask(bed, 'POST', SECRET.path, { data: SECRET.data });
  await installController(bed);
  await runController(bed);
  const manifest = readFileSync(join(repositoryDirectory(), VAULT_EXAMPLE), 'utf8')
    .replace('http://openbao.openbao.svc:8200', address)
    .replace('https://kubernetes.default.svc', bed.url);
  const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'vault-token', namespace: CONTROLLER_NAMESPACE } };
  await applyYAML(bed, JSON.stringify({ ...secret, stringData: { token: rootToken } }));
  await applyYAML(bed, manifest);
  await untilCondition(bed, 'VaultAuthBackend', { name: 'kubernetes' }, 'Ready=True', 60);
  await untilCondition(bed, 'VaultAuthRole', { namespace, name: 'web' }, 'Ready=True', 60);
  return (await bed.kubectl(['get', 'vep,vab,vaultaclpolicies,var', '-A'])).trimEnd().split('\n');
}

/** The role as the server has it: what binds it, and what it gives. */
export async function roleInVault(bed: Bed): Promise<readonly string[]> {
  const data = objectAt(await ask(bed, 'GET', 'auth/kubernetes/role/web'), 'data') ?? {};
  const shown = [
    'bound_service_account_names',
    'bound_service_account_namespaces',
    'audience',
    'token_policies',
    'token_ttl',
    'token_max_ttl',
  ];
  return shown.map((field) => `${field.padEnd(34)}${JSON.stringify(data[field])}`);
}

export interface PodLogin {
  readonly audience: string;
  /** What Vault remembers of who logged in; what is empty is left out. */
  readonly metadata: readonly (readonly [name: string, value: string])[];
  readonly policies: readonly string[];
  readonly secret: JsonObject;
}

/** Does what the agent in the pod would do: logs in with a token that is bound to the pod, and reads the secret. */
export async function logInAs(
  bed: Bed,
  namespace: string,
  pod: { readonly name: string; readonly pod: JsonObject },
): Promise<PodLogin> {
  const spec = objectAt(pod.pod, 'spec');
  const audience = audienceOf(spec);
  const account = textOf(spec, 'serviceAccountName') ?? 'default';
  const uid = textOf(objectAt(pod.pod, 'metadata'), 'uid');
  const request = await bed.request<JsonObject>('POST', `/api/v1/namespaces/${namespace}/serviceaccounts/${account}/token`, {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    spec: {
      audiences: [audience],
      expirationSeconds: 600,
      boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name: pod.name, uid },
    },
  });
  const jwt = textOf(objectAt(request, 'status'), 'token');
  const auth = objectAt(await ask(bed, 'POST', 'auth/kubernetes/login', { role: 'web', jwt }, ''), 'auth');
  const secret = await ask(bed, 'GET', SECRET.path, undefined, textOf(auth, 'client_token') ?? '');
  const policies = auth?.['policies'];
  const metadata = objectAt(auth, 'metadata') ?? {};
  return {
    audience,
    metadata: Object.keys(metadata).flatMap((name) => {
      const value = textOf(metadata, name) ?? '';
      return value === '' ? [] : [[name, value] as const];
    }),
    policies: Array.isArray(policies) ? policies.filter((policy) => typeof policy === 'string') : [],
    secret: objectAt(objectAt(secret, 'data'), 'data') ?? {},
  };
}

/** The audience of the token that the webhook has given to the pod. */
const audienceOf = (spec: JsonObject | undefined): string => {
  const sources = objectsOf(spec?.['volumes']).flatMap((volume) => objectsOf(objectAt(volume, 'projected')?.['sources']));
  const audiences = sources.map((source) => textOf(objectAt(source, 'serviceAccountToken'), 'audience'));
  const found = audiences.find((audience) => audience !== undefined);
  if (found === undefined) throw new Error('the pod has no projected token of its own');
  return found;
};

const serverOf = (bed: Bed): { readonly address: string; readonly rootToken: string } => {
  if (!bed.openbao) throw new Error('OpenBao did not start');
  return bed.openbao;
};

const ask = async (
  bed: Bed,
  method: string,
  path: string,
  body?: object,
  token = serverOf(bed).rootToken,
): Promise<JsonObject> => {
  const answer = await fetch(`${serverOf(bed).address}/v1/${path}`, {
    method,
    headers: token === '' ? {} : { 'X-Vault-Token': token },
    ...(body ? { body: JSON.stringify(body) } : {}),
    signal: AbortSignal.timeout(10_000),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
  return (text === '' ? {} : JSON.parse(text)) as JsonObject;
};
