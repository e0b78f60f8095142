// The entries of a variant of deploy/, calling a webhook that runs as a process beside the API server.
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { RULES } from '../../src/kube/webhook-configuration.ts';
import { isObject, objectsOf, textOf } from '../../src/json/json.ts';
import type { Bed } from '../bed/bed.ts';
import { repositoryDirectory } from '../bed/environment.ts';
import type { Webhook } from '../bed/webhook.ts';
import { podsPath, webPod } from './pods.ts';
import { eventually } from '../support/eventually.ts';

/** Registers every entry of the variant, and waits until a pod of an enabled namespace is sent. */
export async function registerVariant(bed: Bed, variant: string, { url, authority }: Webhook): Promise<void> {
  const rendered = await bed.kubectl(['kustomize', join(repositoryDirectory(), 'deploy', 'variants', variant)]);
  const documents = parseAllDocuments(rendered).map((document): unknown => document.toJS());
  const configuration = documents.filter(isObject).find((object) => textOf(object, 'kind') === 'MutatingWebhookConfiguration');
  const clientConfig = { url, caBundle: Buffer.from(authority).toString('base64') };
  const webhooks = objectsOf(configuration?.['webhooks']).map((entry) => ({ ...entry, rules: RULES, clientConfig }));
  await bed.kubectl(['apply', '-f', '-'], JSON.stringify({ ...configuration, webhooks }));
  const annotations = { 'vaultauth.dev/role': 'probe' };
  const probe = await bed.createNamespace({ labels: { 'vaultauth.dev/inject': 'enabled' }, annotations });
  let answer = '';
  await eventually(
    `the entries of ${variant} take effect`,
    async () => {
      answer = (await bed.exchange('POST', podsPath(probe, '?dryRun=All'), webPod('probe', {}))).text;
      return answer.includes('"vault-agent"');
    },
    { state: () => answer },
  );
}

/** How often the API server has called our entries, by its own count. */
export async function callsOf(bed: Bed): Promise<number> {
  return [
    ...(await bed.metrics()).matchAll(/^apiserver_admission_webhook_request_total\{.*\.vaultauth\.dev".*\} (\d+)$/gm),
  ].reduce((sum, [, count]) => sum + Number(count), 0);
}
