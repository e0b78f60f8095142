// Pods without Vault annotations, and their login after injection.
import { type JsonObject, objectAt, objectsOf, textOf } from '../../src/json/json.ts';
import { admit, podWith } from './pods.ts';
import { backendSpec, type Declared, linked, READY } from './linked-cluster.ts';

const ASK = { 'agent-inject': 'true' };
/** A pod that requests injection, without Vault annotations. */
export function bare(annotations: Readonly<Record<string, string>> = {}, spec: JsonObject = {}): JsonObject {
  const pod = podWith({ annotations: { ...ASK, ...annotations }, spec });
  const all = { ...objectAt(objectAt(pod, 'metadata'), 'annotations') };
  if (annotations['role'] === undefined) delete (all as Record<string, unknown>)['vault.hashicorp.com/role'];
  return { ...pod, metadata: { ...objectAt(pod, 'metadata'), annotations: all } };
}

interface Login {
  readonly role: string;
  readonly mount: string;
  readonly type: string;
  readonly address: string;
  readonly namespace: string;
  readonly audience: string | undefined;
  readonly expirationSeconds: number;
  readonly ca: string | undefined;
}

/** How the agent of an injected pod logs in. */
export function loginOf(pod: JsonObject): Login {
  const config = JSON.parse(textOf(objectAt(objectAt(pod, 'metadata'), 'annotations'), 'vaultauth.dev/agent-config') ?? '{}') as {
    auto_auth: { method: [{ type: string; mount_path: string; namespace?: string; config: { role: string } }] };
    vault: { address: string };
  };
  const [method] = config.auto_auth.method;
  const spec = objectAt(pod, 'spec');
  const volume = objectsOf(spec?.['volumes']).find(({ name }) => name === 'vault-auth-token');
  const source = objectAt(objectsOf(objectAt(volume, 'projected')?.['sources'])[0], 'serviceAccountToken');
  const agent = objectsOf(spec?.['initContainers']).find(({ name }) => name === 'vault-agent');
  return {
    role: method.config.role,
    mount: method.mount_path,
    type: method.type,
    address: config.vault.address,
    namespace: method.namespace ?? '',
    audience: textOf(source, 'audience'),
    expirationSeconds: Number(source?.['expirationSeconds']),
    ca: textOf(
      objectsOf(agent?.['env']).find(({ name }) => name === 'VAULT_CACERT_BYTES'),
      'value',
    ),
  };
}

export function loginWith(pod: JsonObject, declared: Declared): Login {
  return loginOf(admit(pod, linked(declared)).pod);
}
export type Backends = NonNullable<Declared['backends']>;
export type Roles = NonNullable<Declared['roles']>;
export const WEB = { web: { status: READY } };
export function moded(mode: string, more: JsonObject = {}): Backends {
  return {
    main: backendSpec({ admission: { mode }, ...more }),
  };
}
