/** Everything that must be equal after a crash, in a form that shows where it is not. */
import { createHash } from 'node:crypto'
import { Checkpoint } from '../../src/checkpoint/checkpoint.ts'
import { packTensors } from '../../src/checkpoint/tables/states.ts'
import { loggedIn } from './logged.ts'
import type { World } from './world.ts'

export function finalState(world: World) {
  const saved = new Checkpoint(world.store, { snapshots: 50 }).load()
  if (saved === undefined) return undefined
  const { weights, learnerState, remembered, memorised = [], pending, waiting } = saved
  const { progress, positions, setAside, heldOut = [] } = saved
  const rows = (sql: string, column: string) => world.store.all(sql).map((row) => row.text(column))
  return {
    weights: sha256(packTensors(weights.tensors).blob),
    head: weights.head,
    steps: weights.steps,
    learnerState,
    remembered: remembered
      .map(({ key, logits }) => (logits ? `${key} ${[...logits].join()}` : key))
      .toSorted(),
    memorised: memorised.map(
      ({ key, at, vote, vector }) => `${key} ${at} ${JSON.stringify(vote)} ${vector.join()}`,
    ),
    pending: pending.map(({ key }) => key),
    waiting: waiting.map(({ key }) => key),
    setAside: setAside.map(({ key, was }) => `${key} ${was}`),
    heldOut: heldOut.map(({ key, target }) => `${key} ${JSON.stringify(target)}`),
    progress,
    positions,
    log: loggedIn(world.store),
    seen: rows('SELECT hex(hashes) AS hashes FROM seen_runs ORDER BY first', 'hashes').join(''),
    examples: rows('SELECT hex(key) AS key FROM examples ORDER BY key', 'key'),
    snapshots: rows('SELECT version FROM snapshots ORDER BY seq', 'version'),
    versions: [...world.registry.versions].map(([name, { manifest }]) => [name, manifest.digest]),
    moves: world.registry.moves.map(({ live: { version }, canary, shadow, generation, by }) => ({
      version,
      generation,
      by,
      ...(canary && { canary: `${canary.version} ${canary.share}` }),
      ...(shadow && { shadow: shadow.version }),
    })),
    letters: [...world.letters.values()].map(({ key, code }) => `${key} ${code}`).toSorted(),
  }
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
