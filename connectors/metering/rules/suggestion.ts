/** How many single-character edits lead from one text to the other. */
function distance(a: string, b: string): number {
  let above = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const swap = (above[column - 1] ?? 0) + (a[row - 1] === b[column - 1] ? 0 : 1);
      current.push(Math.min(swap, (above[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1));
    }
    above = current;
  }
  return above[b.length] ?? 0;
}

/** The word that was probably meant, or null when none comes near. */
export function nearestOf(word: string, known: readonly string[]): string | null {
  const wanted = word
    .trim()
    .toUpperCase()
    .replace(/[\s-]+/g, '_')
    .slice(0, 60);
  if (wanted === '') return null;
  let best: string | null = null;
  let least = Math.max(2, Math.ceil(wanted.length / 3)) + 1;
  for (const candidate of known) {
    // A part of a name is a better hint than a few letters that happen to agree.
    const steps = wanted.length >= 4 && candidate.includes(wanted) ? 1 : distance(wanted, candidate);
    if (steps < least) {
      least = steps;
      best = candidate;
    }
  }
  return best;
}
