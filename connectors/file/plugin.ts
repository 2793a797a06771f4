/** The connector `file` as a plug-in: a JSONL file as source, and as sink of dead letters. */
import type { Settings, SettingsOf } from '../../src/contracts/core.ts'
import type { SinkPlugin, SourceNeeds, SourcePlugin } from '../../src/contracts/stream.ts'
import { onReset } from '../on-reset.ts'

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

export const fileDeadLetters = {
  summary: 'a JSONL file, one dead letter per line',
  settings: sinkSettings,
  async open({ path, file_bytes: fileBytes }: SettingsOf<typeof sinkSettings>) {
    const { fileDeadLetterSink } = await import('./sink.ts')
    return fileDeadLetterSink({ path, fileBytes })
  },
} satisfies SinkPlugin
