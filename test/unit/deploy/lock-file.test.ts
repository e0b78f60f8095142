// The lock file is complete for every platform: npm ci refuses one that is not, and npm install writes such a one where a
// registry lacks the packages of other platforms.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

interface Package {
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly resolved?: string;
}

const lock = JSON.parse(readFileSync(join(import.meta.dirname, '..', '..', '..', 'package-lock.json'), 'utf8')) as {
  readonly packages: Readonly<Record<string, Package>>;
};

it('has an entry for each optional package', () => {
  const missing = Object.entries(lock.packages).flatMap(([path, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies).filter(
      (name) => !lock.packages[`node_modules/${name}`] && !lock.packages[`${path}/node_modules/${name}`],
    ),
  );
  expect(missing).toEqual([]);
});

it('names no registry', () => expect(Object.values(lock.packages).filter(({ resolved }) => resolved !== undefined)).toEqual([]));
