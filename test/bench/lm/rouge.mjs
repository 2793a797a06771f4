/**
 * ROUGE-1 and ROUGE-L, F1 in percent: words in lower case, runs of letters and digits, without stemming.
 *
 *   P = m / |answer|,  R = m / |reference|,  F1 = 2·P·R / (P + R)      m: words in common, or the longest common subsequence
 *
 * Lin (2004), "ROUGE: a package for automatic evaluation of summaries", ACL workshop "Text summarization branches out".
 */
export function rouge(answer, reference) {
  const [own, right] = [wordsOf(answer), wordsOf(reference)]
  return {
    rouge1: f1(shared(own, right), own, right),
    rougeL: f1(longestCommon(own, right), own, right),
  }
}

function wordsOf(text) {
  return text.toLowerCase().match(/[a-z0-9]+/g) ?? []
}

function f1(matches, own, right) {
  return matches === 0 ? 0 : (200 * matches) / (own.length + right.length)
}

function shared(own, right) {
  const left = new Map()
  for (const word of right) left.set(word, (left.get(word) ?? 0) + 1)
  let count = 0
  for (const word of own) {
    const rest = left.get(word) ?? 0
    if (rest > 0) count += 1
    left.set(word, rest - 1)
  }
  return count
}

function longestCommon(own, right) {
  let row = new Array(right.length + 1).fill(0)
  for (const word of own) {
    const next = [0]
    for (const [at, other] of right.entries())
      next.push(word === other ? row[at] + 1 : Math.max(row[at + 1], next[at]))
    row = next
  }
  return row.at(-1)
}
