/** The example of connectors/README.md, extracted and run: loaded by a config, read, and held to the source's contract. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parseConfig } from '../../src/config/config.ts'
import { openChosen } from '../../src/config/plugins/chosen.ts'
import { pluginsOf } from '../../src/config/plugins/own-plugins.ts'
import type { Source } from '../../src/contracts/source.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { sourceConformance } from '../conformance/source.ts'
import { scratchFolder } from '../scratch-folder.ts'
import { RetryPolicy } from '../../src/platform/retry.ts'
import { silent } from './kafka-source.ts'

const readme = readFileSync(new URL('../../connectors/README.md', import.meta.url), 'utf8')
const blockAfter = (mark: string, language: string) =>
  new RegExp(`\`\`\`${language}\\n([^]*?)\`\`\``).exec(readme.slice(readme.indexOf(mark)))![1]!
const retry = new RetryPolicy({ clock: systemClock, firstMs: 200, longestMs: 5_000 })
const yaml = blockAfter('## Write your own', 'yaml')

/** The config of the page, with the module beside it. */
function configIn(folder: string) {
  writeFileSync(join(folder, 'my-source.mjs'), blockAfter('<!-- my-source.mjs -->', 'js'))
  mkdirSync(join(folder, 'incoming'), { recursive: true })
  return parseConfig(yaml, folder)
}

function openIn(folder: string): Source {
  const config = configIn(folder)
  const needs = {
    ...{ model: 'sentiment', clock: systemClock, log: silent, retry },
    limits: { eventBytes: 1000, messageBytes: 10_000 },
  }
  // A module of one's own need not be waited for.
  return openChosen(
    pluginsOf(config).sources,
    config.models.sentiment!.sources[0]!,
    needs,
  ) as Source
}

test('the example is chosen like a built-in source, and its settings have defaults', () => {
  const folder = scratchFolder()
  const { sources } = configIn(folder).models.sentiment!
  expect(sources).toEqual([{ spool: { path: join(folder, 'incoming'), poll: '250ms' } }])
})

test('a file that is too long comes out one byte over the limit', async () => {
  const folder = scratchFolder()
  const source = openIn(folder)
  writeFileSync(join(folder, 'incoming', '1'), 'x'.repeat(5000))
  const signal = new AbortController().signal
  await source.open({}, signal)
  const [record] = await source.read({ records: 5, waitMs: 0 }, signal)
  expect(record!.value).toHaveLength(1001)
})

test('what it throws is a coded failure with its name, and may succeed later', async () => {
  const folder = scratchFolder()
  const source = openIn(folder)
  const { signal } = new AbortController()
  await source.open({}, signal)
  const there = join(folder, 'incoming')
  writeFileSync(join(there, '2'), 'event')
  mkdirSync(join(there, '1'))
  const failed = source.read({ records: 5, waitMs: 0 }, signal)
  await expect(failed).rejects.toMatchObject({ code: 'SOURCE_FAILED', retriable: true })
  await expect(failed).rejects.toThrow(`spool:${there}`)
})

sourceConformance(
  'spool, the example of the README',
  (values) => {
    const folder = scratchFolder()
    const first = openIn(folder)
    let count = 0
    const append = (added: readonly string[]) => {
      for (const value of added) {
        count += 1
        writeFileSync(join(folder, 'incoming', String(count).padStart(6, '0')), value)
      }
    }
    append(values)
    let source: Source | undefined = first
    return {
      source: () => {
        const made = source ?? openIn(folder)
        source = undefined
        return made
      },
      append,
    }
  },
  // Names are never used again, so that no other content comes into the place of what was read.
  { isOwnJournal: true },
)
