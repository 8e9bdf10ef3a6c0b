import { createInterface } from 'node:readline/promises';
import { AppError, type Millis, parseDuration } from '@bellwether/shared';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { ROLE_NAMES, SCOPES, type Scope } from '../auth/index.ts';
import type { CollectorConfig } from '../config.ts';
import { withAdmin } from './admin.ts';
import { type ConfigFlags, configured, loadGiven, type Terminal } from './context.ts';
import { localUrl } from './http-client.ts';
import { table, timeText } from './table.ts';

export function tokenCommands(program: Command, terminal: Terminal): void {
  const token = program.command('token').description('API tokens, and join tokens with which agents enrol');

  configured(token.command('create').description('make a token and print it, this once'))
    .addOption(new Option('--scope <scope>', 'what it may do').choices([...SCOPES, 'join']).default('read'))
    .option('--join', 'short for --scope join')
    .option('--name <name>', 'what it is for, shown in lists', 'cli')
    .option('--expires <duration>', 'how long it works, such as 90d (default: until revoked)', durationArgument)
    .option('--uses <count>', 'join tokens: how many agents may enrol with it (default: any number)', countArgument)
    .action(async (flags: ConfigFlags & { scope: Scope | 'join'; join?: boolean; name: string; expires?: Millis; uses?: number }) => {
      const { config } = await loadGiven(flags, terminal);
      const scope = flags.join === true ? 'join' : flags.scope;
      if (flags.uses !== undefined && scope !== 'join') throw new AppError('BAD_REQUEST', '--uses is for join tokens; add --join.');
      const made = await withAdmin(config, terminal, (admin) =>
        admin.createToken({ name: flags.name, scope, expiresInMs: flags.expires, uses: flags.uses }),
      );
      terminal.write(`${made.token}\n`);
    });

  configured(token.command('list').description('all tokens, without their secrets')).action(async (flags: ConfigFlags) => {
    const { config } = await loadGiven(flags, terminal);
    const tokens = await withAdmin(config, terminal, (admin) => admin.tokens());
    const rows = tokens.map(({ id, name, scope, createdMs, expiresMs, lastUsedMs, usesLeft }) => [
      id,
      name,
      scope,
      timeText(createdMs),
      timeText(expiresMs),
      timeText(lastUsedMs),
      usesLeft ?? '-',
    ]);
    terminal.write(table(['ID', 'NAME', 'SCOPE', 'CREATED', 'EXPIRES', 'LAST USED', 'USES LEFT'], rows));
  });

  configured(token.command('revoke').description('end a token').argument('<id>', 'from `token list`')).action(
    async (id: string, flags: ConfigFlags) => {
      const { config } = await loadGiven(flags, terminal);
      await withAdmin(config, terminal, (admin) => admin.revokeToken(id));
      terminal.write(`revoked ${id}\n`);
    },
  );
}

export function userCommands(program: Command, terminal: Terminal): void {
  const user = program.command('user').description('people who sign in');
  const linkText = (config: CollectorConfig, link: string): string =>
    `${(config.external_url ?? localUrl(config)).replace(/\/+$/, '')}/sign-in#${link}\n(works once, for 15 minutes; first use sets a password)\n`;

  configured(user.command('create').description('make a user and print a one-time sign-in link').argument('<name>'))
    .addOption(new Option('--role <role>', 'admin; operator: acknowledges and silences; viewer').choices([...ROLE_NAMES]).default('viewer'))
    .action(async (name: string, flags: ConfigFlags & { role: (typeof ROLE_NAMES)[number] }) => {
      const { config } = await loadGiven(flags, terminal);
      const { link } = await withAdmin(config, terminal, (admin) => admin.createUser(name, flags.role));
      terminal.write(linkText(config, link));
    });

  configured(user.command('link').description('print a one-time sign-in link').argument('[name]', 'user', 'admin')).action(
    async (name: string, flags: ConfigFlags) => {
      const { config } = await loadGiven(flags, terminal);
      const { link } = await withAdmin(config, terminal, (admin) => admin.createLink(name));
      terminal.write(linkText(config, link));
    },
  );

  configured(user.command('list').description('all users')).action(async (flags: ConfigFlags) => {
    const { config } = await loadGiven(flags, terminal);
    const users = await withAdmin(config, terminal, (admin) => admin.users());
    const rows = users.map(({ name, role, hasPassword, createdMs }) => [name, role, hasPassword ? 'yes' : 'no', timeText(createdMs)]);
    terminal.write(table(['NAME', 'ROLE', 'PASSWORD', 'CREATED'], rows));
  });

  configured(user.command('passwd').description('set a password, read from standard input').argument('[name]', 'user', 'admin')).action(
    async (name: string, flags: ConfigFlags) => {
      const { config } = await loadGiven(flags, terminal);
      const password = await firstLine();
      await withAdmin(config, terminal, (admin) => admin.setPassword(name, password));
      terminal.write(`password of ${name} set; all sessions of ${name} ended\n`);
    },
  );

  configured(user.command('remove').description('remove a user and end all sessions').argument('<name>')).action(
    async (name: string, flags: ConfigFlags) => {
      const { config } = await loadGiven(flags, terminal);
      await withAdmin(config, terminal, (admin) => admin.removeUser(name));
      terminal.write(`removed ${name}\n`);
    },
  );
}

/** A password typed as an argument would be in the shell's history and in the list of processes. */
async function firstLine(): Promise<string> {
  const lines = createInterface({ input: process.stdin });
  try {
    for await (const line of lines) return line;
    throw new AppError(
      'BAD_REQUEST',
      'Give the password on standard input, for example: printf %s "$PASSWORD" | bellwether user passwd admin',
    );
  } finally {
    lines.close();
  }
}

function durationArgument(text: string): Millis {
  const ms = parseDuration(text);
  if (ms === undefined || ms <= 0) throw new InvalidArgumentError('It must be a duration such as 90d or 12h.');
  return ms;
}

function countArgument(text: string): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1) throw new InvalidArgumentError('It must be a whole number from 1.');
  return count;
}
