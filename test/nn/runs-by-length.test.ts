import { expect, test } from 'vitest'
import type { EncodedRow, Latent } from '../../src/contracts/network.ts'
import { RunsByLength } from '../../src/nn/onnx/trunk-engine.ts'

const row = (...ids: number[]): EncodedRow => ({ data: Int32Array.from(ids) })
const idsOf = (row: EncodedRow) => [...row.data]
const latentOf = (row: EncodedRow): Latent => {
  const data = Float32Array.from(idsOf(row))
  return { positions: data.length, width: 1, data }
}

/** What was run, and each row's own ids as its latent. */
function open(fails: (rows: readonly EncodedRow[]) => boolean = () => false) {
  const ran: number[][][] = []
  const runs = new RunsByLength(async (rows) => {
    ran.push(rows.map(idsOf))
    if (fails(rows)) throw new Error('the engine failed')
    return Promise.resolve(rows.map(latentOf))
  })
  return { ran, runs }
}

test('rows of one length that are asked for together share a run; each gets its own latent', async () => {
  const { ran, runs } = open()
  const asked = [row(1, 2), row(3), row(4, 5), row(6)]
  const latents = await Promise.all(asked.map((row) => runs.add(row)))
  expect(latents.map(({ data }) => [...data])).toEqual(asked.map(idsOf))
  expect(ran).toEqual([
    [
      [1, 2],
      [4, 5],
    ],
    [[3], [6]],
  ])
})

test('a run has eight rows at most, and rows that are asked for later wait for nobody', async () => {
  const { ran, runs } = open()
  await Promise.all(Array.from({ length: 19 }, (_, at) => runs.add(row(at))))
  await runs.add(row(100))
  expect(ran.map(({ length }) => length)).toEqual([8, 8, 3, 1])
})

test('a run that fails fails its own rows alone', async () => {
  const { runs } = open((rows) => rows.some((row) => idsOf(row).includes(13)))
  const settled = await Promise.allSettled([row(13), row(1), row(2, 3)].map((row) => runs.add(row)))
  expect(settled.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'fulfilled'])
})
