/** The connector `file` as a plug-in: a JSONL file as source, and as sink of dead letters. */
import type { Settings, SettingsOf } from '../../src/contracts/core.ts'
import type {
  ConnectorUse,
  SinkPlugin,
  SourceNeeds,
  SourcePlugin,
} from '../../src/contracts/connector.ts'
import { onReset } from '../resets.ts'

const sourceSettings = {
  path: {
    type: 'path',
    required: true,
    description: 'JSONL, one event per line, followed as it grows',
  },
  on_reset: onReset('a file that was truncated or replaced'),
} as const satisfies Settings

export const fileSourcePlugin = {
  summary: 'a JSONL file, followed as it grows',
  settings: sourceSettings,
  async open(
    { path, on_reset: onReset }: SettingsOf<typeof sourceSettings>,
    { limits, clock, log }: SourceNeeds,
  ) {
    const { fileSource } = await import('./source.ts')
    const lineBytes = limits.eventBytes
    return fileSource({ name: `file:${path}`, path, lineBytes, onReset, clock, log })
  },
  channels: ({ settings: { path } }: ConnectorUse) => [{ protocol: 'file', address: String(path) }],
} satisfies SourcePlugin

const sinkSettings = {
  path: {
    type: 'path',
    required: true,
    description: 'JSONL, one dead letter per line; at file_bytes it becomes path.1',
  },
  file_bytes: {
    type: 'integer',
    minimum: 4096,
    maximum: 2 ** 40,
    default: 64 * 1024 * 1024,
    description: 'size at which a new file begins; one full file is kept',
  },
} as const satisfies Settings

const text = { type: 'string' }

/** A line as `sink.ts` writes it. */
const letterLine = {
  type: 'object',
  properties: {
    ...{ key: text, code: text, reason: text, connector: text, partition: text, position: text },
    timeMs: { type: 'integer', description: 'ms since 1970' },
    headers: {
      type: 'object',
      additionalProperties: {
        anyOf: [text, { type: 'object', properties: { base64: text }, required: ['base64'] }],
      },
    },
    value: { ...text, contentEncoding: 'base64' },
  },
  required: ['key', 'code', 'reason', 'connector', 'partition', 'position', 'timeMs', 'value'],
}

export const fileDeadLetters = {
  summary: 'a JSONL file, one dead letter per line',
  settings: sinkSettings,
  async open({ path, file_bytes: fileBytes }: SettingsOf<typeof sinkSettings>) {
    const { fileDeadLetterSink } = await import('./sink.ts')
    return fileDeadLetterSink({ path, fileBytes })
  },
  channels: ({ settings: { path } }: ConnectorUse) => [
    { protocol: 'file', address: String(path), payload: letterLine },
  ],
} satisfies SinkPlugin
