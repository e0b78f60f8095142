// Golden pods: each folder is one capability, and a bug report becomes one. `make pods UPDATE=1` rewrites what is expected.
import { expectedOf, goldenPods, podOf, review, createGoldenReview, textIn, writeExpected } from './golden.ts';
import { prose } from '../support/sources.ts';

const isUpdate = process.env['UPDATE'] === '1';

describe.each(goldenPods())('test/pods/%s', (name) => {
  it('says in the first line what it shows', () => expect(textIn(name, 'pod.yaml')).toMatch(/^# [A-Z].*\.\n/));

  it('gets the expected answer', () => {
    const answer = review(createGoldenReview(name), podOf(name));
    if (isUpdate) writeExpected(name, answer);
    expect(answer).toEqual(expectedOf(name));
  });

  it('gets nothing more from a second review', () => {
    const goldenReview = createGoldenReview(name);
    const pod = podOf(name);
    const { pod: injected = pod } = review(goldenReview, pod);
    expect(review(goldenReview, injected).pod).toBeUndefined();
  });
});

it('is quoted to the letter in documents, under <!-- test/pods/NAME/FILE -->', () => {
  const quotes = prose().flatMap(({ file, text }) =>
    [...text.matchAll(/^<!-- test\/pods\/([\w-]+)\/(\w+\.yaml) -->\n+```yaml\n([\s\S]*?)^```$/gm)].map(
      ([, name = '', part = '', quote = '']) => ({
        file,
        name,
        part,
        quote,
      }),
    ),
  );
  expect(quotes.filter(({ name, part, quote }) => !textIn(name, part).includes(quote))).toEqual([]);
});
