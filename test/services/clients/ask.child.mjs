/**
 * Asks a classifier for objects as users of the AI SDK do, and prints them as JSON. Arguments: the address of its OpenAI API, a key, and
 * the name of the model.
 */
import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import { generateObject, generateText, Output, streamObject } from 'ai'
import { z } from 'zod'

const [baseURL, apiKey, name] = process.argv.slice(2)
const provider = createOpenAICompatible({
  ...{ name: 'antikythera', baseURL, apiKey, supportsStructuredOutputs: true },
})
const asked = {
  model: provider(name),
  prompt: 'what a lovely phone',
  maxRetries: 0,
  maxOutputTokens: 120,
}
const schema = z.object({ mood: z.enum(['positive', 'negative']).describe('how it is meant') })

const { object } = await generateObject({ ...asked, schema })
const { output } = await generateText({ ...asked, output: Output.object({ schema }) })
let streamed
for await (const part of streamObject({ ...asked, schema }).partialObjectStream) streamed = part
const choices = { output: 'enum', enum: ['positive', 'negative'] }
const { object: mood } = await generateObject({ ...asked, ...choices })
process.stdout.write(JSON.stringify([object, output, streamed, { mood }]))
