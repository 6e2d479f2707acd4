import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findJava, findMaven, javaVersionOf } from './java.ts';

describe('finding Java and Maven', () => {
  let directory: string;

  beforeEach(() => {
    directory = mkdtempSync(path.join(tmpdir(), 'concord-java-'));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  const program = (name: string, script: string): void => {
    mkdirSync(path.join(directory, 'bin'), { recursive: true });
    writeFileSync(path.join(directory, 'bin', name), `#!/bin/sh\n${script}\n`);
    chmodSync(path.join(directory, 'bin', name), 0o755);
  };

  it.each([
    ['openjdk version "17.0.15" 2025-04-15', 17],
    ['java version "1.8.0_402"', 8],
    ['openjdk version "25" 2025-09-16', 25],
    ['openjdk version "21-ea" 2023-09-19', 21],
    ['Unable to locate a Java Runtime.', null],
  ])('reads %j as %j', (text, version) => {
    expect(javaVersionOf(text)).toBe(version);
  });

  it('says what to install when there is no Java', () => {
    expect(() => findJava({ PATH: directory })).toThrow(/Install a Java runtime 17 or newer/);
  });

  it('says which Java is too old', () => {
    program('java', 'echo \'openjdk version "11.0.2" 2019-01-15\' >&2');
    expect(() => findJava({ PATH: directory, JAVA_HOME: directory })).toThrow(
      /is Java 11\. Install a Java runtime 17 or newer/,
    );
  });

  it('takes the Java of JAVA_HOME', () => {
    program('java', 'echo \'openjdk version "17.0.1" 2021-10-19\' >&2');
    expect(findJava({ PATH: '/nowhere', JAVA_HOME: directory })).toBe(path.join(directory, 'bin', 'java'));
  });

  it('takes a Java that starts but does not run for none', () => {
    program('java', 'echo "Unable to locate a Java Runtime." >&2; exit 1');
    expect(() => findJava({ PATH: directory, JAVA_HOME: directory })).toThrow(/none was found/);
  });

  it('says what to install when there is no Maven', () => {
    expect(() => findMaven({ PATH: directory })).toThrow(/Install Maven and put it on the PATH/);
  });
});
