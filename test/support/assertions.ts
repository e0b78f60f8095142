// Every test must assert something: one that passes because nothing was checked fails.
beforeEach(() => expect.hasAssertions());
