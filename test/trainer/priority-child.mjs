/** Behaves, and prints the different priorities of its threads. */
import { readdirSync } from 'node:fs'
import { getPriority } from 'node:os'
import { behave } from '../../dist/src/trainer/process/priority.js'

behave()
const priorities = readdirSync('/proc/self/task').map((thread) => getPriority(Number(thread)))
console.log(JSON.stringify([...new Set(priorities)]))
