// Which pod of a cluster a person means, in the ways that kubectl's users write it.

export interface PodReference {
  /** Undefined: the one of the kubeconfig's context. */
  readonly namespace: string | undefined;
  readonly name: string;
}

const KIND = /^(?:pods?|po)(?:\/(.*))?$/;

/**
 * `pod NS/NAME`, `pod NAME`, `pod/NAME` and `pod/NS/NAME`. Undefined when the words name no pod, so that they are files; a
 * sentence when they begin like one and go on in another way.
 */
export function podReference([first = '', ...rest]: readonly string[]): PodReference | string | undefined {
  const match = KIND.exec(first);
  if (!match) return undefined;
  const words = match[1] === undefined ? rest : [match[1], ...rest];
  const [word = '', ...more] = words;
  const parts = word.split('/');
  const name = parts.at(-1) ?? '';
  const namespace = parts.length === 2 ? parts[0] : undefined;
  if (more.length > 0 || parts.length > 2 || name === '' || namespace === '')
    return `expected one pod, as "pod NAMESPACE/NAME" or "pod NAME -n NAMESPACE", found ${JSON.stringify([first, ...rest].join(' '))}`;
  return { namespace, name };
}
