// Shared by the tests of roles: declares backends and roles by name, and reads them in Vault.
import { type JsonObject, objectAt, textOf } from '../../../src/json/json.ts';
import { collectionPath, objectPath } from '../../../src/resources/kinds.ts';
import { conditionOf } from '../../bed/controller.ts';
import type { Stage } from '../seeds/stage.ts';

/** A resync interval of one minute becomes 1.2 seconds. */
export const FLAGS = ['-resync-factor=0.02', '-deletion-timeout=5s'];

export function backend(stage: Stage, name: string, spec: JsonObject = {}): Promise<unknown> {
  return stage.bed.request('POST', collectionPath('VaultAuthBackend'), {
    apiVersion: 'vaultauth.dev/v1alpha1',
    kind: 'VaultAuthBackend',
    metadata: { name },
    spec: {
      endpointRef: { name: 'main' },
      path: name,
      clusterName: 'test',
      resyncSeconds: 60,
      probe: { enabled: false },
      type: 'kubernetes',
      kubernetes: { host: stage.bed.url, reviewer: { mode: 'ClientJWT' } },
      ...spec,
      tenancy: { namespaceSelector: { matchLabels: { roles: 'yes' } }, ...(spec['tenancy'] as JsonObject | undefined) },
    },
  });
}

export function declare(stage: Stage, namespace: string, name: string, spec: JsonObject): Promise<unknown> {
  return stage.bed.request('POST', collectionPath('VaultAuthRole', namespace), {
    apiVersion: 'vaultauth.dev/v1alpha1',
    kind: 'VaultAuthRole',
    metadata: { name },
    spec,
  });
}

export function change(
  stage: Stage,
  kind: 'VaultAuthRole' | 'VaultAuthBackend',
  object: { readonly namespace?: string; readonly name: string },
  patch: JsonObject,
): Promise<unknown> {
  return stage.bed.request('PATCH', objectPath(kind, object), patch, 'application/merge-patch+json');
}

export async function inVault({ vault }: Stage, path: string): Promise<JsonObject | undefined> {
  return objectAt((await vault.ask('GET', path)).json, 'data');
}

export function messageOf(object: JsonObject, type: string): string {
  return textOf(conditionOf(object, type), 'message') ?? '';
}

export function writes({ proxy }: Stage): readonly string[] {
  return proxy.seen
    .filter(
      ({ method, path }) =>
        method !== 'GET' && method !== 'LIST' && !path.includes('list=true') && !/login$|capabilities|renew|lookup/.test(path),
    )
    .map(({ method, path }) => `${method} ${path}`);
}
