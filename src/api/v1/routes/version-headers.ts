/** Law 6 in headers: the exact version of the answer, also for clients that ignore the body. */
import type { FastifyReply } from 'fastify'
import type { ModelServices } from '../../../serving/services/model-services.ts'

export function nameVersion(
  reply: FastifyReply,
  named: {
    readonly version: string
    readonly digest: string
    /** Absent for a version requested by name, which no move of the pointer selected. */
    readonly generation?: number | undefined
  },
): void {
  void reply.header('x-antikythera-version', named.version)
  void reply.header('x-antikythera-digest', named.digest)
  if (named.generation !== undefined)
    void reply.header('x-antikythera-generation', named.generation)
}

/** For an answer without a version: the one that is live here. */
export function nameLive(reply: FastifyReply, model: ModelServices): void {
  const pointer = model.status().live?.pointer
  if (pointer !== undefined) nameVersion(reply, { ...pointer.live, generation: pointer.generation })
}
