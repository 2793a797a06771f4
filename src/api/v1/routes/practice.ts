/** Practice: answers of the live version, judged by the program of the task, and learned. */
import type { FastifyInstance } from 'fastify'
import { PracticeAnswer, practiceBody, USUAL_ANSWERS } from '../../../client/schemas/practice.ts'
import { LEAST_ANSWERS, MOST_ANSWERS } from '../../../payloads/signals/answers.ts'
import { defined } from '../../../platform/defined.ts'
import { failure } from '../../../platform/errors.ts'
import { requestInput } from '../../../serving/services/prediction-service.ts'
import type { Services } from '../../../serving/services/services.ts'
import { nameVersion } from '../headers-and-queries.ts'
import { addRoute } from '../route.ts'

export function addPracticeRoute(app: FastifyInstance, services: Services): void {
  addRoute(app, 'POST', '/models/:model/practice', {
    summary:
      'let a language model practise: it answers several times, and learns what its answers are worth',
    description:
      'The program of task: { generation: { reward } } says what each answer is worth. The event that teaches them is feedback like any other.',
    tag: 'predictions',
    // It answers, teaches, and takes the time of both.
    role: 'operate',
    body: practiceBody([LEAST_ANSWERS, MOST_ANSWERS]),
    answer: PracticeAnswer,
    async handle({ params, body, over, caller }, reply) {
      const model = services.model(params.model)
      if (model.practice === undefined)
        throw failure('REWARD_MISSING', `nothing says what answers of ${model.name} are worth`)
      const { facts = null, samples = USUAL_ANSWERS, temperature = 1, seed } = body
      const { manifest, generation, arm, answers, event } = await model.practice.practise({
        input: requestInput(model.base, services.limits, body.input, '/input'),
        ...{ facts, samples, temperature, seed, maxTokens: body.max_tokens, signal: over },
        sources: caller?.sources,
      })
      const { version, digest } = manifest
      nameVersion(reply, { version, digest, generation })
      return {
        ...{ model: model.name, version, digest, answers: [...answers] },
        ...defined({ generation, arm, event: event?.id, position: event?.position }),
      }
    },
  })
}
