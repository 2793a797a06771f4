/** The connection settings of a Kafka client: the same for the source and both sinks. */
import type { Clock, Logger } from '../../src/contracts/core.ts'
import type { OnReset, RetryDelays } from '../../src/contracts/source.ts'

export interface KafkaConnection {
  /** `host:port`, one or several of the cluster. */
  readonly brokers: readonly string[]
  /** The name of this client in the brokers' logs and quotas. */
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
  /** The authority that signed the brokers' certificates. */
  readonly ca?: string | undefined
  /** The client's own certificate and key, if the brokers require them. */
  readonly cert?: string | undefined
  readonly key?: string | undefined
}

export interface KafkaSourceOptions extends KafkaConnection {
  readonly name: string
  readonly topics: readonly string[]
  readonly group: string
  /** Where a partition begins that the checkpoint does not know. */
  readonly from?: 'beginning' | 'end' | undefined
  /** What to do if the position to continue from no longer exists. */
  readonly onLost?: 'stop' | 'skip' | undefined
  /** Where to continue in a topic that was deleted and created again. */
  readonly onReset?: OnReset | undefined
  readonly limits: KafkaLimits
  /** Between a consumer that crashed and the next one. */
  readonly retry: RetryDelays
  readonly clock: Clock
  readonly log: Logger
  /** Maximum age of the partition ends that `lag` uses. */
  readonly lagMs?: number | undefined
  /** How often to look for new partitions. */
  readonly metadataMs?: number | undefined
  /** After this long without a heartbeat, the group assigns our partitions to others. */
  readonly sessionMs?: number | undefined
}

export interface KafkaLimits {
  /** A longer value is truncated, one byte over the limit. */
  readonly eventBytes: number
  /** Maximum decompressed size of one batch. */
  readonly batchBytes: number
  /** Limit for records that are fetched and not yet read. */
  readonly bufferBytes: number
  readonly bufferRecords: number
}
