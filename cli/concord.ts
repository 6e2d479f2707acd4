#!/usr/bin/env node
import { perform } from './perform.ts';

// Whoever reads our output may have read enough: `concord status | head`.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit();
});

await perform(process.argv.slice(2));
