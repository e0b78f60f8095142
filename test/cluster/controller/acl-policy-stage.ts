// What the tests of policies share: policies declared by name, and what Vault has of them.
import { type JsonObject, objectAt, objectsOf, textOf } from '../../../src/pod/manifest.ts';
import { collectionPath, objectPath } from '../../../src/resources/kinds.ts';
import { untilCondition } from '../../bed/controller.ts';
import type { Stage } from '../seeds/stage.ts';
import { inVault, writes } from './role-stage.ts';

export const READ = 'path "secret/data/app" { capabilities = ["read"] }';

export const policy = (stage: Stage, name: string, spec: JsonObject = {}): Promise<unknown> =>
  stage.bed.request('POST', collectionPath('VaultACLPolicy'), {
    apiVersion: 'vaultauth.dev/v1alpha1',
    kind: 'VaultACLPolicy',
    metadata: { name },
    spec: { endpointRef: { name: 'main' }, policy: READ, ...spec },
  });
export const change = (stage: Stage, name: string, spec: JsonObject): Promise<unknown> =>
  stage.bed.request('PATCH', objectPath('VaultACLPolicy', { name }), { spec }, 'application/merge-patch+json');
export const textInVault = async (stage: Stage, name: string): Promise<string | undefined> =>
  textOf(await inVault(stage, `sys/policies/acl/${name}`), 'policy');
export const putIntoVault = (stage: Stage, name: string, text: string): Promise<unknown> =>
  stage.vault.ask('POST', `sys/policies/acl/${name}`, { policy: text });
export const has = (stage: Stage, name: string, expected: string): Promise<JsonObject> =>
  untilCondition(stage.bed, 'VaultACLPolicy', { name }, expected);
export const driftOf = (object: JsonObject): readonly JsonObject[] => objectsOf(objectAt(object, 'status')?.['drift']);
export const writesOf = (stage: Stage, name: string): readonly string[] =>
  writes(stage).filter((line) => line.endsWith(`/sys/policies/acl/${name}`));
export const isGone = async (stage: Stage, name: string): Promise<boolean> =>
  (await stage.bed.exchange('GET', objectPath('VaultACLPolicy', { name }))).status === 404;
