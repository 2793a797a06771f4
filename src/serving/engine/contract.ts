/** The engine that answers for all models of one base. */
import type { EncodedRow } from '../../contracts/network.ts'
import type { Version } from '../../versions/contract.ts'

/** Logits for rows that may belong to different adapters. One engine serves all models of one base. */
export interface ServingEngine {
  /** Makes an adapter usable and warm; resolves when every worker holds it. `key` is the version's digest. One `unload` undoes one `load`. */
  load(key: string, version: Version): Promise<void>
  unload(key: string): void
  run(
    rows: readonly { readonly adapter: string; readonly encoded: EncodedRow }[],
  ): Promise<readonly Float32Array[]>
  close(): Promise<void>
}
