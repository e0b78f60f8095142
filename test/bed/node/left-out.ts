// What a test file declares in place of its tests when BED_NODE=off leaves them out: said on stderr and by the test's name.

/** Declares one test that says that `what` is left out. */
export function declareLeftOut(what: string): void {
  const sentence = `${what}: left out, because of BED_NODE=off`;
  it(sentence, () => {
    expect(process.stderr.write(`${sentence}\n`)).toBeDefined();
  });
}
