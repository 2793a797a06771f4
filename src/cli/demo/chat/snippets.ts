/** How to talk to the daemon that the chat demo leaves running, with curl and with a client of OpenAI's. */
import { conversation } from './daemon.ts'

export function howToAsk(url: string): readonly string[] {
  const body = { model: 'support', ...conversation('Do you repair umbrellas?'), max_tokens: 64 }
  return [
    '',
    'still serving; stop with Ctrl-C',
    `  ${url}/docs`,
    '',
    `curl -s ${url}/v1/chat/completions -H 'content-type: application/json' \\`,
    `  -d '${JSON.stringify(body)}'`,
    '',
    'from openai import OpenAI',
    `client = OpenAI(base_url="${url}/v1", api_key="none")`,
    'answer = client.chat.completions.create(',
    '    model="support", max_tokens=64,',
    '    messages=[{"role": "user", "content": "Do you repair umbrellas?"}],',
    ')',
    'print(answer.choices[0].message.content)',
    '',
    '# what it should have said: the id of the answer is all that feedback needs',
    `curl -s ${url}/v1/models/support/feedback -H 'content-type: application/json' \\`,
    `  -d '{"prediction_id":"<id>","rating":-1}'`,
  ]
}
