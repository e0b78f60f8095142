// What every seed needs: a cluster, a Vault or OpenBao with a controller that serves it, and a client's view of the end state.
import { endpointManifest } from '../../support/endpoint-manifest.ts';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type JsonObject, objectAt, textOf } from '../../../src/json/json.ts';
import { type Bed, startBed } from '../../bed/bed.ts';
import { applyYAML, type ControllerProcess, installController, runController, untilCondition } from '../../bed/controller.ts';
import { repositoryDirectory } from '../../bed/environment.ts';
import { type FaultProxy, startFaultProxy } from '../../bed/fault-proxy.ts';
import { KUBERNETES_VERSIONS, type KubernetesVersion } from '../../bed/recipes.ts';

export const PRODUCTS = ['openbao', 'vault'] as const;
export type ProductName = (typeof PRODUCTS)[number];

export interface Stage {
  readonly bed: Bed;
  readonly product: ProductName;
  /** Applies a manifest of this folder; `{{NAME}}` stands for a value. */
  readonly apply: (file: string, values?: Readonly<Record<string, string>>) => Promise<void>;
  readonly vault: VaultView;
  readonly controller: ControllerProcess;
  /** What the controller talks through. */
  readonly proxy: FaultProxy;
  readonly stop: (outcome?: 'passed' | 'failed') => Promise<void>;
}

/** The server as its administrator, or as the owner of a token, sees it. */
export interface VaultView {
  readonly address: string;
  readonly rootToken: string;
  /** Any answer; `token` is the administrator's unless given. */
  readonly ask: (method: string, path: string, body?: object, token?: string) => Promise<VaultReply>;
  /** What a pod does: POST auth/PATH/login. */
  readonly login: (mount: string, role: string, jwt: string) => Promise<VaultReply>;
}

export interface VaultReply {
  readonly status: number;
  readonly json: JsonObject;
}

export interface StageOptions {
  readonly kubernetes?: KubernetesVersion;
  /** Further flags of the controller. */
  readonly flags?: readonly string[];
  /** The controller is administrator of the server. Default: it has the rights that `policy` prints for what was applied, and no more. */
  readonly isAdministrator?: boolean;
}

/** Brings everything up until VaultEndpoint "main" is ready. */
export async function setStage(product: ProductName, options: StageOptions = {}): Promise<Stage> {
  const { flags = [], isAdministrator = false, ...cluster } = options;
  const bed = await startBed({ ...cluster, parts: ['kube-controller-manager', product] });
  const proxies: FaultProxy[] = [];
  try {
    const server = bed[product];
    if (!server) throw new Error(`${product} did not start`);
    const vault = view(server.address, server.rootToken);
    await installController(bed);
    const proxy = await startFaultProxy({ upstream: server.address });
    proxies.push(proxy);
    const token = isAdministrator ? server.rootToken : await leastToken(vault);
    const manifests = [endpointManifest(proxy.address, token, 'endpoint-token')];
    await grant(vault, manifests);
    await applyYAML(bed, manifests.join(''));
    const controller = await runController(bed, { flags });
    await untilCondition(bed, 'VaultEndpoint', { name: 'main' }, 'Ready=True');
    const apply = async (file: string, values: Readonly<Record<string, string>> = {}): Promise<void> => {
      const text = readFileSync(join(import.meta.dirname, file), 'utf8');
      const all: Readonly<Record<string, string>> = { HOST: bed.url, ...values };
      const manifest = text.replaceAll(/\{\{([A-Z_]+)\}\}/g, (_, name: string) => all[name] ?? '');
      manifests.push(manifest);
      if (!isAdministrator) await grant(vault, manifests);
      await applyYAML(bed, manifest);
    };
    const stop = async (outcome?: 'passed' | 'failed'): Promise<void> => {
      await bed.stop(outcome);
      await proxy.stop();
    };
    return { bed, product, apply, vault, controller, proxy, stop };
  } catch (error) {
    await bed.stop('failed');
    for (const proxy of proxies) await proxy.stop();
    throw error;
  }
}

const POLICY = 'vault-auth-injector';

