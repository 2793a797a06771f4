/** A row of any base, to run its network once: to warm an engine up, or to see whether a version answers. */
import type { Base } from '../contracts/base.ts'
import type { EncodedRow } from '../contracts/network.ts'

export function sampleRow(base: Base, maxTokens: number): EncodedRow {
  const { rows, network } = base
  const [kind] = base.reads
  // A base of numbers may refuse the example, because its own schema has other names.
  return kind === undefined || rows === 'values'
    ? { data: new Float32Array(network.latentWidth(0)).fill(1) }
    : base.encode({ kind: kind.name, [kind.name]: kind.example }, maxTokens)
}
