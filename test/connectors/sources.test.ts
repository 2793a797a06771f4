import { appendFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileSource } from '../../connectors/file/source.ts'
import { httpSource } from '../../connectors/http/source.ts'
import { memorySource, type MemorySource } from '../../connectors/memory/source.ts'
import type { Journal } from '../../src/contracts/source.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { sourceConformance } from '../conformance/source.ts'
import { scratchFolder } from '../scratch-folder.ts'
import { silent } from './kafka-source.ts'

sourceConformance(
  'memory',
  (values) => {
    const all = [...values]
    const opened: MemorySource[] = []
    return {
      source: () => {
        const source = memorySource('memory', all)
        opened.push(source)
        return source
      },
      append: (added) => {
        all.push(...added)
        for (const source of opened) source.append(added)
      },
    }
  },
  { isOwnJournal: true },
)

sourceConformance('file', (values) => {
  const path = join(scratchFolder(), 'events.jsonl')
  const lines = (of: readonly string[]) => of.map((value) => `${value}\n`).join('')
  writeFileSync(path, lines(values))
  return {
    source: () =>
      fileSource({
        name: 'file',
        path,
        lineBytes: 1024,
        clock: systemClock,
        log: silent,
        pollMs: 5,
      }),
    append: (added) => appendFileSync(path, lines(added)),
    // As `copytruncate` does.
    replace: (added) => writeFileSync(path, lines(added)),
  }
})

sourceConformance(
  'http',
  (values) => {
    const kept = values.map((value) => new TextEncoder().encode(value))
    const journal: Journal = {
      read: (from, count) =>
        kept
          .slice(from, from + count)
          .map((value, index) => ({ offset: from + index, value: value.slice(), timeMs: 1 })),
      identity: 'j1',
      begin: () => 0,
      disown: () => undefined,
      end: () => kept.length,
      consumed: () => undefined,
      learned: () => 0,
    }
    return {
      source: () => httpSource({ name: 'http', journal, clock: systemClock }),
      append: (added) => void kept.push(...added.map((value) => new TextEncoder().encode(value))),
    }
  },
  { isOwnJournal: true },
)
