// The product installed in a bed as an operator would: deploy/manifests by kustomize, with the two things that are theirs to set.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { IMAGES } from '../bed/node/images.ts';
import type { BedWithNode } from '../bed/node/node.ts';
import { repositoryDirectory } from '../bed/environment.ts';
import { isObject, objectAt, objectsOf } from '../../src/json/json.ts';
import { eventually } from '../support/eventually.ts';

/** Name of the installation's namespace and of everything in it. */
export const INSTALLATION = 'vault-auth-injector';

/**
 * Applies deploy/manifests, or a folder of deploy/variants, with flags that replace those of the same name, or are added, and waits
 * until both replicas serve.
 */
export async function install(bed: BedWithNode, flags: readonly string[], folder = 'manifests'): Promise<void> {
  const deploy = join(repositoryDirectory(), 'deploy', folder);
  const overlay = join(bed.directory, 'installation');
  mkdirSync(overlay);
  const args = await argumentsWith(bed, deploy, ['-register-after=0s', ...flags]);
  const patch = [{ op: 'replace', path: '/spec/template/spec/containers/0/args', value: args }];
  const [newName, newTag] = IMAGES.injector.split(':');
  const kustomization = {
    apiVersion: 'kustomize.config.k8s.io/v1beta1',
    kind: 'Kustomization',
    resources: [relative(overlay, deploy)],
    images: [{ name: INSTALLATION, newName, newTag }],
    patches: [{ target: { kind: 'Deployment', name: INSTALLATION }, patch: JSON.stringify(patch) }],
  };
  writeFileSync(join(overlay, 'kustomization.yaml'), JSON.stringify(kustomization));
  await bed.kubectl(['apply', '-k', join(repositoryDirectory(), 'deploy', 'namespace')]);
  await bed.kubectl(['apply', '-k', overlay]);
  await untilServing(bed);
}

/** Waits until both replicas are Ready, and one of them has opened the configuration. */
export async function untilServing(bed: BedWithNode): Promise<void> {
  for (const name of await replicas(bed)) await bed.untilReady(INSTALLATION, name);
  const path = `/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/${INSTALLATION}`;
  await eventually(
    'every entry has rules',
    async () => {
      const { webhooks } = await bed.request<{ webhooks: readonly { rules?: readonly unknown[] }[] }>('GET', path);
      return webhooks.every(({ rules = [] }) => rules.length > 0);
    },
    { everyMs: 100 },
  );
}

/** Names of the webhook's pods, as soon as there are two. */
export async function replicas(bed: BedWithNode): Promise<readonly string[]> {
  return eventually(
    `the Deployment ${INSTALLATION} has 2 pods`,
    async () => {
      const names = await bed.pods(INSTALLATION, `app.kubernetes.io/name=${INSTALLATION}`);
      return names.length >= 2 && names;
    },
    { seconds: 90, everyMs: 100 },
  );
}

async function argumentsWith(bed: BedWithNode, folder: string, flags: readonly string[]): Promise<readonly string[]> {
  const objects = parseAllDocuments(await bed.kubectl(['kustomize', folder])).map((document): unknown => document.toJS());
  const deployment = objects.filter(isObject).find((object) => object['kind'] === 'Deployment');
  const pod = objectAt(objectAt(objectAt(deployment, 'spec'), 'template'), 'spec');
  const [container] = objectsOf(pod?.['containers']);
  const args = container?.['args'];
  if (!Array.isArray(args)) throw new Error(`${folder} holds no container with args`);
  const replaced = new Set(flags.map(nameOf));
  return [...args.map(String).filter((flag) => !replaced.has(nameOf(flag))), ...flags];
}

const nameOf = (flag: string): string => flag.split('=')[0] ?? flag;
