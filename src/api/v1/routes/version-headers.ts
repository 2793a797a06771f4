/** Law 6 in headers: the exact version that made the answer, also for who looks at no body. */
import type { FastifyReply } from 'fastify'
import type { ModelServices } from '../../../serving/services/model-services.ts'

export function nameVersion(
  reply: FastifyReply,
  named: {
    readonly version: string
    readonly digest: string
    /** Absent for a version that was asked for by name: no move of the pointer chose it. */
    readonly generation?: number | undefined
  },
): void {
  void reply.header('x-antikythera-version', named.version)
  void reply.header('x-antikythera-digest', named.digest)
  if (named.generation !== undefined)
    void reply.header('x-antikythera-generation', named.generation)
}

/** Of an answer that no version made: which one is live here. */
export function nameLive(reply: FastifyReply, model: ModelServices): void {
  const pointer = model.status().live?.pointer
  if (pointer !== undefined) nameVersion(reply, { ...pointer.live, generation: pointer.generation })
}
