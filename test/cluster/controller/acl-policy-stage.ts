// Shared by the tests of policies: declares policies by name, and reads their text in Vault.
import { type JsonObject, objectAt, objectsOf, textOf } from '../../../src/json/json.ts';
import { collectionPath, objectPath } from '../../../src/resources/kinds.ts';
import { untilCondition } from '../../bed/controller.ts';
import type { Stage } from '../seeds/stage.ts';
import { inVault, writes } from './role-stage.ts';

export const READ = 'path "secret/data/app" { capabilities = ["read"] }';

export function policy(stage: Stage, name: string, spec: JsonObject = {}): Promise<unknown> {
  return stage.bed.request('POST', collectionPath('VaultACLPolicy'), {
    apiVersion: 'vaultauth.dev/v1alpha1',
    kind: 'VaultACLPolicy',
    metadata: { name },
    spec: { endpointRef: { name: 'main' }, policy: READ, ...spec },
  });
}
export function change(stage: Stage, name: string, spec: JsonObject): Promise<unknown> {
  return stage.bed.request('PATCH', objectPath('VaultACLPolicy', { name }), { spec }, 'application/merge-patch+json');
}
export async function textInVault(stage: Stage, name: string): Promise<string | undefined> {
  return textOf(await inVault(stage, `sys/policies/acl/${name}`), 'policy');
}
export function putIntoVault(stage: Stage, name: string, text: string): Promise<unknown> {
  return stage.vault.ask('POST', `sys/policies/acl/${name}`, { policy: text });
}
export function has(stage: Stage, name: string, expected: string): Promise<JsonObject> {
  return untilCondition(stage.bed, 'VaultACLPolicy', { name }, expected);
}
export function driftOf(object: JsonObject): readonly JsonObject[] {
  return objectsOf(objectAt(object, 'status')?.['drift']);
}
export function writesOf(stage: Stage, name: string): readonly string[] {
  return writes(stage).filter((line) => line.endsWith(`/sys/policies/acl/${name}`));
}
export async function isGone(stage: Stage, name: string): Promise<boolean> {
  return (await stage.bed.exchange('GET', objectPath('VaultACLPolicy', { name }))).status === 404;
}
