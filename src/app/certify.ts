/** Writes the certificate of a request to forget, with what this daemon cannot erase. */
import { certificateHash, writeCertificate } from '../checkpoint/certificates.ts'
import type { ForgetTask } from '../checkpoint/forgetting.ts'
import { modelOf } from '../config/model-parts.ts'
import { certificateOf, type NotErased, wholeSource } from '../trainer/forgetting/certificate.ts'
import type { Registry } from '../versions/contract.ts'
import type { TrainerContext } from './context.ts'

interface CertificatePlace {
  readonly model: string
  readonly folder: string
  readonly registry: Pick<Registry, 'manifest'>
}

export async function certify(
  task: ForgetTask,
  { config }: Pick<TrainerContext, 'config'>,
  { model, folder, registry }: CertificatePlace,
): Promise<string> {
  const manifest = task.rebuilt === null ? undefined : await registry.manifest(task.rebuilt)
  const notErased = notErasedOf(config, model, task)
  const certificate = certificateOf(task, { model, digest: manifest?.digest, notErased })
  await writeCertificate(folder, task.asked.request, certificate)
  return certificateHash(certificate)
}

function notErasedOf(
  config: TrainerContext['config'],
  model: string,
  task: ForgetTask,
): readonly NotErased[] {
  const { sources, sinks } = modelOf(config, model)
  const streams = sources.flatMap((choice) => Object.keys(choice)).filter((name) => name !== 'http')
  const sent = Object.keys(sinks).map((name) => ({
    what: `what the sink ${name} was sent`,
    why: 'it is kept elsewhere',
  }))
  return [
    ...(task.positions === undefined ? streams.map(unreadable) : readIn(task.positions)),
    ...sent,
    ...(config.redis === undefined ? [] : ofFleet(config, task)),
    ...countsLeft(task),
    { what: 'backups and exported versions', why: 'they are out of reach of this daemon' },
    {
      what: 'this certificate, the history, log lines and the audit log',
      why: 'they name sources and ids, and hold no input',
    },
  ]
}

/** Sums over all events: one event is not taken out of them. */
function countsLeft({ asked, retired }: ForgetTask): readonly NotErased[] {
  const isWhole = wholeSource(asked) !== undefined
  return [
    ...(retired.length === 0
      ? []
      : [
          {
            what: 'the manifests of the retired versions',
            why: 'lists and receipts show them: scores, the labels, and how many events by source and label each version learned; they hold no input and no id',
          },
        ]),
    {
      what: 'counts by label and slice in the scores of the versions that stay, in the quality and in the metrics',
      why: `they are sums over all events; ${isWhole ? 'the scores of served answers and the defence do not have the name of the source any more' : 'the scores of served answers and the defence also count by the name of the source'}`,
    },
  ]
}

const ofOwner =
  'they belong to the owner of that stream, and go by its retention, compaction or deletion there; read again, they are refused'

function unreadable(name: string): NotErased {
  return { what: `records in the source ${name}`, why: ofOwner }
}

/** The feedback over HTTP is ours. */
function readIn(positions: NonNullable<ForgetTask['positions']>): readonly NotErased[] {
  const others = Object.entries(positions).filter(([name]) => name !== 'http')
  return others.map(([name, before]) => ({
    what: `records in the source ${name}, before these positions`,
    why: ofOwner,
    before,
  }))
}

function ofFleet(
  { fleet }: TrainerContext['config'],
  { asked, counts }: ForgetTask,
): readonly NotErased[] {
  const { prediction_seconds: seconds } = fleet
  return [
    {
      what: 'the disks of other members of the fleet',
      why: `an inbox keeps a message until it is learned, and takes none of the forgotten events again; served predictions stay for up to 30 days, dead letters by their limit; a checkpoint of a time when that member trained stays until it trains again or its folder is removed; a member that is away removes retired versions when it is back`,
    },
    ...(asked.beforeMs === undefined
      ? []
      : [
          {
            what: 'predictions in Redis that no event was about',
            why: `they expire ${seconds} seconds after their answer`,
          },
        ]),
    ...(counts.checkpoint_copies === undefined
      ? []
      : [
          {
            what: 'earlier copies of the checkpoint in a bucket that keeps old objects',
            why: 'the copy was replaced, and the one before removed; a bucket with versioning keeps both',
          },
        ]),
  ]
}
