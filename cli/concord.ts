#!/usr/bin/env node
import { perform } from './program.ts';

await perform(process.argv.slice(2));
