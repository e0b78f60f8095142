// The part of node-forge that we use: its ASN.1 writer. Its parsers are left undeclared on purpose, so that nothing can call them.
declare module 'node-forge/lib/asn1.js' {
  export interface Asn1 {
    readonly tagClass: number;
  }
  interface Bytes {
    /** One character per byte (latin1). */
    getBytes(): string;
  }
  interface Writer {
    readonly Class: { readonly UNIVERSAL: number; readonly CONTEXT_SPECIFIC: number };
    readonly Type: Readonly<
      Record<
        'BOOLEAN' | 'INTEGER' | 'BITSTRING' | 'OCTETSTRING' | 'OID' | 'UTF8' | 'SEQUENCE' | 'SET' | 'UTCTIME' | 'GENERALIZEDTIME',
        number
      >
    >;
    create(tagClass: number, type: number, constructed: boolean, value: string | Asn1[]): Asn1;
    toDer(node: Asn1): Bytes;
    oidToDer(oid: string): Bytes;
    dateToUtcTime(date: Date): string;
    dateToGeneralizedTime(date: Date): string;
  }
  const writer: Writer;
  // oxlint-disable-next-line import/no-default-export -- a CommonJS module has no other
  export default writer;
}
