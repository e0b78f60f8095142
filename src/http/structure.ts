// How much a JSON text will be once it is parsed. A few bytes of text, such as `{},`, can take a hundred of memory: the size of a
// body alone does not bound what it costs.

/** True when the text has more than `limit` of `{`, `[` and `,` outside of its texts: about as many values as it holds. */
export function hasMoreValues(json: Uint8Array, limit: number): boolean {
  // Not worth a look: each of them is a byte.
  if (json.length <= limit) return false;
  let count = 0;
  let isText = false;
  for (let index = 0; index < json.length; index += 1) {
    const byte = json[index];
    if (byte === QUOTE) isText = !isText;
    else if (isText) {
      // What follows a backslash ends no text.
      if (byte === BACKSLASH) index += 1;
    } else if (byte === COMMA || byte === OBJECT || byte === LIST) {
      count += 1;
      if (count > limit) return true;
    }
  }
  return false;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OBJECT = 0x7b;
const LIST = 0x5b;
