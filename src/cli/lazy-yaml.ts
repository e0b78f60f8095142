// The YAML library for servers: loaded when the first pod declares its secrets as a list, which in most clusters never happens.
import type { Reply } from '../admission/review.ts';
import type { AnnotationProblem } from '../annotations/annotation-problems.ts';
import type { ReadYaml } from '../annotations/secret-list.ts';
import type { ServingReviewer } from '../http/review-handler.ts';

export interface LazyYaml {
  /** Reads nothing until the library is there. */
  readonly readYaml: ReadYaml;
  /** Reviews again, with the library, what could not be judged without; everything else is answered as before. */
  readonly reviewer: (serving: ServingReviewer) => ServingReviewer;
}

/** What a review says of a list that was not read. */
const UNREAD: AnnotationProblem['code'] = 'secrets-unreadable';

/** Nothing is loaded yet. A library that cannot be loaded refuses the pods that need it, and is tried again. */
export function lazyYaml(): LazyYaml {
  let loaded: ReadYaml | undefined;
  const load = async (): Promise<void> => {
    const { readUntrustedYaml } = await import('../yaml/untrusted.ts');
    loaded = readUntrustedYaml;
  };
  return {
    readYaml: (document) => loaded?.(document) ?? { because: 'the YAML library could not be loaded' },
    reviewer: (serving) => (body, patienceMs) => {
      const reply = serving(body, patienceMs);
      if (loaded) return reply;
      const again = (first: Reply): Reply | Promise<Reply> =>
        first.record?.codes.includes(UNREAD) === true
          ? load().then(
              () => serving(body, patienceMs),
              () => first,
            )
          : first;
      return reply instanceof Promise ? reply.then(again) : again(reply);
    },
  };
}