/** A token that has one policy, which `grant` writes. */
const leastToken = async ({ ask }: VaultView): Promise<string> => {
  const { json } = await ask('POST', 'auth/token/create-orphan', { policies: [POLICY], no_default_policy: true, period: '1h' });
  return textOf(objectAt(json, 'auth'), 'client_token') ?? '';
};

/** What an administrator types: `vault-auth-injector policy -f MANIFESTS | vault policy write vault-auth-injector -`. */
const grant = async ({ ask }: VaultView, manifests: readonly string[]): Promise<void> => {
  const program = join(repositoryDirectory(), 'dist', 'vault-auth-injector.js');
  const input = manifests.join('\n---\n');
  const policy = execFileSync(process.execPath, [program, 'policy', '-f', '-', '-endpoint', 'main'], { input, encoding: 'utf8' });
  const { status } = await ask('POST', `sys/policies/acl/${POLICY}`, { policy });
  if (status >= 300) throw new Error(`the policy was not written: ${status}`);
};

export function view(address: string, rootToken: string): VaultView {
  const ask: VaultView['ask'] = async (method, path, body, token = rootToken) => {
    const answer = await fetch(`${address}/v1/${path}`, {
      method,
      headers: { ...(token === '' ? {} : { 'X-Vault-Token': token }), 'Content-Type': 'application/json' },
      ...(body ? { body: JSON.stringify(body) } : {}),
      signal: AbortSignal.timeout(30_000),
    });
    const text = await answer.text();
    return { status: answer.status, json: text === '' ? {} : (JSON.parse(text) as JsonObject) };
  };
  return { address, rootToken, ask, login: (mount, role, jwt) => ask('POST', `auth/${mount}/login`, { role, jwt }, '') };
}

export interface TokenWish {
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly audience?: string;
  /** Name of a pod that the token is bound to, as the kubelet binds it. */
  readonly pod?: string;
}

/** A token of a service account, as the kubelet gets it for a pod. */
export async function tokenOf(bed: Bed, { namespace, serviceAccount, audience, pod }: TokenWish): Promise<string> {
  const path = `/api/v1/namespaces/${namespace}`;
  const uid = pod && textOf(objectAt(await bed.request<JsonObject>('GET', `${path}/pods/${pod}`), 'metadata'), 'uid');
  const answer = await bed.request<JsonObject>('POST', `${path}/serviceaccounts/${serviceAccount}/token`, {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    spec: {
      audiences: audience === undefined ? [] : [audience],
      expirationSeconds: 600,
      ...(pod === undefined ? {} : { boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name: pod, uid } }),
    },
  });
  return textOf(objectAt(answer, 'status'), 'token') ?? '';
}

/** Creates a pod that nothing runs: a token can be bound to it. */
export async function createPod(bed: Bed, namespace: string, name: string, serviceAccountName: string): Promise<void> {
  await bed.request('POST', `/api/v1/namespaces/${namespace}/pods`, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name },
    spec: { serviceAccountName, containers: [{ name: 'app', image: 'app' }] },
  });
}

/** Together they meet every supported product and version once; nothing here depends on their combination. */
const KUBERNETES: Readonly<Record<ProductName, KubernetesVersion | undefined>> = {
  openbao: KUBERNETES_VERSIONS[0],
  vault: KUBERNETES_VERSIONS.at(-1),
};

/** Declares the tests for both products, one on the newest Kubernetes and one on the oldest. */
export function onEachProduct(declare: (stage: () => Stage) => void, options: StageOptions = {}): void {
  const rows = PRODUCTS.map((product) => ({ product, kubernetes: KUBERNETES[product] ?? KUBERNETES_VERSIONS[0] }));
  describe.each(rows)('with $product on Kubernetes $kubernetes', ({ product, kubernetes }) => {
    let stage: Stage | undefined;
    beforeAll(async () => {
      stage = await setStage(product, { kubernetes, ...options });
    }, 600_000);
    afterAll(() => stage?.stop());
    declare(() => {
      if (!stage) throw new Error('the cluster did not start');
      return stage;
    });
  });
}
