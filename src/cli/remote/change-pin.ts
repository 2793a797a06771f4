/** Pins or unpins a version through the daemon, and lists the pinned ones. */
import { modelPath, type JsonObject } from './client.ts'
import { connectModel } from './connect.ts'
import type { ClientFlags } from '../flags.ts'
import { print } from '../print.ts'

export interface PinFlags extends ClientFlags {
  readonly reason?: string
}

export async function listPins(flags: ClientFlags): Promise<void> {
  const { client, model } = await connectModel(flags)
  const answer = await client.get(modelPath(model, 'pins'))
  const { pins } = answer as JsonObject & { readonly pins: readonly string[] }
  print(flags.json, answer, () => (pins.length > 0 ? pins : ['nothing is pinned']))
}

export async function changePin(
  verb: 'pin' | 'unpin',
  version: string,
  flags: PinFlags,
): Promise<void> {
  const { client, model } = await connectModel(flags)
  const path = modelPath(model, 'versions', version, 'pin')
  const { reason } = flags
  const body = reason === undefined ? undefined : { reason }
  const answer = await (verb === 'pin' ? client.put(path, body) : client.delete(path, body))
  print(flags.json, answer, () => {
    const { pins } = answer as JsonObject & { readonly pins: readonly string[] }
    const done = verb === 'pin' ? 'keeps its bytes until you unpin it' : 'is no longer pinned'
    return [`${version} ${done}`, `pinned: ${pins.join(', ') || 'nothing'}`]
  })
}
