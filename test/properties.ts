/**
 * fast-check with one seed, so that what a run finds the next one finds too. `ANTIKYTHERA_PROPERTIES=20000 npm test -- PATH`
 * looks further: so many cases of each property, or more, from a seed that is another one each time; a failure prints it,
 * and `ANTIKYTHERA_SEED=<seed>` beside it repeats it.
 */
import fc from 'fast-check'

const SEED = 20260101
const { ANTIKYTHERA_PROPERTIES: wanted, ANTIKYTHERA_SEED: seed } = process.env
const most = Number(wanted ?? 0)
const chosen = wanted === undefined ? SEED : Date.now() % 2 ** 31

fc.configureGlobal({ seed: Number(seed ?? chosen), numRuns: runs(100) })

/** How many cases of a property: `usual`, or more when more are wanted. */
export function runs(usual: number): number {
  return Math.max(usual, most)
}

export { fc }
