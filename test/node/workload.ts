// Pods that ask for one secret, as workloads of tests have them.
import { FAMILIAR_PREFIX } from '../../src/annotations/names.ts';
import { IMAGES } from '../bed/node/images.ts';
import type { BedWithNode } from '../bed/node/node.ts';
import { eventually } from '../support/eventually.ts';

/** The end of a script that runs until SIGTERM, and then ends at once. */
export const STAY = "trap 'exit 0' TERM; while :; do sleep 1000 & wait $!; done";

export interface PodTemplate {
  readonly metadata: { readonly labels: { readonly app: string }; readonly annotations: object };
  readonly spec: object;
}

/**
 * A template with the label `app`, whose container of that script finds the password of secret/data/web/`app` in
 * /vault/secrets/database, logged in by the role "web". Further annotations are named without prefix, or with one.
 */
export function podTemplate(app: string, script: string, annotations: Readonly<Record<string, string>> = {}): PodTemplate {
  const asked = {
    'agent-inject': 'true',
    role: 'web',
    'agent-inject-secret-database': `secret/data/web/${app}`,
    'agent-inject-template-database': `{{ with secret "secret/data/web/${app}" }}{{ .Data.data.password }}{{ end }}`,
    ...annotations,
  };
  const prefixed = Object.entries(asked).map(([name, value]) => [name.includes('/') ? name : `${FAMILIAR_PREFIX}${name}`, value]);
  return {
    metadata: { labels: { app }, annotations: Object.fromEntries(prefixed) },
    spec: {
      terminationGracePeriodSeconds: 5,
      containers: [{ name: 'app', image: IMAGES.app, command: ['sh', '-c', script] }],
    },
  };
}

/**
 * What a container has said, as soon as it has said anything: a container that runs may not have written yet.
 * @throws after 90 seconds of silence
 */
export async function firstWords(
  bed: Pick<BedWithNode, 'logs'>,
  namespace: string,
  pod: string,
  container: string,
): Promise<string> {
  return eventually(
    `${container} of ${pod} writes to its log`,
    async () => (await bed.logs(namespace, pod, container)) || false,
    {
      seconds: 90,
      everyMs: 100,
    },
  );
}
