/** The one rule for which text is visible, shared by learning, predicting and every base. */

/** Spaces, controls, format marks, fillers and halves of surrogate pairs are invisible on a screen. */
const VISIBLE = /[^\p{White_Space}\p{Cc}\p{Cf}\p{Cs}\p{Default_Ignorable_Code_Point}]/u

/** Whether it has at least one character that a person would see. */
export function isVisible(text: string): boolean {
  return VISIBLE.test(text)
}

/** Whether it has marks that show its characters in another order: it could be read as another text. */
export function isReordered(text: string): boolean {
  return /[\u202A-\u202E\u2066-\u2069]/u.test(text)
}

/** Half of a surrogate pair is not a character: it becomes U+FFFD, as a UTF-8 encoder would write it. */
export function wellFormed(text: string): string {
  return text.replace(/\p{Cs}/gu, '\uFFFD')
}
