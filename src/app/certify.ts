/** Writes the certificate of a request to forget, with what this daemon cannot erase. */
import { writeCertificate } from '../checkpoint/certificates.ts'
import type { ForgetTask } from '../checkpoint/forgetting.ts'
import { modelOf } from '../config/model-parts.ts'
import { certificateOf, type NotErased } from '../trainer/forgetting/certificate.ts'
import type { Registry } from '../versions/contract.ts'
import type { TrainerContext } from './context.ts'

interface Certified {
  readonly model: string
  readonly folder: string
  readonly registry: Pick<Registry, 'manifest'>
}

export async function certify(
  task: ForgetTask,
  { config }: Pick<TrainerContext, 'config'>,
  { model, folder, registry }: Certified,
): Promise<void> {
  const manifest = task.rebuilt === null ? undefined : await registry.manifest(task.rebuilt)
  const notErased = notErasedOf(config, model)
  const certificate = certificateOf(task, { model, digest: manifest?.digest, notErased })
  await writeCertificate(folder, task.asked.request, certificate)
}

function notErasedOf(config: TrainerContext['config'], model: string): readonly NotErased[] {
  const { sources, sinks } = modelOf(config, model)
  const streams = sources.flatMap((choice) => Object.keys(choice))
  const others = streams.filter((name) => name !== 'http')
  const read = others.map((name) => ({
    what: `records in the source ${name}`,
    why: 'they belong to the owner of that stream; read again, they are refused',
  }))
  const sent = Object.keys(sinks).map((name) => ({
    what: `what the sink ${name} was sent`,
    why: 'it is kept elsewhere',
  }))
  const fleet = {
    what: 'Redis, and the disks of other members of the fleet',
    why: 'entries of the feedback stream and copies of predictions expire by their limits; a member that is away removes retired versions when it is back',
  }
  return [
    ...read,
    ...sent,
    ...(config.redis === undefined ? [] : [fleet]),
    { what: 'backups and exported versions', why: 'they are out of reach of this daemon' },
    { what: 'log lines and the audit log', why: 'they name sources and ids, and hold no input' },
  ]
}
