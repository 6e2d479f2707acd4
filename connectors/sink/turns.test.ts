import { expect, test } from 'vitest';
import { Turns } from './turns.ts';

async function* numbers(): AsyncGenerator<number> {
  for (let number = 0; number < 5; number += 1) yield await Promise.resolve(number);
}

test('no more than so many have an item at once, and everybody gets all of theirs', async () => {
  const turns = new Turns(2);
  let now = 0;
  let most = 0;
  const consume = async (): Promise<number[]> => {
    const all: number[] = [];
    for await (const number of turns.each(numbers())) {
      now += 1;
      most = Math.max(most, now);
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
      all.push(number);
      now -= 1;
    }
    return all;
  };
  expect(await Promise.all([consume(), consume(), consume(), consume()])).toEqual(Array(4).fill([0, 1, 2, 3, 4]));
  expect(most).toBe(2);
});

test('who leaves in the middle, or fails, gives the turn back', async () => {
  const turns = new Turns(1);
  for await (const number of turns.each(numbers())) if (number === 1) break;
  const failing = async (): Promise<void> => {
    for await (const _ of turns.each(numbers())) throw new Error('on purpose');
  };
  await expect(failing()).rejects.toThrow('on purpose');
  await turns.take();
});
