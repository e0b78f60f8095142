// IP addresses as certificates carry them.
import { isIP } from 'node:net';

/** The 4 or 16 bytes of an IP address. Throws when the text is none. */
export function addressBytes(address: string): Buffer {
  const version = isIP(address);
  if (version === 4) return Buffer.from(address.split('.').map(Number));
  if (version === 0) throw new Error(`not an IP address: ${address}`);
  // The URL parser writes an IPv6 address in its canonical form: hexadecimal groups, one :: at most, no dotted tail.
  const [head = '', tail] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::');
  const [before, after] = [groups(head), groups(tail ?? '')];
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => '0');
  return Buffer.from([...before, ...zeros, ...after].map((group) => group.padStart(4, '0')).join(''), 'hex');
}

const groups = (text: string): readonly string[] => (text === '' ? [] : text.split(':'));
