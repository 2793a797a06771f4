/** An adapter on pairs that are read as one sequence: the real PEFT opens its folder and embeds them as we do. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { beforeEach, expect, test } from 'vitest'
import { openBundle } from '../../src/adapters/peft/bundle.ts'
import { openBert } from '../../src/bases/bert/bert.ts'
import { idsOf } from '../../src/payloads/rows.ts'
import { openRandom } from '../../src/platform/random.ts'
import { methods, tasks } from '../../src/plugins.ts'
import { embeddingsOf, needsPeft, pairsByPeft, tinyBert } from '../cli/import-rig.ts'
import { randomVersion } from '../nn/random-version.ts'
import { scratchFolder } from '../scratch-folder.ts'

beforeEach(needsPeft)

test('the real PEFT opens an adapter of pairs, and embeds them with token types as we do', async () => {
  const base = (await openBert(tinyBert)).paired!()
  const config = { method: 'lora', rank: 2, alpha: 4, tail_layers: 'all' } as const
  const task = tasks.classification
  const plan = {
    ...{ base, config, task, outputs: 2 },
    method: methods.lora,
    labels: ['no', 'yes'],
  }
  const version = randomVersion(plan, openRandom(1, 'version'))
  const folder = scratchFolder()
  for (const [name, bytes] of openBundle({ base, methods, tasks }).write(version)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), bytes)
  }
  const rows = [
    ['late', 'lost'],
    ['the price is late', 'no'],
  ].map(([text = '', text_pair = '']) => base.encode({ kind: 'text_pair', text, text_pair }, 32))
  const theirs = await pairsByPeft(
    folder,
    rows.map((row) => [[...idsOf(row)], row.secondFrom ?? 0] as const),
  )
  const ours = await embeddingsOf(base, version, rows)
  const plain = await embeddingsOf(
    base,
    {
      ...version,
      parameters: new Map(
        [...version.parameters].map(([name, { shape, data }]) => [
          name,
          { shape, data: data.map(() => 0) },
        ]),
      ),
    },
    rows,
  )
  for (const [at, row] of ours.entries()) {
    expect(Math.max(...row.map((x, i) => Math.abs(x - theirs[at]![i]!)))).toBeLessThan(1e-4)
    expect(Math.max(...row.map((x, i) => Math.abs(x - plain[at]![i]!)))).toBeGreaterThan(1e-3)
  }
})
