export function rouge(
  answer: string,
  reference: string,
): { readonly rouge1: number; readonly rougeL: number }
