/** The settings that bound every buffer. */
import type { Setting } from '../../src/contracts/core.ts'

export type Bounds = Readonly<Record<'capacity' | 'bytes' | 'per_source', number>>

export const bounds = {
  capacity: {
    type: 'integer',
    minimum: 1,
    maximum: 1_000_000,
    default: 2000,
    description: 'examples kept for replay; at least train.replay_batch',
  },
  bytes: {
    type: 'integer',
    minimum: 1024,
    maximum: 17_179_869_184,
    default: 268_435_456,
    description: 'total size of these examples',
  },
  per_source: {
    type: 'number',
    minimum: 0.001,
    maximum: 1,
    default: 1,
    description: 'largest share of capacity and bytes that one event source may fill',
  },
} as const satisfies Readonly<Record<string, Setting>>
