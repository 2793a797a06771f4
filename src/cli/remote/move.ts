/** Moves the live pointer, begins and ends trials, and pins versions through the daemon. */
import type { ModelClient, Move, Pins, TrialRouting, Routing } from '../../client/client.ts'
import type { ClientFlags } from '../flags.ts'
import { print } from '../print.ts'
import { connectModel } from './connect.ts'

export async function movePointer(
  flags: ClientFlags,
  move: (api: ModelClient) => Promise<Move>,
): Promise<void> {
  const { api } = await connectModel(flags)
  const answer = await move(api)
  const { live, previous, generation } = answer
  const what = live === previous ? 'stays live' : `is live now, instead of ${previous}`
  print(flags.json, answer, () => [`${live} ${what} (generation ${generation})`])
}

export async function moveTrial(
  flags: ClientFlags,
  move: (api: ModelClient) => Promise<Routing>,
): Promise<void> {
  const { api } = await connectModel(flags)
  const answer = await move(api)
  const { live, generation } = answer
  print(flags.json, answer, () => [`${live}${trialText(answer)} (generation ${generation})`])
}

/** The canary and the shadow beside a live version: ` + v6 at 10 %`, ` ~ v6 (shadow)`, or nothing. */
export function trialText({ canary, shadow }: TrialRouting): string {
  const percent = canary && Number((100 * canary.share).toPrecision(3))
  return [
    canary === undefined ? '' : ` + ${canary.version} at ${percent} %`,
    shadow === undefined ? '' : ` ~ ${shadow.version} (shadow)`,
  ].join('')
}

export interface PinFlags extends ClientFlags {
  readonly reason?: string
}

export async function listPins(flags: ClientFlags): Promise<void> {
  const { api } = await connectModel(flags)
  const answer = await api.pins()
  print(flags.json, answer, () => listOf(answer, 'nothing is pinned'))
}

function listOf({ pins }: Pins, none: string): readonly string[] {
  return pins.length > 0 ? pins : [none]
}

export async function changePin(
  verb: 'pin' | 'unpin',
  version: string,
  flags: PinFlags,
): Promise<void> {
  const { api } = await connectModel(flags)
  const { reason } = flags
  const answer = await api[verb](version, reason === undefined ? undefined : { reason })
  const done = verb === 'pin' ? 'keeps its bytes until you unpin it' : 'is no longer pinned'
  print(flags.json, answer, () => [
    `${version} ${done}`,
    `pinned: ${listOf(answer, 'nothing').join(', ')}`,
  ])
}
