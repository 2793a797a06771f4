/**
 * Split-MNIST: the digits two by two, each pair shuffled by itself, and never a word about which pair it is. Pixels are
 * divided by 255 and otherwise as they are.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'

export const PIXELS = 784

/** `{ key, label, pixels }` each. */
export function readMnist(folder, part) {
  const path = join(folder, 'images', 'mnist', `${part}.jsonl.gz`)
  const lines = gunzipSync(readFileSync(path)).toString('latin1').trimEnd().split('\n')
  return lines.map((line, at) => {
    const { features, label } = JSON.parse(line)
    const pixels = Float32Array.from(features, (value) => value / 255)
    return { key: `mnist\0${at}`, label: `${label}`, pixels }
  })
}

/** With `isJoint` all of it in one order of chance: what a learner could know that forgets nothing. */
export function streamOf(rows, random, isJoint) {
  if (isJoint) return shuffled(rows, random)
  const tasks = [...new Set(rows.map(({ label }) => taskOf(label)))].sort((a, b) => a - b)
  return tasks.flatMap((task) => {
    const own = rows.filter(({ label }) => taskOf(label) === task)
    return shuffled(own, random)
  })
}

/** 0 and 1 are the first, 8 and 9 the last. */
export function taskOf(label) {
  return Math.floor(Number(label) / 2)
}

/** Fisher & Yates (1938), as Durstenfeld (1964) has it. */
function shuffled(rows, random) {
  const order = [...rows]
  for (let last = order.length - 1; last > 0; last -= 1) {
    const place = random.below(last + 1)
    const row = order[last]
    order[last] = order[place]
    order[place] = row
  }
  return order
}
