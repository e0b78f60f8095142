// Example Deployments and what the cluster makes of them: their pods, or the reason why there are none.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { isObject, type JsonObject, objectAt, objectsOf, textOf } from '../../../src/json/json.ts';
import type { Bed } from '../bed.ts';
import { repositoryDirectory } from '../environment.ts';
import { eventually } from '../../support/eventually.ts';

export interface Deployment {
  readonly name: string;
  readonly replicas: number;
  readonly template: JsonObject;
}

/** Reads the one Deployment of a manifest file of this repository. */
export function readDeployment(file: string): Deployment {
  const manifest: unknown = parse(readFileSync(join(repositoryDirectory(), file), 'utf8'));
  if (!isObject(manifest)) throw new Error(`${file} holds no Deployment`);
  const name = textOf(objectAt(manifest, 'metadata'), 'name');
  const spec = objectAt(manifest, 'spec');
  const template = objectAt(spec, 'template');
  if (!name || !template) throw new Error(`${file} holds no Deployment with a name and a template`);
  return { name, template, replicas: typeof spec?.['replicas'] === 'number' ? spec['replicas'] : 1 };
}

/** All pods of a Deployment, as soon as there are as many as its replicas. @throws with the Events after 90 s. */
export async function podsOf(
  bed: Bed,
  namespace: string,
  deployment: Deployment,
): Promise<readonly { readonly name: string; readonly pod: JsonObject }[]> {
  let events: readonly string[] = [];
  return eventually(
    `Deployment ${deployment.name} has ${deployment.replicas} pods`,
    async () => {
      const list = await bed.request<JsonObject>('GET', `/api/v1/namespaces/${namespace}/pods`);
      const pods = objectsOf(list['items']).map((pod) => ({ name: nameOf(pod), pod }));
      const own = pods.filter(({ name }) => name.startsWith(`${deployment.name}-`));
      events = await messages(bed, namespace, deployment);
      return own.length >= deployment.replicas && own;
    },
    { seconds: 90, everyMs: 100, state: () => events.join('; ') || 'no event says why' },
  );
}

/** Messages of the Events with the reason why pods of a Deployment were not created. @throws when there is none after 90 s. */
export async function denials(bed: Bed, namespace: string, deployment: Deployment): Promise<readonly string[]> {
  return eventually(
    `an event reports that pods of Deployment ${deployment.name} were refused`,
    async () => {
      const found = await messages(bed, namespace, deployment);
      return found.length > 0 && found;
    },
    { seconds: 90, everyMs: 100 },
  );
}

/** The pod that the template would give without injection, as the API server would store it. */
export function uninjected(bed: Bed, namespace: string, deployment: Deployment): Promise<JsonObject> {
  const metadata = { labels: objectAt(objectAt(deployment.template, 'metadata'), 'labels') ?? {}, name: 'uninjected' };
  return bed.request('POST', `/api/v1/namespaces/${namespace}/pods?dryRun=All`, { metadata, spec: deployment.template['spec'] });
}

async function messages(bed: Bed, namespace: string, deployment: Deployment): Promise<readonly string[]> {
  const list = await bed.request<JsonObject>('GET', `/api/v1/namespaces/${namespace}/events?fieldSelector=reason%3DFailedCreate`);
  const events = objectsOf(list['items']).filter((event) => {
    const about = objectAt(event, 'involvedObject');
    return textOf(about, 'kind') === 'ReplicaSet' && textOf(about, 'name')?.startsWith(`${deployment.name}-`);
  });
  return events.map((event) => textOf(event, 'message') ?? '');
}

const nameOf = (object: JsonObject): string => textOf(objectAt(object, 'metadata'), 'name') ?? '';
