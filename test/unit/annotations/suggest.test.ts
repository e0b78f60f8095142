// Suggestions for misspelt names.
import { nearestName, nearestWord } from '../../../src/annotations/suggest.ts';

describe('the nearest annotation', () => {
  it.each([
    ['rol', 'role'],
    ['roel', 'role'],
    ['agent-injct', 'agent-inject'],
    ['Agent-Inject', 'agent-inject'],
    ['agent_inject', 'agent-inject'],
    ['agent-limit-cpu', 'agent-limits-cpu'],
    ['tls-skip-verfy', 'tls-skip-verify'],
    ['agent-inject-secrt-db', 'agent-inject-secret-db'],
    ['agent-inject-tempalte-my-db', 'agent-inject-template-my-db'],
    ['agent-injct-secret-Db.Conf', 'agent-inject-secret-Db.Conf'],
  ])('of %s is %s', (unknown, nearest) => expect(nearestName(unknown)).toBe(nearest));

  it.each(['', 'x', 'completely-else', 'istio', 'a'.repeat(127)])('of %j is none', (unknown) =>
    expect(nearestName(unknown)).toBeUndefined(),
  );
});

describe('the nearest word', () => {
  it('is near, or there is none', () => {
    expect(nearestWord('explian', ['inject', 'explain'])).toBe('explain');
    expect(nearestWord('serve', ['inject', 'explain'])).toBeUndefined();
    expect(nearestWord('inject', [])).toBeUndefined();
  });
});
