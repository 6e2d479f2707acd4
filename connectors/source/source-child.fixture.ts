import { quiet } from '../../topics/kafka.fixture.ts';
import { prepareKafka } from '../../topics/connection.ts';
import { runSource } from './pipeline.ts';
import { newSourceReport } from './report.ts';
import { dependenciesOf, settingsOf, type SourceAddresses } from './source.fixture.ts';

/** A source in a process of its own, to be killed: `node source-child.fixture.js ADDRESSES [FAILPOINT TIMES]`. */
const addresses = JSON.parse(process.argv[2] ?? '') as SourceAddresses;
const failpoint = process.argv[3] ?? '';
let passes = Number(process.argv[4] ?? 1);

const report = newSourceReport();
const told = new Proxy(report, {
  set: (target, name, value) => {
    const done = Reflect.set(target, name, value);
    if (name === 'bytes') process.send?.({ watermark: report.watermark, loadComplete: report.loadComplete });
    return done;
  },
});
const connection = prepareKafka({ brokers: addresses.brokers.split(','), clientId: 'child' }, quiet);
await runSource(
  settingsOf(addresses),
  {
    ...dependenciesOf(addresses, connection, told),
    failpoint: (name) => {
      if (name !== failpoint) return;
      passes -= 1;
      if (passes === 0) process.kill(process.pid, 'SIGKILL');
    },
  },
  new AbortController().signal,
);
