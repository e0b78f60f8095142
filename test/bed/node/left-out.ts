// What a test file declares in place of its tests when BED_NODE=off skips them: a line on stderr and the test's name report it.

/** Declares one test whose name reports that `what` is skipped. */
export function declareLeftOut(what: string): void {
  const sentence = `${what}: left out, because of BED_NODE=off`;
  it(sentence, () => {
    expect(process.stderr.write(`${sentence}\n`)).toBeDefined();
  });
}
