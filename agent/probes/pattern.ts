/** Regular expressions of checks over text of whoever is probed, with a bound on the time one may take. */
import { type Context, createContext, Script } from 'node:vm';
import { compilePattern, errorCode } from '@bellwether/shared';
import { ProbeFailure } from './reason.ts';

/** Longest time one match may hold the agent up. A pattern that backtracks without end meets it. */
const MATCH_MS = 50;

/** Matches patterns; one per agent. */
export class PatternMatcher {
  #context: Context | undefined;
  readonly #script = new Script('pattern.exec(text)');
  readonly #compiled = new Map<string, RegExp>();

  /** The match with its groups, or null. Throws ProbeFailure when the pattern is bad or takes too long on this text. */
  exec(pattern: string, text: string): readonly (string | undefined)[] | null {
    const compiled = this.#compile(pattern);
    this.#context ??= createContext(Object.create(null) as Context);
    this.#context.pattern = compiled;
    this.#context.text = text;
    try {
      return this.#script.runInContext(this.#context, { timeout: MATCH_MS }) as readonly (string | undefined)[] | null;
    } catch (error) {
      if (errorCode(error) !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error;
      throw new ProbeFailure(`pattern /${pattern}/ takes more than ${MATCH_MS} ms on this answer; write a simpler one`);
    } finally {
      this.#context.text = '';
    }
  }

  #compile(pattern: string): RegExp {
    const known = this.#compiled.get(pattern);
    if (known !== undefined) return known;
    if (this.#compiled.size >= 1_000) this.#compiled.clear();
    try {
      const compiled = compilePattern(pattern);
      this.#compiled.set(pattern, compiled);
      return compiled;
    } catch {
      throw new ProbeFailure(`/${pattern}/ is not a regular expression`);
    }
  }
}
