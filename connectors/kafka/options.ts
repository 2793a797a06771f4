/** How a client of Kafka is told where the brokers are and who it is: the same for the source and both sinks. */
import type { Clock, Logger } from '../../src/contracts/core.ts'
import type { OnReset, RetryDelays } from '../../src/contracts/stream.ts'

export interface KafkaConnection {
  /** `host:port`, one or several of the cluster. */
  readonly brokers: readonly string[]
  /** What the brokers' logs and quotas call this client. */
  readonly clientId?: string | undefined
  readonly sasl?: KafkaSasl | undefined
  /** `true` for certificates of a public authority; paths of PEM files for others. */
  readonly tls?: true | KafkaTls | undefined
}

export interface KafkaSasl {
  readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512'
  readonly username: string
  readonly password: string
}

export interface KafkaTls {
  /** Who signed the brokers' certificates. */
  readonly ca?: string | undefined
  /** The client's own certificate and key, where the brokers ask for one. */
  readonly cert?: string | undefined
  readonly key?: string | undefined
}

export interface KafkaSourceOptions extends KafkaConnection {
  readonly name: string
  readonly topics: readonly string[]
  readonly group: string
  /** Where a partition begins of which the checkpoint knows nothing. */
  readonly from?: 'beginning' | 'end' | undefined
  /** What to do when the position to go on from is not there any more. */
  readonly onLost?: 'stop' | 'skip' | undefined
  /** Where to go on in a topic that was deleted and created again. */
  readonly onReset?: OnReset | undefined
  readonly limits: KafkaLimits
  /** Between a consumer that crashed and the next one. */
  readonly retry: RetryDelays
  readonly clock: Clock
  readonly log: Logger
  /** How old the ends of the partitions may be that `lag` reckons with. */
  readonly lagMs?: number | undefined
  /** How often new partitions are looked for. */
  readonly metadataMs?: number | undefined
  /** After this without a word the group deals our partitions to others. */
  readonly sessionMs?: number | undefined
}

export interface KafkaLimits {
  /** A longer value comes out cut, one byte over the limit. */
  readonly eventBytes: number
  /** What may come out of one compressed batch. */
  readonly batchBytes: number
  /** Fetched and not read yet. */
  readonly bufferBytes: number
  readonly bufferRecords: number
}
