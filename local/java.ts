import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { Fault } from '../runtime/fault.ts';

/** The oldest Java on which Kafka 4 and the registry run. */
export const javaVersionMin = 17;

/** The `java` to start servers with: that of JAVA_HOME, else that of PATH. Throws a fault with the remedy if there is none. */
export function findJava(environment: NodeJS.ProcessEnv = process.env): string {
  const home = environment['JAVA_HOME'];
  const fromHome = home === undefined || home === '' ? null : path.join(home, 'bin', 'java');
  const java = fromHome !== null && existsSync(fromHome) ? fromHome : 'java';
  const ran = spawnSync(java, ['-version'], { encoding: 'utf8', env: environment });
  const version = ran.error === undefined && ran.status === 0 ? javaVersionOf(`${ran.stderr}${ran.stdout}`) : null;
  const remedy = `Install a Java runtime ${javaVersionMin} or newer, and put it on the PATH or name it in JAVA_HOME.`;
  if (version === null) {
    throw new Fault(
      'misconfigured',
      'JAVA_MISSING',
      `Kafka and the schema registry need Java, and none was found. ${remedy}`,
    );
  }
  if (version < javaVersionMin) {
    throw new Fault(
      'misconfigured',
      'JAVA_TOO_OLD',
      `Kafka and the schema registry need Java ${javaVersionMin} or newer, and \`${java}\` is Java ${version}. ${remedy}`,
      { version },
    );
  }
  return java;
}

/** The main version in what `java -version` prints (`1.8.0_402` is 8, `17.0.15` is 17); null if it prints none. */
export function javaVersionOf(text: string): number | null {
  const match = /version "(?:1\.)?(\d+)/.exec(text);
  return match === null ? null : Number(match[1]);
}

/** The `mvn` of PATH or of MAVEN_HOME. Throws a fault with the remedy if there is none. */
export function findMaven(environment: NodeJS.ProcessEnv = process.env): string {
  const home = environment['MAVEN_HOME'];
  const candidates = home === undefined || home === '' ? ['mvn'] : [path.join(home, 'bin', 'mvn'), 'mvn'];
  for (const maven of candidates) {
    const ran = spawnSync(maven, ['--version'], { encoding: 'utf8', env: environment });
    if (ran.error === undefined && ran.status === 0) return maven;
  }
  throw new Fault(
    'misconfigured',
    'MAVEN_MISSING',
    'The embedded stack fetches Kafka and the schema registry with Maven, and no working `mvn` was found. ' +
      'Install Maven and put it on the PATH, or name it in MAVEN_HOME.',
  );
}
